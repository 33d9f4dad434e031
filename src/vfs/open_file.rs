//! Open file descriptions.

use super::rights::Rights;
use crate::abi::{Call, Errno, Error, FileType, Result, SetStat, SetTime, Stat};
use crate::backend::Advice;
use crate::gofer::File;
use std::io::{IoSlice, IoSliceMut};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Largest offset of a file (`off_t`).
const OFFSET_MAX: u64 = i64::MAX.cast_unsigned();

/// Where a seek counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeekFrom {
    /// The start of the file.
    Start,
    /// The present position.
    Current,
    /// The end of the file.
    End,
}

/// An open file description: a file, a position, the append flag and the rights that it was opened with. All WASI
/// versions share it.
#[derive(Debug)]
pub struct OpenFile {
    file: File,
    rights: Rights,
    position: AtomicU64,
    append: AtomicBool,
}

fn total(lens: impl Iterator<Item = usize>) -> u64 {
    lens.fold(0, |sum, len| sum.saturating_add(len as u64))
}

fn check_range(offset: u64, len: u64) -> Result<()> {
    match offset.checked_add(len) {
        Some(end) if end <= OFFSET_MAX => Ok(()),
        _ => Err(Errno::Inval.into()),
    }
}

impl OpenFile {
    pub(super) fn new(file: File, rights: Rights, append: bool) -> Self {
        OpenFile { file, rights, position: AtomicU64::new(0), append: AtomicBool::new(append) }
    }

    /// What it may be used for.
    #[must_use]
    pub fn rights(&self) -> Rights {
        self.rights
    }

    /// The file's type.
    #[must_use]
    pub fn file_type(&self) -> FileType {
        self.file.file_type()
    }

    /// Whether every write goes to the end.
    #[must_use]
    pub fn is_append(&self) -> bool {
        self.append.load(Ordering::Relaxed)
    }

    /// Turns that on or off (`F_SETFL` with `O_APPEND`).
    pub fn set_append(&self, append: bool) {
        self.append.store(append, Ordering::Relaxed);
    }

    /// The position.
    #[must_use]
    pub fn tell(&self) -> u64 {
        self.position.load(Ordering::Relaxed)
    }

    /// Reads at the position and moves it. `EBADF` when not open for reading.
    #[inline]
    pub fn read(&self, call: &Call, bufs: &mut [IoSliceMut<'_>]) -> Result<usize> {
        let position = self.tell();
        let read = self.read_at(call, bufs, position)?;
        self.position.store(position.saturating_add(read as u64), Ordering::Relaxed);
        Ok(read)
    }

    /// Reads at `offset`; the position stays. `EINVAL` for an offset beyond 2^63 - 1.
    #[inline]
    pub fn read_at(&self, call: &Call, bufs: &mut [IoSliceMut<'_>], offset: u64) -> Result<usize> {
        self.rights.require_opened(Rights::READ)?;
        check_range(offset, 0)?;
        self.file.read_at(call, bufs, offset)
    }

    /// Writes at the position, or at the end in append mode, and moves the position behind what was written.
    #[inline]
    pub fn write(&self, call: &Call, bufs: &[IoSlice<'_>]) -> Result<usize> {
        self.rights.require_opened(Rights::WRITE)?;
        let (written, end) = if self.is_append() {
            let (written, end) = self.file.append(call, bufs)?;
            // An empty write leaves the position, as Linux does.
            (written, if written == 0 { self.tell() } else { end })
        } else {
            let position = self.tell();
            let written = self.write_plain(call, bufs, position)?;
            (written, position.saturating_add(written as u64))
        };
        self.position.store(end, Ordering::Relaxed);
        Ok(written)
    }

    /// Writes at `offset`; the position stays. In append mode the offset is ignored, as Linux's pwrite(2) does.
    #[inline]
    pub fn write_at(&self, call: &Call, bufs: &[IoSlice<'_>], offset: u64) -> Result<usize> {
        self.rights.require_opened(Rights::WRITE)?;
        if self.is_append() {
            return Ok(self.file.append(call, bufs)?.0);
        }
        self.write_plain(call, bufs, offset)
    }

    /// Writes at the end, whatever the append flag says; the position stays.
    pub fn append(&self, call: &Call, bufs: &[IoSlice<'_>]) -> Result<usize> {
        self.rights.require_opened(Rights::WRITE)?;
        Ok(self.file.append(call, bufs)?.0)
    }

    fn write_plain(&self, call: &Call, bufs: &[IoSlice<'_>], offset: u64) -> Result<usize> {
        let len = total(bufs.iter().map(|buf| buf.len()));
        match check_range(offset, len) {
            Ok(()) => self.file.write_at(call, bufs, offset),
            Err(_) if offset <= OFFSET_MAX && len > 0 => Err(Errno::Fbig.into()),
            Err(error) => Err(error),
        }
    }

    /// Moves the position. `EINVAL` when it would be negative or beyond 2^63 - 1.
    pub fn seek(&self, call: &Call, offset: i64, from: SeekFrom) -> Result<u64> {
        let base = match from {
            SeekFrom::Start => 0,
            SeekFrom::Current => self.tell(),
            SeekFrom::End => self.stat(call)?.size,
        };
        let position = base.checked_add_signed(offset).filter(|position| *position <= OFFSET_MAX);
        let position = position.ok_or(Error::Errno(Errno::Inval))?;
        self.position.store(position, Ordering::Relaxed);
        Ok(position)
    }

    /// Attributes.
    #[inline]
    pub fn stat(&self, call: &Call) -> Result<Stat> {
        self.file.stat(call)
    }

    /// Sets the length; growth reads as zeros. `EBADF` when not open for writing, `EINVAL` beyond 2^63 - 1.
    pub fn set_size(&self, call: &Call, size: u64) -> Result<()> {
        self.rights.require_opened(Rights::WRITE)?;
        check_range(size, 0)?;
        self.file.set_size(call, size)
    }

    /// Sets times. `EROFS` through a read-only mount.
    pub fn set_times(&self, call: &Call, atime: Option<SetTime>, mtime: Option<SetTime>) -> Result<()> {
        self.rights.require(Rights::CHANGE)?;
        self.file.set_attr(call, &SetStat { atime, mtime, ..SetStat::default() })
    }

    /// Makes what was written reach the disk; with `data_only` as fdatasync(2).
    pub fn sync(&self, call: &Call, data_only: bool) -> Result<()> {
        self.file.sync(call, data_only)
    }

    /// Makes sure that a range can be written. `EBADF` when not open for writing, `EINVAL` for an empty range and for an
    /// offset or length beyond 2^63 - 1, `EFBIG` for an end beyond it (fallocate(2)).
    pub fn allocate(&self, call: &Call, offset: u64, len: u64) -> Result<()> {
        self.rights.require_opened(Rights::WRITE)?;
        if len == 0 {
            return Err(Errno::Inval.into());
        }
        if offset > OFFSET_MAX || len > OFFSET_MAX {
            return Err(Errno::Inval.into());
        }
        check_range(offset, len).map_err(|_| Error::Errno(Errno::Fbig))?;
        self.file.allocate(call, offset, len)
    }

    /// Announces how a range will be used. `EINVAL` for an offset beyond 2^63 - 1.
    pub fn advise(&self, call: &Call, offset: u64, len: u64, advice: Advice) -> Result<()> {
        check_range(offset, 0)?;
        self.file.advise(call, offset, len.min(OFFSET_MAX - offset), advice)
    }

    /// Ends it. The last open of a file brings out what the backend does not have yet; the error is that of a write-back
    /// that this one was not told of before. It is closed in any case.
    pub fn close(self, call: &Call) -> Result<()> {
        self.file.close(call)
    }
}
