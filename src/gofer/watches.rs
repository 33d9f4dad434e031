//! The backend's change queue, and which directories it watches for this cache.

use super::dentry::{DentryId, FreedWatch};
use super::wait;
use crate::abi::Call;
use crate::backend::{ErasedQueue, WatchId};
use crate::sync::{Rank, RankedGuard, RankedMutex};
use crossbeam_utils::CachePadded;
use foldhash::quality::RandomState;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// The queue and the watches of one cache.
///
/// # What makes an answer exact
///
/// Whoever answers from what is believed takes a [`Mark`], reads the cache, and then asks [`Watches::still`]: the queue
/// is empty, nobody is applying changes that he took out of it, and nobody did since the mark. Then nothing of what he
/// read had changed when he asked, which is behind the moment at which the request arrived. The mark is a sequence
/// count, odd while somebody drains. It is raised before changes are taken out and again behind their application, so
/// that a queue that is empty because of him is not mistaken for one in which nothing came.
pub(crate) struct Watches {
    /// Read by every answer, and written by drains alone.
    sequence: CachePadded<AtomicU64>,
    /// Made when the first watch is wanted: most mounts live without, and a user may have few of them.
    queue: OnceLock<Option<ErasedQueue>>,
    /// How often a watch must be wanted before there is a queue, and how often one was.
    pays_after: u32,
    wanted: AtomicU32,
    /// Most watches; less than was asked for where the system gives no more.
    limit: AtomicUsize,
    table: RankedMutex<Table, { Rank::Watches as u8 }>,
    /// Watches that are to be given back, and were not while somebody else had the table: at most those in it.
    left: RankedMutex<Vec<FreedWatch>, { Rank::Graveyard as u8 }>,
    count: AtomicUsize,
    drains: AtomicU64,
    overflows: AtomicU64,
}

/// What was seen of the queue before the cache was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark(u64);

/// Who is watched.
#[derive(Debug, Default)]
pub(crate) struct Table {
    dirs: HashMap<WatchId, DentryId, RandomState>,
    /// In the order in which they come up for being given back; numbers of ended ones among them.
    ring: VecDeque<WatchId>,
    /// Answers up to the last drain.
    answered: u64,
}

/// How long the table is waited for by those who can do without: longer than it is held for anything but a backend.
const SOON: Duration = Duration::from_millis(5);

/// Answers between two drains from which on the queue pays: a drain takes as long as asking about so many names.
const PAYS: u64 = 8;

impl fmt::Debug for Watches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watches").field("limit", &self.limit).field("count", &self.count).finish_non_exhaustive()
    }
}

impl Watches {
    /// No watches yet, `limit` at most, of a queue that is worth making when `pays_after` of them were wanted.
    pub(crate) fn new(limit: usize, pays_after: u32) -> Self {
        Watches {
            sequence: CachePadded::new(AtomicU64::new(0)),
            queue: OnceLock::new(),
            pays_after,
            wanted: AtomicU32::new(0),
            limit: AtomicUsize::new(limit),
            table: RankedMutex::new(Table::default()),
            left: RankedMutex::new(Vec::new()),
            count: AtomicUsize::new(0),
            drains: AtomicU64::new(0),
            overflows: AtomicU64::new(0),
        }
    }

    /// Whether anything is, or could be, watched.
    #[inline]
    pub(crate) fn enabled(&self) -> bool {
        self.limit.load(Ordering::Relaxed) > 0 && !matches!(self.queue.get(), Some(None))
    }

    /// The queue, which `make` makes if there is none yet and one is worth its cost by now. That it is wanted is counted.
    pub(crate) fn queue_or(&self, make: impl FnOnce() -> Option<ErasedQueue>) -> Option<&ErasedQueue> {
        if self.queue.get().is_none() && self.wanted.fetch_add(1, Ordering::Relaxed) < self.pays_after {
            return None;
        }
        self.queue.get_or_init(make).as_ref()
    }

    /// Counts what was asked and cost as much as `weight` wants stand for.
    pub(crate) fn cost(&self, weight: u32) {
        if self.queue.get().is_none() {
            self.wanted.fetch_add(weight, Ordering::Relaxed);
        }
    }

    /// The queue, if there is one by now.
    pub(crate) fn queue(&self) -> Option<&ErasedQueue> {
        self.queue.get()?.as_ref()
    }

    /// To be taken before the cache is read.
    #[inline]
    pub(crate) fn mark(&self) -> Mark {
        Mark(self.sequence.load(Ordering::SeqCst))
    }

    /// Whether what was read of the cache since `mark` was taken is how things are now.
    #[inline]
    pub(crate) fn still(&self, mark: Mark) -> bool {
        let Some(queue) = self.queue() else { return false };
        // In this order: who emptied the queue had raised the count before.
        queue.is_empty() && mark.0 & 1 == 0 && self.sequence.load(Ordering::SeqCst) == mark.0
    }

    /// Before changes are taken out, and again behind their application.
    pub(crate) fn turn(&self) {
        self.sequence.fetch_add(1, Ordering::SeqCst);
    }

    /// Makes earlier marks void, before a watch is given back: what happens to its directory from then on is announced
    /// to nobody.
    fn void_marks(&self) {
        self.sequence.fetch_add(2, Ordering::SeqCst);
    }

    pub(crate) fn lock(&self) -> RankedGuard<'_, Table> {
        self.taken(self.table.lock())
    }

    /// As [`Watches::lock`], unless the call ends before, or may not wait: a backend takes its time over a watch.
    pub(crate) fn lock_for(&self, call: &Call) -> Option<RankedGuard<'_, Table>> {
        wait::lock(call, &self.table).ok().map(|table| self.taken(table))
    }

    /// As [`Watches::lock`], if it takes no longer than changing the table does.
    pub(crate) fn lock_soon(&self) -> Option<RankedGuard<'_, Table>> {
        self.table.try_lock_for(SOON).map(|table| self.taken(table))
    }

    /// Gives back what [`Watches::give_back`] left.
    fn taken<'t>(&self, mut table: RankedGuard<'t, Table>) -> RankedGuard<'t, Table> {
        let left = std::mem::take(&mut *self.left.lock());
        self.let_go(&mut table, &left);
        table
    }

    /// Most watches.
    pub(crate) fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    /// Lowers the limit to what there is: the system gives no more.
    pub(crate) fn limit_to_present(&self, table: &Table) {
        self.limit.store(table.dirs.len(), Ordering::Relaxed);
    }

    /// Watches now.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Counts a drain.
    pub(crate) fn drained(&self) {
        self.drains.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts an overflow.
    pub(crate) fn overflowed(&self) {
        self.overflows.fetch_add(1, Ordering::Relaxed);
    }

    /// Drains and overflows so far.
    pub(crate) fn figures(&self) -> (u64, u64) {
        (self.drains.load(Ordering::Relaxed), self.overflows.load(Ordering::Relaxed))
    }

    /// Enters a watch; answers the directory that had it before. One directory of the backend has one watch, also where
    /// two names lead to it, one of which is old: then the new one gets it.
    pub(crate) fn enter(&self, table: &mut Table, watch: WatchId, dir: DentryId) -> Option<DentryId> {
        let previous = table.dirs.insert(watch, dir);
        if previous.is_none() {
            table.ring.push_back(watch);
        }
        self.counted(table);
        previous
    }

    /// Takes a watch out, if it still is that of `freed.dir`; true when it was.
    pub(crate) fn remove(&self, table: &mut Table, freed: FreedWatch) -> bool {
        let its = table.dirs.get(&freed.id) == Some(&freed.dir);
        if its {
            table.dirs.remove(&freed.id);
            table.compact();
            self.counted(table);
        }
        its
    }

    /// Ends watches of directories that are not believed any more.
    pub(crate) fn let_go(&self, table: &mut Table, freed: &[FreedWatch]) {
        if freed.is_empty() {
            return;
        }
        self.void_marks();
        for watch in freed {
            // One that somebody else has by now goes on: it is of the same directory.
            if self.remove(table, *watch)
                && let Some(queue) = self.queue()
            {
                queue.unwatch(watch.id);
            }
        }
    }

    /// As [`Watches::let_go`], for those who do not hold the lock, and who wait for no backend: what cannot be given back
    /// now is by who takes the lock next.
    pub(crate) fn give_back(&self, freed: &[FreedWatch]) {
        if freed.is_empty() {
            return;
        }
        match self.lock_soon() {
            Some(mut table) => self.let_go(&mut table, freed),
            None => self.left.lock().extend_from_slice(freed),
        }
    }

    fn counted(&self, table: &Table) {
        self.count.store(table.dirs.len(), Ordering::Relaxed);
    }
}

impl Table {
    /// The directory of a watch.
    pub(crate) fn dir(&self, watch: WatchId) -> Option<DentryId> {
        self.dirs.get(&watch).copied()
    }

    /// Every directory that is watched.
    pub(crate) fn dirs(&self) -> impl Iterator<Item = (WatchId, DentryId)> {
        self.dirs.iter().map(|(watch, dir)| (*watch, *dir))
    }

    /// How many watches there are.
    pub(crate) fn len(&self) -> usize {
        self.dirs.len()
    }

    /// The next watch to be looked at for one that can go, which comes up last from now on.
    pub(crate) fn next(&mut self) -> Option<FreedWatch> {
        while let Some(id) = self.ring.pop_front() {
            if let Some(dir) = self.dir(id) {
                self.ring.push_back(id);
                return Some(FreedWatch { id, dir });
            }
        }
        None
    }

    /// Whether the answers since the last drain, of `answered` so far, were worth a drain.
    pub(crate) fn paid(&mut self, answered: u64) -> bool {
        let paid = answered.wrapping_sub(self.answered) >= PAYS;
        self.answered = answered;
        paid
    }

    /// Drops numbers of watches that ended.
    fn compact(&mut self) {
        if self.ring.len() > self.dirs.len() * 2 + 16 {
            let dirs = &self.dirs;
            self.ring.retain(|id| dirs.contains_key(id));
        }
    }
}
