//! Filesystems to run guests over: the `guest` beside it is the including program's.

use super::guest::Guest;
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use wasi_gofer::{CachePolicy, FsOptions, Gofer, IntoBackend, MountOptions};

pub(crate) fn options(policy: CachePolicy) -> MountOptions {
    MountOptions { fs: FsOptions::with_policy(policy), ..MountOptions::default() }
}

/// One backend at one guest path.
pub(crate) fn mount(guest_path: &str, backend: impl IntoBackend, options: MountOptions) -> Gofer {
    let mut builder = Gofer::builder();
    builder.mount(guest_path, backend, options);
    builder.build().expect("mounted")
}

/// A guest with one backend at `/`, under the default policy.
pub(crate) fn at_root(backend: impl IntoBackend) -> Guest {
    Guest::new(mount("/", backend, MountOptions::default()).ctx())
}

/// A directory of the host that a guest gets, and one beside it with a secret that it must never reach.
///
/// ```text
/// inside/          the guest's `/`
/// outside/secret   SECRET
/// outside/empty/
/// ```
pub(crate) struct Scene {
    scratch: TempDir,
}

impl Scene {
    /// What the outside's file says.
    pub(crate) const SECRET: &str = "the host's secret";

    pub(crate) fn new() -> Scene {
        let scene = Scene { scratch: tempfile::tempdir().expect("a directory") };
        fs::create_dir(scene.inside()).expect("made");
        fs::create_dir_all(scene.outside().join("empty")).expect("made");
        fs::write(scene.outside().join("secret"), Scene::SECRET).expect("written");
        scene
    }

    pub(crate) fn inside(&self) -> PathBuf {
        self.scratch.path().join("inside")
    }

    pub(crate) fn outside(&self) -> PathBuf {
        self.scratch.path().join("outside")
    }

    pub(crate) fn write(&self, path: &str, contents: &str) {
        let path = self.inside().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(path, contents).expect("written");
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.inside().join(path)).expect("read")
    }

    /// A symbolic link that the host made, with any target.
    pub(crate) fn symlink(&self, target: impl AsRef<Path>, path: &str) {
        std::os::unix::fs::symlink(target, self.inside().join(path)).expect("linked");
    }

    /// Files of the host with times before 1970 and at the ends of what is there: `before`, `long-before` and `far`.
    pub(crate) fn write_extreme_times(&self) {
        for (name, tv_sec, tv_nsec) in [("before", -1, 5), ("long-before", i64::MIN, 0), ("far", i64::MAX, 999_999_999)]
        {
            self.write(name, "contents");
            let time = Timespec { tv_sec, tv_nsec };
            let times = Timestamps { last_access: time, last_modification: time };
            // A filesystem that cannot hold it keeps the nearest that it can.
            utimensat(CWD, self.inside().join(name), &times, AtFlags::empty()).expect("set");
        }
    }

    pub(crate) fn gofer(&self, policy: CachePolicy) -> Gofer {
        let mut builder = Gofer::builder();
        builder.dir(self.inside(), "/", options(policy));
        builder.build().expect("mounted")
    }

    /// A guest with the inside at `/`.
    pub(crate) fn guest(&self, policy: CachePolicy) -> Guest {
        Guest::new(self.gofer(policy).ctx())
    }

    /// A guest with the inside at `/`, which cannot be changed there.
    pub(crate) fn read_only_guest(&self, policy: CachePolicy) -> Guest {
        let mut builder = Gofer::builder();
        builder.dir(self.inside(), "/", MountOptions { read_only: true, ..options(policy) });
        Guest::new(builder.build().expect("mounted").ctx())
    }

    /// A guest with the inside at `/ro`, which cannot be changed there, and at `/rw`.
    pub(crate) fn guest_with_ro_and_rw(&self, policy: CachePolicy) -> Guest {
        let mut builder = Gofer::builder();
        builder.dir(self.inside(), "/ro", MountOptions { read_only: true, ..options(policy) });
        builder.dir(self.inside(), "/rw", options(policy));
        Guest::new(builder.build().expect("mounted").ctx())
    }

    /// Nothing happened outside.
    #[track_caller]
    pub(crate) fn assert_untouched(&self) {
        let names = |path: PathBuf| {
            let mut names: Vec<_> =
                fs::read_dir(path).expect("listed").map(|entry| entry.expect("an entry").file_name()).collect();
            names.sort();
            names
        };
        assert_eq!(names(self.outside()), ["empty", "secret"]);
        assert!(names(self.outside().join("empty")).is_empty());
        assert_eq!(fs::read_to_string(self.outside().join("secret")).expect("read"), Scene::SECRET);
    }
}
