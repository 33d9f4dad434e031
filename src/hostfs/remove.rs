//! Removing names.

use super::Keys;
use super::errno::retry;
use super::stat::stat_at;
#[cfg(feature = "sidecar")]
use crate::abi::{FileType, Stat};
use crate::abi::{InodeKey, Name, Result};
use rustix::fd::BorrowedFd;
use rustix::fs::{AtFlags, unlinkat};

/// Removes `name`, which is no directory, from `dir`. `EISDIR` for a directory.
pub(crate) fn unlink(dir: BorrowedFd<'_>, name: Name<'_>) -> Result<()> {
    retry(|| unlinkat(dir, name.as_bytes(), AtFlags::empty()))
}

/// Removes the empty directory `name` from `dir`. `ENOTDIR` for anything else, `ENOTEMPTY` for one with entries.
pub(crate) fn rmdir(dir: BorrowedFd<'_>, name: Name<'_>) -> Result<()> {
    retry(|| unlinkat(dir, name.as_bytes(), AtFlags::REMOVEDIR))
}

/// Takes back a name that an operation made and that failed later on, provided that it still is the object with `key`.
/// The operation's own failure is what the caller hears of, so this one's is not told.
pub(super) fn unlink_as(keys: Keys, dir: BorrowedFd<'_>, name: Name<'_>, key: InodeKey) {
    if stat_at(keys, dir, name).is_ok_and(|stat| stat.key == key) {
        let _ = unlink(dir, name);
    }
}

/// As [`unlink_as`], of anything that an operation made: `stat` is what it was.
#[cfg(feature = "sidecar")]
pub(crate) fn take_back(keys: Keys, dir: BorrowedFd<'_>, name: Name<'_>, stat: &Stat) {
    if stat.file_type != FileType::Directory {
        unlink_as(keys, dir, name, stat.key);
    } else if stat_at(keys, dir, name).is_ok_and(|now| now.key == stat.key) {
        let _ = rmdir(dir, name);
    }
}
