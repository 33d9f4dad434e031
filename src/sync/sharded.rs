//! The reader-writer lock of the dentry tree.

use super::order::{Held, Rank};
use crate::sys::{Striped, StripedReadGuard, StripedWriteGuard};
use std::ops::{Deref, DerefMut};

/// A reader-writer lock whose readers count themselves on a line of their thread's, so that threads write no cache line
/// of each other; a writer looks at all lines. Sections make no system call, so whoever waits spins first.
#[derive(Debug)]
pub(crate) struct Sharded<T> {
    inner: Striped<T>,
}

/// A read section. The lock is let go before its entry leaves the record, by the order of the fields.
pub(crate) struct ReadGuard<'a, T> {
    guard: StripedReadGuard<'a, T>,
    _held: Held,
}

/// A write section.
pub(crate) struct WriteGuard<'a, T> {
    guard: StripedWriteGuard<'a, T>,
    _held: Held,
}

impl<T> Sharded<T> {
    /// A lock over `value`, of rank [`Rank::Tree`].
    pub(crate) fn new(value: T) -> Self {
        Sharded { inner: Striped::new(value) }
    }

    /// Begins a read section: no wait but for a writer's short section.
    #[inline]
    pub(crate) fn read(&self) -> ReadGuard<'_, T> {
        let held = Held::enter(Rank::Tree, false);
        ReadGuard { guard: self.inner.read(), _held: held }
    }

    /// Begins a write section.
    #[inline]
    pub(crate) fn write(&self) -> WriteGuard<'_, T> {
        let held = Held::enter(Rank::Tree, false);
        WriteGuard { guard: self.inner.write(), _held: held }
    }
}

impl<T> Deref for ReadGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> Deref for WriteGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> DerefMut for WriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}
