//! Claims of `docs/SEMANTICS.md` about the cache, shown by what it asks of its backend.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use wasi_gofer::abi::{Name, OpenFlags, Result};
use wasi_gofer::backend::faulty::Faulty;
use wasi_gofer::backend::{Backend, Capabilities, DirentSink, Found, IntoBackend, Object};
use wasi_gofer::{CachePolicy, Call, FsOptions, Gofer, MemoryFs, MountOptions, PathReader, Stat};

fn options(policy: CachePolicy) -> MountOptions {
    MountOptions { fs: FsOptions::with_policy(policy), ..MountOptions::default() }
}

fn at_root(backend: impl IntoBackend, options: MountOptions) -> Gofer {
    let mut builder = Gofer::builder();
    builder.mount("/", backend, options);
    builder.build().expect("mounted")
}

fn open(gofer: &Gofer) -> PathReader {
    gofer.ctx().open_read_path(&Call::WAITING, "/file").expect("opened")
}

/// How often the backend of the first mount was asked for `op`.
fn calls(gofer: &Gofer, op: &str) -> u64 {
    let stats = gofer.stats().remove(0).fs;
    stats.backend_calls.iter().find(|(name, _)| *name == op).map_or(0, |(_, calls)| *calls)
}

fn opens(gofer: &Gofer) -> u64 {
    calls(gofer, "open")
}

/// Files in memory whose handles are said to go stale, as on overlayfs.
struct Stale(MemoryFs);

impl Backend for Stale {
    type Node = <MemoryFs as Backend>::Node;
    type Handle = <MemoryFs as Backend>::Handle;

    fn name(&self) -> &'static str {
        "stale"
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = self.0.capabilities();
        capabilities.stale_handles = true;
        capabilities
    }

    fn counters(&self) -> Vec<(&'static str, u64)> {
        vec![("went_stale", 7)]
    }

    fn root(&self, call: &Call) -> Result<Found<Self::Node>> {
        self.0.root(call)
    }

    fn lookup(&self, call: &Call, dir: &Self::Node, name: Name<'_>) -> Result<Found<Self::Node>> {
        self.0.lookup(call, dir, name)
    }

    fn stat(&self, call: &Call, object: Object<'_, Self::Node>) -> Result<Stat> {
        self.0.stat(call, object)
    }

    fn open(&self, call: &Call, object: Object<'_, Self::Node>, flags: OpenFlags) -> Result<Arc<Self::Handle>> {
        self.0.open(call, object, flags)
    }

    fn readlink(&self, call: &Call, object: Object<'_, Self::Node>) -> Result<Vec<u8>> {
        self.0.readlink(call, object)
    }

    fn read_dir(&self, call: &Call, dir: &Self::Node, cookie: u64, sink: &mut DirentSink<'_>) -> Result<bool> {
        self.0.read_dir(call, dir, cookie, sink)
    }
}

fn with_file() -> MemoryFs {
    MemoryFs::new().with_file("file", "x").expect("made")
}

#[test]
fn open_in_shared_after_a_changed_mode_makes_a_new_handle() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("file");
    fs::write(&file, "x").expect("written");
    fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("set");
    let mut builder = Gofer::builder();
    builder.dir(dir.path(), "/", options(CachePolicy::Shared));
    let gofer = builder.build().expect("mounted");
    let _held = open(&gofer);
    let _shared = open(&gofer);
    let before = opens(&gofer);
    let _shared = open(&gofer);
    assert_eq!(opens(&gofer), before, "handles are shared");

    fs::set_permissions(&file, Permissions::from_mode(0o640)).expect("set");
    let _own = open(&gofer);

    assert_eq!(opens(&gofer), before + 1);
}

#[test]
fn open_in_shared_over_stale_handles_gets_a_handle_of_its_own() {
    let sharing = FsOptions { share_stale_handles: true, ..FsOptions::with_policy(CachePolicy::Shared) };
    let sharing = MountOptions { fs: sharing, ..MountOptions::default() };
    for (options, calls) in [(options(CachePolicy::Shared), 3), (sharing, 1), (options(CachePolicy::Exclusive), 1)] {
        let gofer = at_root(Stale(with_file()), options);

        let _held = [open(&gofer), open(&gofer), open(&gofer)];

        assert_eq!(opens(&gofer), calls);
    }
}

#[test]
fn build_with_a_source_inside_an_owned_source_names_the_other_mount() {
    let dir = tempfile::tempdir().expect("a directory");
    let below = dir.path().join("sub");
    fs::create_dir(&below).expect("made");
    let (owner, sharer) = (CachePolicy::Exclusive, CachePolicy::Shared);
    for (of_outer, of_inner) in [(owner, sharer), (sharer, owner), (CachePolicy::Writethrough, sharer)] {
        let mut builder = Gofer::builder();
        builder.dir(dir.path(), "/outer", options(of_outer)).dir(&below, "/inner", options(of_inner));

        let error = builder.build().expect_err("refused");

        assert_eq!(error.mount, "/inner");
        assert!(error.reason.contains("`/outer`"), "{error}");
    }
}

#[test]
fn build_with_a_source_inside_a_shared_source_mounts_both() {
    let dir = tempfile::tempdir().expect("a directory");
    let below = dir.path().join("sub");
    fs::create_dir(&below).expect("made");
    let mut builder = Gofer::builder();
    let shared = options(CachePolicy::Shared);
    builder.dir(dir.path(), "/outer", shared.clone()).dir(&below, "/inner", shared);

    assert!(builder.build().is_ok());
}

#[test]
fn readlink_of_contents_over_256_bytes_asks_every_time() {
    for (len, asked) in [(256, 1), (257, 2)] {
        let dir = tempfile::tempdir().expect("a directory");
        let target = "x/".repeat(len / 2) + &"y".repeat(len % 2);
        std::os::unix::fs::symlink(&target, dir.path().join("link")).expect("linked");
        let mut builder = Gofer::builder();
        builder.dir(dir.path(), "/", options(CachePolicy::Exclusive));
        let gofer = builder.build().expect("mounted");

        for _ in 0..2 {
            let told = gofer.ctx().read_link_path(&Call::WAITING, "/link").expect("read");
            assert_eq!(told, target.as_bytes());
        }

        assert_eq!(calls(&gofer, "readlink"), asked, "{len} bytes");
    }
}

#[test]
fn sync_reaches_the_backend_as_a_whole() {
    let gofer = at_root(with_file(), MountOptions::default());

    gofer.sync().expect("synced");

    assert_eq!(calls(&gofer, "sync_fs"), 1);
}

#[test]
fn counters_of_a_backend_are_told_with_its_mount_also_through_a_wrapper() {
    let told = |gofer: &Gofer| gofer.stats().remove(0).fs.backend_counters;
    let shared = || options(CachePolicy::Shared);
    assert_eq!(told(&at_root(Stale(with_file()), shared())), [("went_stale", 7)]);
    assert_eq!(told(&at_root(Faulty::new(Stale(with_file())), shared())), [("went_stale", 7)]);
    assert_eq!(told(&at_root(with_file(), shared())), []);
}
