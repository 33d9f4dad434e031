//! A mutex with a rank.

use super::order::{Held, Rank};
use parking_lot::{Mutex, MutexGuard};
use std::ops::{Deref, DerefMut};
use std::time::Duration;

/// A mutex that knows its rank.
#[derive(Debug)]
pub(crate) struct RankedMutex<T, const RANK: u8> {
    inner: Mutex<T>,
}

/// What a [`RankedMutex`] gives while it is held.
#[derive(Debug)]
pub(crate) struct RankedGuard<'a, T> {
    // Declared first: the lock is let go before its entry leaves the record.
    guard: MutexGuard<'a, T>,
    _held: Held,
}

const fn rank_of(rank: u8) -> Rank {
    match rank {
        10 => Rank::Rename,
        20 => Rank::Directory,
        30 => Rank::Handles,
        33 => Rank::WriteBack,
        35 => Rank::Pins,
        38 => Rank::Watches,
        40 => Rank::Tree,
        50 => Rank::Flights,
        58 => Rank::Recency,
        60 => Rank::Inodes,
        61 => Rank::DataSlot,
        64 => Rank::Dirty,
        70 => Rank::Idle,
        _ => Rank::Graveyard,
    }
}

impl<T, const RANK: u8> RankedMutex<T, RANK> {
    /// A mutex over `value`.
    pub(crate) const fn new(value: T) -> Self {
        RankedMutex { inner: Mutex::new(value) }
    }

    /// Waits for the lock.
    #[inline]
    pub(crate) fn lock(&self) -> RankedGuard<'_, T> {
        let held = Held::enter(rank_of(RANK), false);
        RankedGuard { guard: self.inner.lock(), _held: held }
    }

    /// Takes the lock if nobody holds it.
    pub(crate) fn try_lock(&self) -> Option<RankedGuard<'_, T>> {
        let held = Held::enter(rank_of(RANK), false);
        Some(RankedGuard { guard: self.inner.try_lock()?, _held: held })
    }

    /// The value of a mutex that nobody else can reach any more.
    pub(crate) fn into_inner(self) -> T {
        self.inner.into_inner()
    }

    /// Waits for the lock as long as `patience`.
    pub(crate) fn try_lock_for(&self, patience: Duration) -> Option<RankedGuard<'_, T>> {
        let held = Held::enter(rank_of(RANK), false);
        Some(RankedGuard { guard: self.inner.try_lock_for(patience)?, _held: held })
    }

    /// As [`RankedMutex::try_lock_for`], for the second of two locks of one rank. The caller names the order: ancestor
    /// first, else by key; and makes sure that they are two.
    pub(crate) fn try_lock_second_for(&self, patience: Duration) -> Option<RankedGuard<'_, T>> {
        let held = Held::enter(rank_of(RANK), true);
        Some(RankedGuard { guard: self.inner.try_lock_for(patience)?, _held: held })
    }
}

impl<T> Deref for RankedGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> DerefMut for RankedGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

impl<'a, T> RankedGuard<'a, T> {
    /// The plain guard, for waiting on a condition variable.
    pub(crate) fn as_inner(&mut self) -> &mut MutexGuard<'a, T> {
        &mut self.guard
    }
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use super::*;

    type Low = RankedMutex<(), { Rank::Directory as u8 }>;
    type High = RankedMutex<(), { Rank::Idle as u8 }>;

    #[test]
    fn lock_of_a_lower_rank_while_a_higher_is_held_panics() {
        let caught = std::panic::catch_unwind(|| {
            let (low, high) = (Low::new(()), High::new(()));
            let _high = high.lock();
            let _low = low.lock();
        });
        assert!(caught.is_err());
    }

    #[test]
    fn lock_of_the_same_rank_twice_panics_and_a_second_one_does_not() {
        let (a, b) = (Low::new(()), Low::new(()));
        let pair = (a.lock(), b.try_lock_second_for(Duration::ZERO).expect("free"));
        drop(pair);
        let caught = std::panic::catch_unwind(|| {
            let (a, b) = (Low::new(()), Low::new(()));
            let _a = a.lock();
            let _b = b.lock();
        });
        assert!(caught.is_err());
    }

    #[test]
    fn lock_after_the_guards_are_gone_is_free_of_order() {
        let (low, high) = (Low::new(()), High::new(()));
        drop(high.lock());
        drop(low.lock());
        drop(high.lock());
    }
}
