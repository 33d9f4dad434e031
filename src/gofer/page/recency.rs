//! Which pages go when the budget is used up.

use super::budget::PageBudget;
use super::cell::DataCell;
use super::data::Verdict;
use crate::sync::{Rank, RankedMutex};
use std::collections::{HashSet, VecDeque};
use std::hash::BuildHasher;
use std::sync::Arc;

/// Pages that one eviction looks at; a longer row of hot ones is looked at by later ones.
const LOOKS_MAX: usize = 1_024;

/// Entries of pages that are gone which are let stand before all are looked through, beside a quarter of the others.
const STALE_MIN: usize = 64;

/// A page that could be evicted.
#[derive(Debug)]
struct Resident {
    cell: Arc<DataCell>,
    index: u64,
    stamp: u32,
}

/// Recency as in S3-FIFO: a page enters a short queue and goes again at its end, unless it was used meanwhile; then it
/// enters the long queue, at whose end each use earns it another round. What went from the short queue is remembered for
/// a while, and enters the long one when it comes back. A scan passes through the short queue and costs the others
/// nothing; a use only counts in the page and takes no lock.
///
/// Dirty pages have no entry.
#[derive(Debug)]
pub(crate) struct Recency {
    queues: RankedMutex<Queues, { Rank::Recency as u8 }>,
    budget: Arc<PageBudget>,
}

#[derive(Debug, Default)]
struct Queues {
    short: VecDeque<Resident>,
    long: VecDeque<Resident>,
    /// Pages that went from the short queue, by a hash: oldest first, and to be found.
    ghosts: VecDeque<u32>,
    known_ghosts: HashSet<u32, foldhash::fast::RandomState>,
    hasher: foldhash::fast::RandomState,
}

impl Queues {
    #[allow(clippy::cast_possible_truncation, reason = "half of a hash is a hash")]
    fn ghost_of(&self, cell: &Arc<DataCell>, index: u64) -> u32 {
        self.hasher.hash_one((Arc::as_ptr(cell) as usize, index)) as u32
    }

    fn remember(&mut self, resident: &Resident, most: usize) {
        let ghost = self.ghost_of(&resident.cell, resident.index);
        if self.known_ghosts.insert(ghost) {
            self.ghosts.push_back(ghost);
        }
        while self.ghosts.len() > most {
            if let Some(oldest) = self.ghosts.pop_front() {
                self.known_ghosts.remove(&oldest);
            }
        }
    }

    fn len(&self) -> usize {
        self.short.len() + self.long.len()
    }
}

impl Recency {
    pub(crate) fn new(budget: &Arc<PageBudget>) -> Recency {
        Recency { queues: RankedMutex::new(Queues::default()), budget: Arc::clone(budget) }
    }

    /// Queues pages of one file, by index and stamp. Called without the file's lock.
    pub(crate) fn enter(&self, cell: &Arc<DataCell>, pages: &[(u64, u32)]) {
        if pages.is_empty() {
            return;
        }
        let mut stale = Vec::new();
        let mut queues = self.queues.lock();
        for (index, stamp) in pages {
            let resident = Resident { cell: Arc::clone(cell), index: *index, stamp: *stamp };
            let ghost = queues.ghost_of(cell, *index);
            if queues.known_ghosts.contains(&ghost) {
                queues.long.push_back(resident);
            } else {
                queues.short.push_back(resident);
            }
        }
        let pages = self.budget.pages();
        if queues.len() > pages + pages / 4 + STALE_MIN {
            stale = Self::take_stale(&mut queues);
        }
        drop(queues);
        // The last reference to a file's data may be among them.
        drop(stale);
    }

    /// Drops the entries of pages that are gone.
    pub(crate) fn drop_stale(&self) {
        let stale = Self::take_stale(&mut self.queues.lock());
        drop(stale);
    }

    /// Takes out entries whose page is gone. Files that somebody is writing in keep theirs.
    fn take_stale(queues: &mut Queues) -> Vec<Resident> {
        let mut stale = Vec::new();
        let Queues { short, long, .. } = queues;
        for queue in [short, long] {
            for _ in 0..queue.len() {
                let Some(resident) = queue.pop_front() else { break };
                if resident.cell.has_page(resident.index, resident.stamp) {
                    queue.push_back(resident);
                } else {
                    stale.push(resident);
                }
            }
        }
        stale
    }

    /// Evicts up to `want` pages, and says how many went. Called without the lock of any file.
    pub(crate) fn evict(&self, want: usize) -> usize {
        let mut evicted = 0;
        let mut looks = LOOKS_MAX.max(want);
        while evicted < want && looks > 0 {
            looks -= 1;
            let Some((resident, short)) = self.next() else { break };
            let verdict = resident.cell.try_write().map(|mut data| data.judge(resident.index, resident.stamp, short));
            let mut queues = self.queues.lock();
            match verdict {
                // Somebody is at work in the file.
                None if short => queues.short.push_back(resident),
                None | Some(Verdict::Hot) => queues.long.push_back(resident),
                Some(Verdict::Evicted) => {
                    evicted += 1;
                    if short {
                        queues.remember(&resident, self.budget.pages_max() / 2);
                    }
                    drop(queues);
                    drop(resident);
                }
                Some(Verdict::Gone | Verdict::Dirty) => {
                    drop(queues);
                    drop(resident);
                }
            }
        }
        evicted
    }

    /// The next page to look at, and whether it is of the short queue, which has its share while the long one exists.
    fn next(&self) -> Option<(Resident, bool)> {
        let mut queues = self.queues.lock();
        let share = self.budget.pages_max() / 10;
        if queues.short.len() > share || queues.long.is_empty() {
            return queues.short.pop_front().map(|resident| (resident, true));
        }
        queues.long.pop_front().map(|resident| (resident, false))
    }
}
