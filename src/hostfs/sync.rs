//! Reaching the disk.

use super::errno::retry;
use crate::abi::Result;
use rustix::fd::BorrowedFd;
use rustix::fs::{fdatasync, fsync, syncfs};

/// Makes what was written to an open file, or the entries of a readable directory, reach the disk; with `data_only`
/// without metadata that reading the data back does not need (fdatasync(2)).
pub(crate) fn sync(fd: BorrowedFd<'_>, data_only: bool) -> Result<()> {
    retry(|| if data_only { fdatasync(fd) } else { fsync(fd) })
}

/// Makes everything that was written to the filesystem of a readable directory reach the disk (syncfs(2)).
pub(crate) fn sync_fs(fd: BorrowedFd<'_>) -> Result<()> {
    retry(|| syncfs(fd))
}
