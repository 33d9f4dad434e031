//! Reading open files, straight into the caller's buffers, and announcing what will be done with them.

use super::errno::{from_os, retry};
use crate::abi::Result;
use rustix::fd::BorrowedFd;
use rustix::fs::{Advice as OsAdvice, FallocateFlags, fadvise, fallocate};
use rustix::io::{Errno as OsErrno, pread, preadv};
use std::io::IoSliceMut;
use std::num::NonZeroU64;

/// Most buffers that one call takes (`IOV_MAX`); of a longer list the rest is left for the caller's next call.
pub(super) const BUFFERS_MAX: usize = 1024;

/// Reads at `offset` into `bufs`, in order; short as preadv(2). 0 is the end of the file, or no room in `bufs`.
pub(crate) fn read_at(fd: BorrowedFd<'_>, bufs: &mut [IoSliceMut<'_>], offset: u64) -> Result<usize> {
    let count = bufs.len().min(BUFFERS_MAX);
    match bufs.get_mut(..count) {
        Some([one]) => retry(|| pread(fd, &mut **one, offset)),
        Some(bufs) => retry(|| preadv(fd, bufs, offset)),
        None => Ok(0),
    }
}

/// Reserves `len` bytes at `offset` (fallocate(2), mode 0). `EOPNOTSUPP` where the filesystem cannot: pretending would
/// break the promise that later writes find room.
pub(crate) fn allocate(fd: BorrowedFd<'_>, offset: u64, len: u64) -> Result<()> {
    retry(|| fallocate(fd, FallocateFlags::empty(), offset, len))
}

/// Announces how `len` bytes at `offset` will be used; 0 means up to the end. Nothing happens where there is no such call,
/// as in a sidecar's jail.
pub(crate) fn advise(fd: BorrowedFd<'_>, offset: u64, len: u64, advice: OsAdvice) -> Result<()> {
    match fadvise(fd, offset, NonZeroU64::new(len), advice) {
        Err(OsErrno::NOSYS) => Ok(()),
        told => told.map_err(from_os),
    }
}
