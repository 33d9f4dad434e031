//! Data and attributes through an open file: past the page cache, or through it ([`super::read`], [`super::write`]).

use crate::abi::{Call, Errno, Error, Result, SetStat, SetStatReport, Stat};
use crate::backend::{Advice, ErasedHandle};
use crate::gofer::file::File;
use crate::gofer::page::DataCell;
use crate::gofer::stats::Op;
use std::io::{IoSlice, IoSliceMut};
use std::sync::Arc;

impl File {
    fn reader(&self) -> Result<&ErasedHandle> {
        self.read.as_ref().ok_or(Error::Errno(Errno::Badf))
    }

    pub(super) fn writer(&self) -> Result<&ErasedHandle> {
        self.write.as_ref().ok_or(Error::Errno(Errno::Badf))
    }

    pub(super) fn any(&self) -> Result<&ErasedHandle> {
        self.read.as_ref().or(self.write.as_ref()).ok_or(Error::Errno(Errno::Badf))
    }

    /// The file's cached data; `None` for a file whose data is not cached.
    #[inline]
    pub(super) fn cell(&self, call: &Call) -> Result<Option<&Arc<DataCell>>> {
        if !self.cached {
            return Ok(None);
        }
        match self.data.get() {
            Some(cell) => Ok(Some(cell)),
            None => self.find_cell(call).map(Some),
        }
    }

    /// Begins to cache the file's data, unless another open file did. Its length is what the backend tells now.
    #[cold]
    fn find_cell(&self, call: &Call) -> Result<&Arc<DataCell>> {
        let cell = loop {
            if let Some(cell) = self.inode.cell() {
                break cell;
            }
            let version = self.inode.attr_version();
            let size = self.stat(call)?.size;
            let page_bytes = u32::try_from(self.fs.options.page_bytes).map_err(|_| Errno::Inval)?;
            let cell = self.inode.cell_or(version, || DataCell::new(size, page_bytes, &self.fs.pages));
            if let Some(cell) = cell {
                break cell;
            }
        };
        // A day may have passed since the last one who read it noted so.
        cell.read_noted.store(false, std::sync::atomic::Ordering::Relaxed);
        Ok(self.data.get_or_init(|| cell))
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
        if let Some(cell) = self.cell(call)? {
            return self.read_cached(call, cell, bufs, offset);
        }
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
        if let Some(cell) = self.cell(call)? {
            return self.write_cached(call, cell, bufs, Some(offset)).map(|(written, _)| written);
        }
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
        if let Some(cell) = self.cell(call)? {
            return self.write_cached(call, cell, bufs, None);
        }
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
        let (known, fresh) = self.inode.attr_to_show();
        if fresh && self.fs.coherence.trusts_attributes() {
            return Ok(known);
        }
        let handle = self.any()?;
        self.fs.asked(&self.inode, self.cached, || {
            self.fs.stats.op(Op::HandleStat);
            handle.stat(call)
        })
    }

    /// Sets the length: `EBADF` without the right to write.
    pub fn set_size(&self, call: &Call, size: u64) -> Result<()> {
        let handle = self.writer()?;
        if let Some(cell) = self.cell(call)? {
            return self.set_size_cached(call, cell, size);
        }
        self.fs.gate.pass(call)?;
        self.set(call, handle, &SetStat { size: Some(size), ..SetStat::default() })
    }

    /// Changes attributes other than the length.
    pub fn set_attr(&self, call: &Call, set: &SetStat) -> Result<()> {
        let set = SetStat { size: None, ..*set };
        let handle = self.any()?;
        self.fs.setting_times(call, &self.inode, &set, || self.set(call, handle, &set))
    }

    fn set(&self, call: &Call, handle: &ErasedHandle, set: &SetStat) -> Result<()> {
        self.fs.stats.op(Op::HandleSetStat);
        let answer = handle.set_stat(call, set);
        self.changed_unless_refused(&answer);
        let SetStatReport { errno, .. } = answer?;
        errno.map_or(Ok(()), |errno| Err(Error::Errno(errno)))
    }

    /// Makes what was written reach the disk, through whichever open file; with `data_only` as fdatasync(2). A failure
    /// of write-back that this file was not told of yet is told.
    pub fn sync(&self, call: &Call, data_only: bool) -> Result<()> {
        let brought_out = match self.inode.cell() {
            Some(cell) if self.cached => self.fs.bring_out(call, &self.inode, &cell, !data_only),
            _ => Ok(()),
        };
        self.unseen_failure()?;
        brought_out?;
        self.fs.stats.op(Op::HandleSync);
        self.any()?.sync(call, data_only)
    }

    /// Makes sure that a range can be written: `EBADF` without the right to write.
    pub fn allocate(&self, call: &Call, offset: u64, len: u64) -> Result<()> {
        let handle = self.writer()?;
        if let Some(cell) = self.cell(call)? {
            return self.allocate_cached(call, cell, offset, len);
        }
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
