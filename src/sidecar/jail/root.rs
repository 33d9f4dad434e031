//! The root: the export, and nothing else.

use super::step::{Step, StepError};
use crate::sys::mounts;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::process::{chdir, fchdir, pivot_root};

/// Goes where [`pivot`] begins: into the export. To be called *before* the mount namespace is made, as a new namespace
/// takes the working directory over, and not what descriptors lead to; so the export is reached by no path, which
/// somebody could change meanwhile.
pub(super) fn stand_in(export: BorrowedFd<'_>) -> Result<(), StepError> {
    fchdir(export).step("go to the export")
}

/// Makes the working directory, a copy of its mount with what is mounted below, the root of this process and lets go of
/// the old one; answers a descriptor of it. Nothing outside has a name any more.
pub(super) fn pivot(read_only: bool) -> Result<OwnedFd, StepError> {
    mounts::make_all_private().step("make the mounts private")?;
    let tree = mounts::clone_working_directory().step("copy the export's mounts")?;
    mounts::restrict(tree.as_fd(), read_only).step("restrict the export's mounts")?;
    mounts::attach_at_working_directory(tree.as_fd()).step("mount the export")?;
    fchdir(&tree).step("go to the mounted export")?;
    // Puts the old root over the new one at the same place (pivot_root(2)), from where it is then taken away.
    pivot_root(c".", c".").step("pivot to the export")?;
    mounts::detach(c".").step("let go of the old root")?;
    chdir(c"/").step("go to the new root")?;
    Ok(tree)
}
