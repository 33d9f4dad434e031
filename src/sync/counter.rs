//! Counters that threads do not share.

use crossbeam_utils::CachePadded;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

const SLOTS: usize = 16;

static NEXT_THREAD: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static SLOT: usize = NEXT_THREAD.fetch_add(1, Ordering::Relaxed) % SLOTS;
}

/// `N` counters that are added to on a line of the thread's own (up to 16 threads) and summed when they are read: a hit
/// that is counted still writes no line that another thread's hit reads.
#[derive(Debug)]
pub(crate) struct Counter<const N: usize> {
    slots: Box<[CachePadded<[AtomicU64; N]>]>,
}

impl<const N: usize> Default for Counter<N> {
    fn default() -> Self {
        Counter { slots: (0..SLOTS).map(|_| CachePadded::new(std::array::from_fn(|_| AtomicU64::new(0)))).collect() }
    }
}

impl<const N: usize> Counter<N> {
    /// Adds `n` to counter `which`.
    #[inline]
    pub(crate) fn add(&self, which: usize, n: u64) {
        let slot = SLOT.with(|slot| *slot);
        if let Some(counter) = self.slots.get(slot).and_then(|counters| counters.get(which)) {
            counter.fetch_add(n, Ordering::Relaxed);
        }
    }

    /// The sum of counter `which` over all threads.
    pub(crate) fn sum(&self, which: usize) -> u64 {
        self.slots.iter().filter_map(|counters| counters.get(which)).map(|c| c.load(Ordering::Relaxed)).sum()
    }
}
