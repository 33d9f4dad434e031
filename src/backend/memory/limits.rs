//! What a filesystem in memory may hold, and what it does.

use crate::abi::{Errno, Result};
use std::sync::atomic::{AtomicU64, Ordering};

/// The bounds and the present use of one filesystem. What is taken here is given back by whoever took it.
#[derive(Debug)]
pub(super) struct Limits {
    bytes: Meter,
    inodes: Meter,
}

#[derive(Debug)]
struct Meter {
    max: AtomicU64,
    used: AtomicU64,
}

impl Meter {
    fn new(max: u64) -> Meter {
        Meter { max: AtomicU64::new(max), used: AtomicU64::new(0) }
    }

    fn take(&self, amount: u64) -> Result<()> {
        let max = self.max.load(Ordering::Relaxed);
        let more = |used: u64| used.checked_add(amount).filter(|&sum| sum <= max);
        match self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more) {
            Ok(_) => Ok(()),
            Err(_) => Err(Errno::Nospc.into()),
        }
    }

    fn give(&self, amount: u64) {
        let before = self.used.fetch_sub(amount, Ordering::Relaxed);
        debug_assert!(before >= amount, "{amount} given back of {before}");
    }

    fn max(&self) -> u64 {
        self.max.load(Ordering::Relaxed)
    }

    fn free(&self) -> u64 {
        self.max().saturating_sub(self.used.load(Ordering::Relaxed))
    }
}

impl Limits {
    pub(super) fn new(max_bytes: u64, max_inodes: u64) -> Limits {
        Limits { bytes: Meter::new(max_bytes), inodes: Meter::new(max_inodes) }
    }

    pub(super) fn set_max_bytes(&self, max: u64) {
        self.bytes.max.store(max, Ordering::Relaxed);
    }

    pub(super) fn set_max_inodes(&self, max: u64) {
        self.inodes.max.store(max, Ordering::Relaxed);
    }

    pub(super) fn max_bytes(&self) -> u64 {
        self.bytes.max()
    }

    pub(super) fn free_bytes(&self) -> u64 {
        self.bytes.free()
    }

    pub(super) fn max_inodes(&self) -> u64 {
        self.inodes.max()
    }

    pub(super) fn free_inodes(&self) -> u64 {
        self.inodes.free()
    }

    /// Takes `bytes`, or nothing and `ENOSPC`.
    pub(super) fn take_bytes(&self, bytes: u64) -> Result<()> {
        self.bytes.take(bytes)
    }

    pub(super) fn give_bytes(&self, bytes: u64) {
        self.bytes.give(bytes);
    }

    /// Takes one object or one further name, or nothing and `ENOSPC`.
    pub(super) fn take_inode(&self) -> Result<()> {
        self.inodes.take(1)
    }

    /// Takes the root's place, whatever the bound.
    pub(super) fn take_root(&self) {
        self.inodes.used.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn give_inode(&self) {
        self.inodes.give(1);
    }
}
