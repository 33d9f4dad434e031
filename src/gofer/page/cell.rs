//! The cached data of one file, under its locks.

use super::budget::PageBudget;
use super::data::FileData;
use crate::abi::{Call, Result};
use crate::gofer::wait::{CALL_CHECK, goes_on};
use crate::sync::{Rank, RankHeld, RankedMutex, rank};
use crate::sys::{Striped, StripedReadGuard, StripedWriteGuard};
use parking_lot::{Condvar, Mutex};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// The cached data of one file. Open files share it, and the recency queues keep it while they have pages of it. An inode
/// refers to it weakly, which keeps its memory: that is a box alone.
#[derive(Debug)]
pub(crate) struct DataCell(Box<Body>);

/// What is in the box.
#[derive(Debug)]
pub(crate) struct Body {
    data: Striped<FileData>,
    /// Held by whoever brings data to the backend or changes its length there; without it no answer of the backend about
    /// the file's bytes gets old. Held across backend calls, never needed by a hit.
    pub(crate) io: RankedMutex<(), { Rank::WriteBack as u8 }>,
    /// Whether the access time is known to be right until the next change.
    pub(crate) read_noted: AtomicBool,
    /// Bytes of a page.
    pub(crate) page_bytes: u32,
    waiting: AtomicU32,
    turns: Mutex<()>,
    turn_ended: Condvar,
}

/// A read section.
pub(crate) struct DataRead<'a> {
    guard: StripedReadGuard<'a, FileData>,
    _rank: RankHeld,
}

/// A write section.
pub(crate) struct DataWrite<'a> {
    guard: StripedWriteGuard<'a, FileData>,
    _rank: RankHeld,
}

/// The right to change the file in several steps, to the exclusion of other writers.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    cell: &'a DataCell,
}

impl DataCell {
    /// A file of `size` bytes of which nothing is cached.
    pub(crate) fn new(size: u64, page_bytes: u32, budget: &Arc<PageBudget>) -> Arc<DataCell> {
        Arc::new(DataCell(Box::new(Body {
            data: Striped::new(FileData::new(size, page_bytes, Arc::clone(budget))),
            io: RankedMutex::new(()),
            read_noted: AtomicBool::new(false),
            page_bytes,
            waiting: AtomicU32::new(0),
            turns: Mutex::new(()),
            turn_ended: Condvar::new(),
        })))
    }

    /// Begins a read section; it makes no call.
    #[inline]
    pub(crate) fn read(&self) -> DataRead<'_> {
        let rank = rank(Rank::Data);
        DataRead { guard: self.data.read(), _rank: rank }
    }

    /// Begins a write section; it makes no call.
    #[inline]
    pub(crate) fn write(&self) -> DataWrite<'_> {
        let rank = rank(Rank::Data);
        DataWrite { guard: self.data.write(), _rank: rank }
    }

    /// Begins a write section if nobody is in one.
    pub(super) fn try_write(&self) -> Option<DataWrite<'_>> {
        let rank = rank(Rank::Data);
        Some(DataWrite { guard: self.data.try_write()?, _rank: rank })
    }

    /// Whether a page is there, or may be: nobody waits for an answer.
    pub(super) fn has_page(&self, index: u64, stamp: u32) -> bool {
        let _rank = rank(Rank::Data);
        self.data.try_read().is_none_or(|data| data.has_page(index, stamp))
    }

    /// Makes the rest of a change this caller's own turn; asked under the write section in which nobody had one.
    pub(crate) fn claim(&self, data: &mut FileData) -> Turn<'_> {
        data.busy = true;
        Turn { cell: self }
    }

    /// Waits for the turn of a change that needs I/O: `ETIMEDOUT` and `ECANCELED` when the call ends before,
    /// [`Error::WouldWait`] for one that may not wait.
    pub(crate) fn turn(&self, call: &Call) -> Result<Turn<'_>> {
        loop {
            {
                let mut data = self.write();
                if !data.busy {
                    return Ok(self.claim(&mut data));
                }
            }
            goes_on(call)?;
            self.waiting.fetch_add(1, Ordering::SeqCst);
            let mut turns = self.turns.lock();
            if self.read().busy {
                self.turn_ended.wait_for(&mut turns, CALL_CHECK);
            }
            drop(turns);
            self.waiting.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl Deref for DataCell {
    type Target = Body;

    #[inline]
    fn deref(&self) -> &Body {
        &self.0
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.cell.write().busy = false;
        if self.cell.waiting.load(Ordering::SeqCst) > 0 {
            drop(self.cell.turns.lock());
            self.cell.turn_ended.notify_all();
        }
    }
}

impl Deref for DataRead<'_> {
    type Target = FileData;

    fn deref(&self) -> &FileData {
        &self.guard
    }
}

impl Deref for DataWrite<'_> {
    type Target = FileData;

    fn deref(&self) -> &FileData {
        &self.guard
    }
}

impl DerefMut for DataWrite<'_> {
    fn deref_mut(&mut self) -> &mut FileData {
        &mut self.guard
    }
}
