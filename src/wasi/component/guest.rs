//! What a guest has open, counted.

use super::conduct::Conduct;
use crate::abi::{Errno, Result};
use crate::wasi::fail::Outcome;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
#[cfg(feature = "p3")]
use tokio::sync::Semaphore;

/// What a guest's descriptors and streams share with its context, and outlive it with.
#[derive(Debug)]
pub(super) struct Guest {
    /// The turns of its calls on workers.
    #[cfg(feature = "p3")]
    pub(super) workers: Arc<Semaphore>,
    /// How what is not called by the guest behaves: streams, and the close of what it drops.
    conduct: Mutex<Conduct>,
    /// Counts the changes of that, for who keeps it; never 0.
    version: AtomicUsize,
    /// What the last read of a whole buffer was read into, while nobody reads.
    buffer: Mutex<Option<Arc<[u8]>>>,
}

impl Guest {
    pub(super) fn new(conduct: Conduct) -> Self {
        Guest {
            #[cfg(feature = "p3")]
            workers: Arc::new(Semaphore::new(WORKERS)),
            conduct: Mutex::new(conduct),
            version: AtomicUsize::new(1),
            buffer: Mutex::new(None),
        }
    }

    /// Files, directories and listings that are open: the references to the guest but its context's, each a [`Slot`].
    pub(super) fn open(self: &Arc<Self>) -> usize {
        Arc::strong_count(self).saturating_sub(1)
    }

    pub(super) fn behave(&self, conduct: Conduct) {
        let mut ours = self.conduct.lock();
        *ours = conduct;
        self.version.fetch_add(1, Ordering::Release);
    }

    pub(super) fn conduct(&self) -> Conduct {
        self.conduct.lock().clone()
    }

    /// As [`Guest::conduct`], for who asks often: without a lock while nothing has changed.
    #[cfg(feature = "p3")]
    #[inline]
    pub(super) fn conduct_kept<'k>(&self, kept: &'k mut KeptConduct) -> &'k Conduct {
        let version = self.version.load(Ordering::Acquire);
        if kept.version != version {
            *kept = KeptConduct { conduct: self.conduct(), version };
        }
        &kept.conduct
    }

    /// Has `read` fill a buffer of `len` bytes and answers as many of them as it says. Who reads by the same length again
    /// gets the same buffer: a fresh one would have to be zeroed first each time.
    pub(super) fn read_by(&self, len: usize, read: impl FnOnce(&mut [u8]) -> Result<usize>) -> Result<Arc<[u8]>> {
        let last = self.buffer.lock().take().filter(|buffer| buffer.len() == len);
        let mut buffer = last.unwrap_or_else(|| std::iter::repeat_n(0, len).collect());
        // One that is still being passed on, as that of a call beside this one, is left to it.
        if Arc::get_mut(&mut buffer).is_none() {
            buffer = std::iter::repeat_n(0, len).collect();
        }
        let bytes = Arc::get_mut(&mut buffer).unwrap_or_default();
        let read = read(bytes);
        let answer = read.map(|read| match buffer.get(..read) {
            Some(part) if read < len => Arc::from(part),
            _ => Arc::clone(&buffer),
        });
        *self.buffer.lock() = Some(buffer);
        answer
    }
}

/// What somebody keeps of a guest's conduct.
#[cfg(feature = "p3")]
#[derive(Debug, Default)]
pub(crate) struct KeptConduct {
    conduct: Conduct,
    /// 0 before it was asked for.
    version: usize,
}

#[cfg(feature = "p3")]
impl KeptConduct {
    /// What was kept.
    pub(super) fn conduct(&self) -> &Conduct {
        &self.conduct
    }
}

/// Most calls of one guest that are on workers at once, where calls run beside each other; more wait for their turn, so that
/// one guest cannot take all threads.
#[cfg(feature = "p3")]
pub(super) const WORKERS: usize = 32;

/// A place among those that the guest may have open; free again when dropped.
#[derive(Debug)]
pub(crate) struct Slot(Arc<Guest>);

impl Slot {
    pub(super) fn guest(&self) -> &Guest {
        &self.0
    }

    /// A further place, within `limit`: `EMFILE`. Only whoever has the guest's store to itself takes one, so nobody else
    /// takes the last between the look and the taking.
    pub(super) fn take(guest: &Arc<Guest>, limit: usize) -> Outcome<Slot> {
        if guest.open() < limit { Ok(Slot(Arc::clone(guest))) } else { Err(Errno::Mfile.into()) }
    }
}
