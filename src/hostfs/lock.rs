//! Advisory locks of whole trees.

use super::Keys;
use super::errno::retry;
use super::stat::{expect, stat_fd};
use crate::abi::{Errno, Error, InodeKey, Result};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
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

/// Takes the lock of the directory at a path of this process, which must be the object with `key` as far as that tells it:
/// `ESTALE` for another one.
pub(crate) fn lock_directory(path: &Path, key: InodeKey) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dir = retry(|| open(path, flags, Mode::empty()))?;
    let keys = if key.birth_ns.is_some() { Keys::WithBirth } else { Keys::WithoutBirth };
    expect(stat_fd(keys, dir.as_fd())?, key)?;
    lock_exclusive(dir.as_fd())?;
    Ok(dir)
}
