//! Counters that threads do not share.

use crossbeam_utils::CachePadded;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Slots that belong to one thread at a time; all further threads share one more.
const OWN_SLOTS: usize = 15;

static FREE: Mutex<u32> = Mutex::new((1 << OWN_SLOTS) - 1);

/// A thread's slot, given back when the thread ends.
struct Slot(usize);

impl Slot {
    fn take() -> Slot {
        let mut free = FREE.lock();
        let slot = free.trailing_zeros() as usize;
        if slot >= OWN_SLOTS {
            return Slot(OWN_SLOTS);
        }
        *free &= !(1 << slot);
        Slot(slot)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if self.0 < OWN_SLOTS {
            *FREE.lock() |= 1 << self.0;
        }
    }
}

thread_local! {
    static SLOT: Slot = Slot::take();
}

/// `N` counters that are added to on a line of the thread's own and summed when they are read: a hit that is counted
/// writes no line that another thread's hit reads, and needs no atomic addition.
#[derive(Debug)]
pub(crate) struct Counter<const N: usize> {
    slots: Box<[CachePadded<[AtomicU64; N]>]>,
}

impl<const N: usize> Default for Counter<N> {
    fn default() -> Self {
        let zeros = |_| CachePadded::new(std::array::from_fn(|_| AtomicU64::new(0)));
        Counter { slots: (0..=OWN_SLOTS).map(zeros).collect() }
    }
}

impl<const N: usize> Counter<N> {
    /// Adds `n` to counter `which`.
    #[inline]
    pub(crate) fn add(&self, which: usize, n: u64) {
        self.add_each([(which, n)]);
    }

    /// Adds to several counters.
    #[inline]
    pub(crate) fn add_each<const M: usize>(&self, sums: [(usize, u64); M]) {
        // A thread that is ending may have given its slot back.
        let slot = SLOT.try_with(|slot| slot.0).unwrap_or(OWN_SLOTS);
        let Some(counters) = self.slots.get(slot) else { return };
        for (which, n) in sums {
            let Some(counter) = counters.get(which) else { continue };
            if slot == OWN_SLOTS {
                counter.fetch_add(n, Ordering::Relaxed);
            } else {
                // Nobody else writes here: the slot's next owner takes it under the lock that this thread gives it back
                // under.
                counter.store(counter.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
            }
        }
    }

    /// The sum of counter `which` over all threads.
    pub(crate) fn sum(&self, which: usize) -> u64 {
        let all = self.slots.iter().filter_map(|counters| counters.get(which));
        all.map(|counter| counter.load(Ordering::Relaxed)).fold(0, u64::wrapping_add)
    }
}

#[cfg(test)]
mod tests {
    use super::Counter;
    use std::sync::Arc;

    #[test]
    fn add_by_more_threads_than_slots_loses_nothing() {
        let counter = Arc::new(Counter::<2>::default());
        for _ in 0..3 {
            let adding = |_| {
                let counter = Arc::clone(&counter);
                std::thread::spawn(move || (0..1_000).for_each(|_| counter.add(1, 2)))
            };
            let threads: Vec<_> = (0..40).map(adding).collect();
            threads.into_iter().for_each(|thread| thread.join().expect("it adds"));
        }
        assert_eq!((counter.sum(0), counter.sum(1)), (0, 3 * 40 * 2_000));
    }
}
