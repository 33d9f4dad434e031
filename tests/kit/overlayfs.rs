//! What a test directory on overlayfs, as `/tmp` of a container is, tells no test. Tests take it by themselves.

use std::path::Path;

/// `OVERLAYFS_SUPER_MAGIC`.
const OVERLAY_MAGIC: u64 = 0x794c_7630;

/// Whether a directory is on overlayfs, which `lacks` what a test is about; says so then.
pub(crate) fn is_overlay_that_lacks(dir: &Path, lacks: &str) -> bool {
    let told = rustix::fs::statfs(dir).expect("told");
    let is_overlay = u64::try_from(told.f_type) == Ok(OVERLAY_MAGIC);
    if is_overlay {
        eprintln!("SKIPPED: {} is on overlayfs, which has no {lacks}", dir.display());
    }
    is_overlay
}
