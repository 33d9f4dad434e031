//! A fresh directory for a guest, with something beside it that must stay as it is.

use crate::guest::Setting;
use crate::harness::Tree;
use anyhow::{Context, Result};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The guest's directories are in `mount`; what is beside it is out of its reach.
pub(crate) struct Place {
    scratch: TempDir,
    before: Tree,
    read_only: Option<Tree>,
}

/// A directory of the host that the guest sees.
pub(crate) struct Mounted {
    pub(crate) host: PathBuf,
    pub(crate) guest: &'static str,
    pub(crate) read_only: bool,
}

const MOUNT: &str = "mount";
/// In [`MOUNT`]: what the guest cannot change.
const READ_ONLY: &str = "readonly";

impl Place {
    pub(crate) fn new(setting: Setting) -> Result<Place> {
        let scratch = tempfile::tempdir()?;
        let mount = scratch.path().join(MOUNT);
        fs::create_dir(&mount)?;
        fs::create_dir(scratch.path().join("outside"))?;
        for path in ["secret", "file", "outside/file"] {
            fs::write(scratch.path().join(path), "not the guest's")?;
        }
        let mut read_only = None;
        if setting == Setting::Mounts {
            let path = mount.join(READ_ONLY);
            fs::create_dir(mount.join("work"))?;
            fs::create_dir(mount.join("second"))?;
            plant(&path)?;
            read_only = Some(Tree::of_host(&path)?);
        }
        let before = Tree::of_host(scratch.path())?;
        Ok(Place { scratch, before, read_only })
    }

    pub(crate) fn mount(&self) -> PathBuf {
        self.scratch.path().join(MOUNT)
    }

    /// What is mounted, in the order of the preopens.
    pub(crate) fn mounts(&self, setting: Setting) -> Vec<Mounted> {
        let mount = self.mount();
        match setting {
            Setting::Root | Setting::Few => vec![Mounted { host: mount, guest: "/", read_only: false }],
            Setting::Mounts => vec![
                Mounted { host: mount.join("work"), guest: "/work", read_only: false },
                Mounted { host: mount.join("second"), guest: "/second", read_only: false },
                Mounted { host: mount.join(READ_ONLY), guest: "/readonly", read_only: true },
            ],
        }
    }

    /// What is in the guest's directories now, those left out that it cannot change.
    pub(crate) fn left(&self) -> Result<Tree> {
        Ok(Tree::of_host(&self.mount())?.without(Path::new(READ_ONLY)))
    }

    /// Checks what the guest may not change.
    pub(crate) fn check_outside(&self) -> Result<()> {
        let mount = Path::new(MOUNT);
        let now = Tree::of_host(self.scratch.path())?.without(mount);
        now.expect(&self.before.clone().without(mount)).context("the guest changed something beside its directory")?;
        if let Some(before) = &self.read_only {
            let now = Tree::of_host(&self.mount().join(READ_ONLY))?;
            now.expect(before).context("the guest changed something in a read-only mount")?;
        }
        Ok(())
    }
}

/// What `settings.rs` finds in its read-only mount.
fn plant(path: &Path) -> Result<()> {
    for directory in [path.to_owned(), path.join("directory"), path.join("odd")] {
        fs::create_dir(directory)?;
    }
    fs::write(path.join("file"), "contents")?;
    fs::write(path.join("directory/inner"), "contents")?;
    symlink("file", path.join("link"))?;
    symlink("/etc/passwd", path.join("absolute"))?;
    fs::write(path.join("odd/plain"), "")?;
    fs::write(path.join("odd").join(OsStr::from_bytes(b"\xff")), "")?;
    // The name outlives the socket.
    drop(UnixListener::bind(path.join("odd/socket"))?);
    Ok(())
}
