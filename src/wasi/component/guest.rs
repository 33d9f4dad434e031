//! What a guest has open, counted.

use super::conduct::Conduct;
use crate::abi::Errno;
use crate::wasi::fail::Outcome;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a guest's descriptors and streams share with its context, and outlive it with.
#[derive(Debug)]
pub(super) struct Guest {
    /// Files, directories and listings that are open.
    open: AtomicUsize,
    /// How what is not called by the guest behaves: streams, and the close of what it drops.
    conduct: Mutex<Conduct>,
}

impl Guest {
    pub(super) fn new(conduct: Conduct) -> Self {
        Guest { open: AtomicUsize::new(0), conduct: Mutex::new(conduct) }
    }

    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    pub(super) fn behave(&self, conduct: Conduct) {
        *self.conduct.lock() = conduct;
    }

    pub(super) fn conduct(&self) -> Conduct {
        self.conduct.lock().clone()
    }
}

/// A place among those that the guest may have open; free again when dropped.
#[derive(Debug)]
pub(crate) struct Slot(Arc<Guest>);

impl Slot {
    pub(super) fn guest(&self) -> &Guest {
        &self.0
    }

    /// A further place, within `limit`: `EMFILE`.
    pub(super) fn take(guest: &Arc<Guest>, limit: usize) -> Outcome<Slot> {
        let more = |open: usize| (open < limit).then_some(open + 1);
        match guest.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more) {
            Ok(_) => Ok(Slot(Arc::clone(guest))),
            Err(_) => Err(Errno::Mfile.into()),
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
