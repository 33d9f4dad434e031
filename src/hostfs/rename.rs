//! Renaming.

use super::errno::retry;
use crate::abi::{Name, Result};
use rustix::fd::BorrowedFd;
use rustix::fs::{RenameFlags, renameat_with};

/// What becomes of an object at the new name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Onto {
    /// It is replaced, as rename(2) does.
    Replace,
    /// It stays, and the answer is `EEXIST`.
    #[cfg_attr(not(feature = "sidecar"), expect(dead_code, reason = "what a sidecar's clients may ask for"))]
    Keep,
    /// It gets the old name; `ENOENT` when there is none.
    #[cfg_attr(not(feature = "sidecar"), expect(dead_code, reason = "what a sidecar's clients may ask for"))]
    Exchange,
}

/// Moves `from` to `to`. Neither name is followed when it is a symbolic link. `EINVAL` for anything but
/// [`Onto::Replace`] on a filesystem that has not the others.
pub(crate) fn rename(from: (BorrowedFd<'_>, Name<'_>), to: (BorrowedFd<'_>, Name<'_>), onto: Onto) -> Result<()> {
    let flags = match onto {
        Onto::Replace => RenameFlags::empty(),
        Onto::Keep => RenameFlags::NOREPLACE,
        Onto::Exchange => RenameFlags::EXCHANGE,
    };
    retry(|| renameat_with(from.0, from.1.as_bytes(), to.0, to.1.as_bytes(), flags))
}
