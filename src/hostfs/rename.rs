//! Renaming.

use super::errno::retry;
use crate::abi::{Name, Result};
use rustix::fd::BorrowedFd;
use rustix::fs::renameat;

/// Moves `from` to `to`, replacing what is there as rename(2) does. Neither name is followed when it is a symbolic
/// link.
pub(crate) fn rename(from: (BorrowedFd<'_>, Name<'_>), to: (BorrowedFd<'_>, Name<'_>)) -> Result<()> {
    retry(|| renameat(from.0, from.1.as_bytes(), to.0, to.1.as_bytes()))
}
