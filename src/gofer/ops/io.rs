//! Data and attributes through an open file.

use crate::abi::{Call, Errno, Error, Result, SetStat, SetStatReport, Stat};
use crate::backend::{Advice, ErasedHandle};
use crate::gofer::file::File;
use crate::gofer::stats::Op;
use std::io::{IoSlice, IoSliceMut};

impl File {
    fn reader(&self) -> Result<&ErasedHandle> {
        self.read.as_ref().ok_or(Error::Errno(Errno::Badf))
    }

    fn writer(&self) -> Result<&ErasedHandle> {
        self.write.as_ref().ok_or(Error::Errno(Errno::Badf))
    }

    fn any(&self) -> Result<&ErasedHandle> {
        self.read.as_ref().or(self.write.as_ref()).ok_or(Error::Errno(Errno::Badf))
    }

    /// Notes that the file changed, also behind an error: a change may have been made in part, or its answer lost.
    fn changed_unless_refused<T>(&self, answer: &Result<T>) {
        if !matches!(answer, Err(Error::WouldWait)) {
            self.inode.attr_changed();
        }
    }

    /// Reads at `offset`; 0 is the end. `EBADF` without the right to read.
    #[inline]
    pub fn read_at(&self, call: &Call, bufs: &mut [IoSliceMut<'_>], offset: u64) -> Result<usize> {
        let handle = self.reader()?;
        self.fs.stats.op(Op::HandleRead);
        let answer = handle.read_at(call, bufs, offset);
        if answer != Err(Error::WouldWait) {
            self.inode.note_read();
        }
        let read = answer?;
        self.fs.stats.read(read);
        Ok(read)
    }

    /// Writes at `offset`. `EBADF` without the right to write.
    #[inline]
    pub fn write_at(&self, call: &Call, bufs: &[IoSlice<'_>], offset: u64) -> Result<usize> {
        let handle = self.writer()?;
        self.fs.gate.pass(call)?;
        self.fs.stats.op(Op::HandleWrite);
        let answer = handle.write_at(call, bufs, offset);
        self.changed_unless_refused(&answer);
        let written = answer?;
        self.fs.stats.written(written);
        Ok(written)
    }

    /// Writes at the end, atomically against every other appender, and answers the bytes written and the end behind
    /// them.
    pub fn append(&self, call: &Call, bufs: &[IoSlice<'_>]) -> Result<(usize, u64)> {
        let handle = self.writer()?;
        self.fs.gate.pass(call)?;
        self.fs.stats.op(Op::HandleAppend);
        let answer = handle.append(call, bufs);
        self.changed_unless_refused(&answer);
        let (written, end) = answer?;
        self.fs.stats.written(written);
        Ok((written, end))
    }

    /// Attributes.
    #[inline]
    pub fn stat(&self, call: &Call) -> Result<Stat> {
        let (known, fresh) = self.inode.attr();
        if fresh && self.fs.coherence.trusts_attributes() {
            return Ok(known);
        }
        let version = self.inode.attr_version();
        self.fs.stats.op(Op::HandleStat);
        let stat = self.any()?.stat(call)?;
        self.inode.store_attr(&stat, version);
        Ok(stat)
    }

    /// Sets the length: `EBADF` without the right to write.
    pub fn set_size(&self, call: &Call, size: u64) -> Result<()> {
        let handle = self.writer()?;
        self.fs.gate.pass(call)?;
        self.set(call, handle, &SetStat { size: Some(size), ..SetStat::default() })
    }

    /// Changes attributes other than the length.
    pub fn set_attr(&self, call: &Call, set: &SetStat) -> Result<()> {
        let handle = self.any()?;
        self.set(call, handle, &SetStat { size: None, ..*set })
    }

    fn set(&self, call: &Call, handle: &ErasedHandle, set: &SetStat) -> Result<()> {
        self.fs.stats.op(Op::HandleSetStat);
        let answer = handle.set_stat(call, set);
        self.changed_unless_refused(&answer);
        let SetStatReport { errno, .. } = answer?;
        errno.map_or(Ok(()), |errno| Err(Error::Errno(errno)))
    }

    /// Makes what was written reach the disk; with `data_only` as fdatasync(2).
    pub fn sync(&self, call: &Call, data_only: bool) -> Result<()> {
        self.fs.stats.op(Op::HandleSync);
        self.any()?.sync(call, data_only)
    }

    /// Makes sure that a range can be written: `EBADF` without the right to write.
    pub fn allocate(&self, call: &Call, offset: u64, len: u64) -> Result<()> {
        let handle = self.writer()?;
        self.fs.gate.pass(call)?;
        self.fs.stats.op(Op::HandleAllocate);
        let answer = handle.allocate(call, offset, len);
        self.changed_unless_refused(&answer);
        answer
    }

    /// Announces how a range will be used.
    pub fn advise(&self, call: &Call, offset: u64, len: u64, advice: Advice) -> Result<()> {
        self.fs.stats.op(Op::HandleAdvise);
        self.any()?.advise(call, offset, len, advice)
    }
}
