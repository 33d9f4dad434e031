//! Reading and writing open files, straight from and to the caller's buffers.

use super::errno::{from_os, retry};
use crate::abi::{Errno, Result};
use rustix::fd::BorrowedFd;
use rustix::fs::{Advice as OsAdvice, AtFlags, FallocateFlags, StatxFlags, fadvise, fallocate, statx};
use rustix::io::{Errno as OsErrno, ReadWriteFlags, pread, preadv, pwrite, pwritev2};
use std::io::{IoSlice, IoSliceMut};
use std::num::NonZeroU64;

/// Most buffers that one call takes (`IOV_MAX`); of a longer list the rest is left for the caller's next call.
const BUFFERS_MAX: usize = 1024;

/// Reads at `offset` into `bufs`, in order; short as preadv(2). 0 is the end of the file, or no room in `bufs`.
pub(crate) fn read_at(fd: BorrowedFd<'_>, bufs: &mut [IoSliceMut<'_>], offset: u64) -> Result<usize> {
    let count = bufs.len().min(BUFFERS_MAX);
    match bufs.get_mut(..count) {
        Some([one]) => retry(|| pread(fd, &mut **one, offset)),
        Some(bufs) => retry(|| preadv(fd, bufs, offset)),
        None => Ok(0),
    }
}

/// Writes `bufs` at `offset`; short as pwritev(2).
pub(crate) fn write_at(fd: BorrowedFd<'_>, bufs: &[IoSlice<'_>], offset: u64) -> Result<usize> {
    match first(bufs) {
        [one] => retry(|| pwrite(fd, one, offset)),
        // As pwritev(2), but for the offset -1, which here means the descriptor's position.
        _ if i64::try_from(offset).is_err() => Err(Errno::Inval.into()),
        bufs => retry(|| pwritev2(fd, bufs, offset, ReadWriteFlags::empty())),
    }
}

/// Writes `bufs` at the end of the file, wherever that is when the kernel has locked it, and answers the bytes written
/// and the length of the file behind them. Another appender may have written more by the time the length is asked for,
/// so it is never too small but may be too large.
pub(crate) fn append(fd: BorrowedFd<'_>, bufs: &[IoSlice<'_>]) -> Result<(usize, u64)> {
    // RWF_APPEND ignores the offset, except that -1 would move the descriptor's position.
    let written = retry(|| pwritev2(fd, first(bufs), 0, ReadWriteFlags::APPEND))?;
    let stat = retry(|| statx(fd, c"", AtFlags::EMPTY_PATH, StatxFlags::SIZE))?;
    Ok((written, stat.stx_size))
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

fn first<'a, 'b>(bufs: &'a [IoSlice<'b>]) -> &'a [IoSlice<'b>] {
    bufs.get(..BUFFERS_MAX).unwrap_or(bufs)
}
