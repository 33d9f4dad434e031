//! Advisory locks of whole trees.

use super::errno::retry;
use crate::abi::{Errno, Error, Result};
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use std::path::Path;

/// Takes the exclusive flock(2) of an open file or readable directory, for as long as the descriptor lives. `EBUSY`
/// when another open file description has it.
pub(crate) fn lock_exclusive(fd: BorrowedFd<'_>) -> Result<()> {
    retry(|| flock(fd, FlockOperation::NonBlockingLockExclusive)).map_err(|error| {
        // EWOULDBLOCK, which to a guest would mean "try again".
        if error.is(Errno::Again) { Error::Errno(Errno::Busy) } else { error }
    })
}

/// A descriptor by which the directory at a path of this process can be locked.
pub(crate) fn open_to_lock(path: &Path) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    retry(|| open(path, flags, Mode::empty()))
}
