//! From the kernel's errno to ours.

use crate::abi::{Errno, Error, Result};
use rustix::io;

/// The same number in our vocabulary; one that no filesystem should answer with is `EIO`.
pub(crate) fn from_os(errno: io::Errno) -> Error {
    Error::Errno(Errno::from_raw(errno.raw_os_error()))
}

/// As [`from_os`], for the standard library's errors. One without a number never came from the kernel: `EIO`.
pub(crate) fn from_std(error: &std::io::Error) -> Error {
    Error::Errno(error.raw_os_error().map_or(Errno::Io, Errno::from_raw))
}

/// Makes a system call, again for as long as a signal interrupts it.
#[inline]
pub(crate) fn retry<T>(call: impl FnMut() -> io::Result<T>) -> Result<T> {
    io::retry_on_intr(call).map_err(from_os)
}
