//! Writing through the page cache, and past it where a write must be in the backend when it returns.

use super::read::{LARGE, read_pages};
use crate::abi::{Call, Errno, Error, Result, SetStat};
use crate::backend::ErasedHandle;
use crate::gofer::file::File;
use crate::gofer::page::{DataCell, FileData, Lack, Pieces};
use crate::gofer::stats::Op;
use crate::gofer::wait;
use std::io::IoSlice;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Largest offset of a file (`off_t`).
const OFFSET_MAX: u64 = i64::MAX.cast_unsigned();

/// Behind this a backend may have no place for a byte. It says so at once only if it is asked at once.
const FAR: u64 = 1 << 42;

/// Pages that a write makes free at a time.
const ROOM_PAGES: usize = 16;

/// A write that goes on.
struct Writing<'r, 'b> {
    pieces: Pieces<'r, 'b>,
    /// Where it began.
    start: u64,
    done: u64,
}

impl Writing<'_, '_> {
    fn at(&self) -> u64 {
        self.start.saturating_add(self.done)
    }

    /// What a caller is told: the bytes written, and the end behind them.
    fn told(&self) -> Result<(usize, u64)> {
        Ok((usize::try_from(self.done).map_err(|_| Errno::Overflow)?, self.at()))
    }
}

fn refused(answer: Error, writing: &Writing<'_, '_>) -> Result<(usize, u64)> {
    // What was written was written.
    if writing.done > 0 { writing.told() } else { Err(answer) }
}

impl File {
    /// Writes at `at`, or at the end: into pages where that is allowed, else past them. Answers the bytes written and the
    /// end behind them.
    #[inline]
    pub(super) fn write_cached(
        &self,
        call: &Call,
        cell: &Arc<DataCell>,
        bufs: &[IoSlice<'_>],
        at: Option<u64>,
    ) -> Result<(usize, u64)> {
        let pieces = Pieces::new(bufs);
        let len = pieces.len();
        let mut writing = Writing { pieces, start: 0, done: 0 };
        let in_pages = !self.through && (len < LARGE || self.fs.options.force_page_cache);
        if in_pages {
            let mut data = cell.write();
            writing.start = at.unwrap_or(data.size());
            let near = writing.start.saturating_add(len) <= FAR;
            if !data.busy && near && self.fs.gate.is_open() && !self.fs.pages.is_half_dirty() {
                if self.write_pages(cell, &mut data, &mut writing).is_none() {
                    let behind = data.is_behind();
                    drop(data);
                    if behind {
                        self.fs.bring_out_stream(call, &self.inode, cell);
                    }
                    return self.counted(writing.told());
                }
                let turn = cell.claim(&mut data);
                drop(data);
                let answer = self.write_on(call, cell, &mut writing, true);
                drop(turn);
                return self.counted(answer);
            }
        }
        let _turn = cell.turn(call)?;
        writing.start = at.unwrap_or_else(|| cell.read().size());
        if writing.start.checked_add(len).is_none_or(|end| end > OFFSET_MAX) {
            return Err(Errno::Fbig.into());
        }
        let near = writing.start.saturating_add(len) <= FAR;
        let answer = self.write_on(call, cell, &mut writing, in_pages && near);
        self.counted(answer)
    }

    fn counted(&self, answer: Result<(usize, u64)>) -> Result<(usize, u64)> {
        self.fs.stats.written(answer.map_or(0, |(written, _)| written));
        answer
    }

    /// Puts what goes into pages now; what is lacking for the rest.
    #[inline]
    fn write_pages(&self, cell: &Arc<DataCell>, data: &mut FileData, writing: &mut Writing<'_, '_>) -> Option<Lack> {
        let at = writing.at();
        let (written, lack) = data.write(&mut writing.pieces, at);
        if written > 0 {
            writing.done += written;
            self.note_dirty(cell, data);
        }
        lack
    }

    /// Notes, under the data's lock, that pages of this file got dirty.
    #[inline]
    fn note_dirty(&self, cell: &Arc<DataCell>, data: &mut FileData) {
        if data.writer.is_none() {
            data.writer.clone_from(&self.write);
        }
        self.note_change(cell, data);
        if !data.listed {
            self.fs.list_dirty(&self.inode, cell, data);
        }
    }

    /// Notes, under the data's lock, a change of the contents: length and times are known here first.
    #[inline]
    fn note_change(&self, cell: &DataCell, data: &FileData) {
        self.inode.note_written(data.size());
        if cell.read_noted.load(Ordering::Relaxed) {
            cell.read_noted.store(false, Ordering::Relaxed);
        }
    }

    /// Goes on with a write in this caller's turn, making room, completing pages and bringing out as it needs.
    #[cold]
    fn write_on(
        &self,
        call: &Call,
        cell: &Arc<DataCell>,
        writing: &mut Writing<'_, '_>,
        in_pages: bool,
    ) -> Result<(usize, u64)> {
        let mut in_pages = in_pages;
        while writing.pieces.len() > 0 {
            if let Err(ended) = self.fs.gate.pass(call) {
                return refused(ended, writing);
            }
            if in_pages && self.fs.pages.is_half_dirty() {
                // Whoever makes data dirty brings it out; where that fails he is told, and nothing is taken from him.
                if let Err(error) = self.fs.bring_out(call, &self.inode, cell, false) {
                    return refused(error, writing);
                }
                // What is left is of other files, and maybe of a backend that does not answer.
                in_pages = !self.fs.pages.is_half_dirty();
            }
            let step =
                if in_pages { self.write_step(call, cell, writing) } else { self.write_past(call, cell, writing) };
            match step {
                Ok(true) => {}
                Ok(false) if in_pages => in_pages = false,
                Ok(false) => break,
                Err(error) => return refused(error, writing),
            }
        }
        writing.told()
    }

    /// Writes into pages as far as it goes, and gets what is lacking; false when that cannot be got.
    fn write_step(&self, call: &Call, cell: &Arc<DataCell>, writing: &mut Writing<'_, '_>) -> Result<bool> {
        let lack = {
            let mut data = cell.write();
            if !self.fs.gate.is_open() {
                // Closed since this turn of the loop went through it.
                return Ok(true);
            }
            self.write_pages(cell, &mut data, writing)
        };
        match lack {
            None => Ok(true),
            Some(Lack::Room) => {
                if self.fs.recency.evict(ROOM_PAGES) > 0 {
                    return Ok(true);
                }
                let dirty = cell.read().is_dirty();
                if dirty {
                    self.fs.bring_out(call, &self.inode, cell, false)?;
                }
                Ok(dirty && self.fs.recency.evict(ROOM_PAGES) > 0)
            }
            Some(Lack::Fill(index)) => self.complete_page(call, cell, index).map(|()| true),
        }
    }

    /// Makes all of a page known, or none of it.
    fn complete_page(&self, call: &Call, cell: &Arc<DataCell>, index: u64) -> Result<()> {
        let start = index * u64::from(cell.page_bytes);
        let reader = self.page_reader();
        let page = reader.as_ref().map(|_| self.fs.take_pages(1)).filter(|page| !page.is_empty());
        let Some((handle, mut page)) = reader.zip(page) else {
            // It cannot be read: what is dirty of it goes out, and then it is forgotten.
            self.fs.bring_out(call, &self.inode, cell, false)?;
            let _io = wait::lock(call, &cell.io)?;
            cell.write().forget(start, 1);
            return Ok(());
        };
        let (generation, size) = {
            let data = cell.read();
            (data.generation(), data.size())
        };
        let want = u64::from(cell.page_bytes).min(size.saturating_sub(start));
        self.fs.stats.op(Op::HandleRead);
        let got = read_pages(call, &handle, &mut page, start, want);
        let mut entered = Vec::new();
        {
            let mut data = cell.write();
            match got {
                Ok(got) if data.generation() == generation => data.fill(index, page, got, &mut entered),
                // Overtaken, and the write looks again; or there is nothing to fill it with.
                Ok(_) | Err(_) => data.give_back(page),
            }
        }
        self.fs.recency.enter(cell, &entered);
        got.map(drop)
    }

    /// A handle to read with; the file itself need not be allowed to read.
    fn page_reader(&self) -> Option<ErasedHandle> {
        self.read.clone().or_else(|| self.inode.handles().lock().as_ref()?.read().cloned())
    }

    /// Writes past the cache, once; false when the backend took nothing.
    fn write_past(&self, call: &Call, cell: &Arc<DataCell>, writing: &mut Writing<'_, '_>) -> Result<bool> {
        let handle = self.writer()?;
        // What is on its way there must not arrive behind this.
        let _io = wait::lock(call, &cell.io)?;
        if !self.fs.gate.is_open() {
            return Ok(true);
        }
        let at = writing.at();
        self.fs.stats.op(Op::HandleWrite);
        let written = match handle.write_at(call, &writing.pieces.rest(), at) {
            Ok(written) => written as u64,
            Err(Error::WouldWait) => return Err(Error::WouldWait),
            Err(error) => {
                // It may have been made in part, or whole and its answer lost.
                cell.write().forget(at, writing.pieces.len());
                self.learn_size(call, cell);
                return Err(error);
            }
        };
        self.settle(call, cell, |data, cleaned| {
            data.written_past(writing.pieces.clone(), at, written, cleaned);
            self.note_passed(cell, data);
        });
        writing.pieces.skip(usize::try_from(written).unwrap_or(usize::MAX));
        writing.done += written;
        Ok(written > 0)
    }

    /// Makes a change of the data after which pages may be clean and the writer no longer needed: those join the recency
    /// queues, and this is let go, both without the data's lock.
    fn settle(&self, call: &Call, cell: &Arc<DataCell>, change: impl FnOnce(&mut FileData, &mut Vec<(u64, u32)>)) {
        let mut cleaned = Vec::new();
        let retired = {
            let mut data = cell.write();
            change(&mut data, &mut cleaned);
            data.retire()
        };
        self.fs.let_go(call, retired.into_iter());
        self.fs.recency.enter(cell, &cleaned);
    }

    /// Notes, under the data's lock, a change that is in the backend already.
    fn note_passed(&self, cell: &Arc<DataCell>, data: &mut FileData) {
        self.note_change(cell, data);
        self.keep_times(cell, data);
    }

    /// Has the file's times brought out later: they are known here first.
    fn keep_times(&self, cell: &Arc<DataCell>, data: &mut FileData) {
        if data.keeper.is_none() {
            data.keeper.clone_from(&self.write);
        }
        self.fs.list_dirty(&self.inode, cell, data);
    }

    /// Asks how long the backend's file is, behind a change that may have been made all the same.
    fn learn_size(&self, call: &Call, cell: &Arc<DataCell>) {
        if let Ok(stat) = self.any().and_then(|handle| handle.stat(call)) {
            cell.write().grow(stat.size);
        }
        self.inode.attr_changed();
    }

    /// Sets the length, here and in the backend.
    pub(super) fn set_size_cached(&self, call: &Call, cell: &Arc<DataCell>, size: u64) -> Result<()> {
        let handle = self.writer()?;
        let _turn = cell.turn(call)?;
        self.fs.gate.pass(call)?;
        let _io = wait::lock(call, &cell.io)?;
        self.fs.stats.op(Op::HandleSetStat);
        let answer = handle.set_stat(call, &SetStat { size: Some(size), ..SetStat::default() });
        let failed = match answer {
            Ok(report) => report.errno.map(Error::Errno),
            Err(Error::WouldWait) => return Err(Error::WouldWait),
            Err(error) => Some(error),
        };
        if let Some(error) = failed {
            self.doubt_size(call, cell, size);
            return Err(error);
        }
        self.settle(call, cell, |data, cleaned| {
            data.truncate(size, cleaned);
            self.note_passed(cell, data);
        });
        Ok(())
    }

    /// Finds out whether a change of the length was made although its answer says that it failed.
    fn doubt_size(&self, call: &Call, cell: &Arc<DataCell>, size: u64) {
        let told = self.any().and_then(|handle| handle.stat(call));
        self.settle(call, cell, |data, cleaned| {
            if told.is_ok_and(|stat| stat.size == size) && data.size() != size {
                data.truncate(size, cleaned);
            } else {
                data.forget(0, u64::MAX);
            }
        });
        self.inode.attr_changed();
    }

    /// Makes sure that a range can be written without running out of space.
    pub(super) fn allocate_cached(&self, call: &Call, cell: &Arc<DataCell>, offset: u64, len: u64) -> Result<()> {
        let handle = self.writer()?;
        let _turn = cell.turn(call)?;
        self.fs.gate.pass(call)?;
        let _io = wait::lock(call, &cell.io)?;
        self.fs.stats.op(Op::HandleAllocate);
        match handle.allocate(call, offset, len) {
            Ok(()) => {
                let mut data = cell.write();
                data.grow(offset.saturating_add(len));
                self.note_passed(cell, &mut data);
                Ok(())
            }
            Err(Error::WouldWait) => Err(Error::WouldWait),
            Err(error) => {
                self.learn_size(call, cell);
                Err(error)
            }
        }
    }
}
