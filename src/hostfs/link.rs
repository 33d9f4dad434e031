//! Hard links.

use super::errno::retry;
use super::remove::unlink_as;
use super::stat::{stat_at, stat_at_as};
use crate::abi::{Errno, InodeKey, Name, Result, Stat};
use rustix::fd::BorrowedFd;
use rustix::fs::{AtFlags, linkat};

/// Makes `name` in `dir` a further name of the object with `key` that is `old_name` in `old_dir`; of a symbolic link
/// itself. Answers its attributes afterwards.
///
/// `ESTALE`, and no new name, when the old name is another object's by now. `EPERM` for a directory.
pub(crate) fn link(
    (old_dir, old_name, key): (BorrowedFd<'_>, Name<'_>, InodeKey),
    dir: BorrowedFd<'_>,
    name: Name<'_>,
) -> Result<Stat> {
    stat_at_as(old_dir, old_name, key)?;
    // Without AT_SYMLINK_FOLLOW. Linking a held descriptor (AT_EMPTY_PATH) would be exact, but needs a capability.
    retry(|| linkat(old_dir, old_name.as_bytes(), dir, name.as_bytes(), AtFlags::empty()))?;
    let stat = stat_at(dir, name)?;
    if stat.key == key {
        return Ok(stat);
    }
    // Somebody took the old name between the look and the link. What is under the new name must go again: it is an
    // object that nobody asked for.
    unlink_as(dir, name, stat.key);
    Err(Errno::Stale.into())
}
