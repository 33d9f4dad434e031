//! The reader-writer lock of the dentry tree.

use super::order::{Held, Rank};
use crossbeam_utils::sync::{ShardedLock, ShardedLockReadGuard, ShardedLockWriteGuard};
use std::ops::{Deref, DerefMut};
use std::sync::PoisonError;

/// A reader-writer lock whose readers each take one of eight shards, so that threads on different shards write no cache
/// line of each other; a writer takes all eight. Poisoning is passed over: a panic under the lock is a bug that the
/// invariant checks find, and a guest must not be able to turn it into a dead mount.
#[derive(Debug)]
pub(crate) struct Sharded<T> {
    inner: ShardedLock<T>,
}

/// A read section. The lock is let go before its entry leaves the record, by the order of the fields.
pub(crate) struct ReadGuard<'a, T> {
    guard: ShardedLockReadGuard<'a, T>,
    _held: Held,
}

/// A write section.
pub(crate) struct WriteGuard<'a, T> {
    guard: ShardedLockWriteGuard<'a, T>,
    _held: Held,
}

impl<T> Sharded<T> {
    /// A lock over `value`, of rank [`Rank::Tree`].
    pub(crate) fn new(value: T) -> Self {
        Sharded { inner: ShardedLock::new(value) }
    }

    /// Begins a read section: no wait but for a writer's short section.
    #[inline]
    pub(crate) fn read(&self) -> ReadGuard<'_, T> {
        let held = Held::enter(Rank::Tree, false);
        ReadGuard { guard: self.inner.read().unwrap_or_else(PoisonError::into_inner), _held: held }
    }

    /// Begins a write section.
    pub(crate) fn write(&self) -> WriteGuard<'_, T> {
        let held = Held::enter(Rank::Tree, false);
        WriteGuard { guard: self.inner.write().unwrap_or_else(PoisonError::into_inner), _held: held }
    }
}

impl<T> Deref for ReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> Deref for WriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> DerefMut for WriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}
