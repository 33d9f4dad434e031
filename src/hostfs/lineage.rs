//! Where a directory is in its host's tree.

use super::stat::stat_fd;
use super::{FdBudget, Keys};
use crate::abi::{InodeKey, Result};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Mode, OFlags, openat};

/// Deepest place that is followed up. Each step is a directory, and a path of that many does not resolve.
const DEPTH_MAX: usize = 4096;

/// The identities of the directory `dir` and of every directory above it up to the root that this process sees, `dir`'s
/// first, as far up as they can be reached. Each is what a source that begins there has as its own, so its filesystem's
/// way of telling objects apart counts, not the one of `dir`'s.
///
/// This is the one operation that looks at a `..`, for a mount's owner and not for a guest, and it opens nothing but
/// directories by `O_PATH`.
pub(crate) fn lineage(budget: &FdBudget, dir: BorrowedFd<'_>) -> Vec<InodeKey> {
    let mut keys = Vec::new();
    let Ok(key) = key_of(dir) else { return keys };
    keys.push(key);
    let mut above = parent(budget, dir);
    while let Ok((fd, key)) = above {
        // The root is its own parent.
        if keys.last() == Some(&key) || keys.len() >= DEPTH_MAX {
            break;
        }
        keys.push(key);
        above = parent(budget, fd.as_fd());
    }
    keys
}

fn parent(budget: &FdBudget, dir: BorrowedFd<'_>) -> Result<(OwnedFd, InodeKey)> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = budget.opening(|| openat(dir, c"..", flags, Mode::empty()))?;
    let key = key_of(fd.as_fd())?;
    Ok((fd, key))
}

fn key_of(dir: BorrowedFd<'_>) -> Result<InodeKey> {
    stat_fd(Keys::of(dir)?, dir).map(|stat| stat.key)
}
