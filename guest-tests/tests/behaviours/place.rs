//! A fresh directory for a guest, with something beside it that must stay as it is.

use crate::harness::Tree;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The guest's directory is `mount`; what is beside it is out of its reach.
pub(crate) struct Place {
    scratch: TempDir,
    before: Tree,
}

const MOUNT: &str = "mount";

impl Place {
    pub(crate) fn new() -> Result<Place> {
        let scratch = tempfile::tempdir()?;
        fs::create_dir(scratch.path().join(MOUNT))?;
        fs::create_dir(scratch.path().join("outside"))?;
        for path in ["secret", "file", "outside/file"] {
            fs::write(scratch.path().join(path), "not the guest's")?;
        }
        let before = Tree::of_host(scratch.path())?;
        Ok(Place { scratch, before })
    }

    pub(crate) fn mount(&self) -> PathBuf {
        self.scratch.path().join(MOUNT)
    }

    pub(crate) fn check_outside(&self) -> Result<()> {
        let mount = Path::new(MOUNT);
        let now = Tree::of_host(self.scratch.path())?.without(mount);
        now.expect(&self.before.clone().without(mount)).context("the guest changed something beside its directory")
    }
}
