//! The gate before every change of file data.

use super::wait::{CALL_CHECK, goes_on};
use crate::abi::{Call, Error, Result};
use parking_lot::{Condvar, Mutex};
use std::sync::atomic::{AtomicBool, Ordering};

/// Closed for good when the process is about to end: what guests write from then on could not be brought out any more.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    closed: AtomicBool,
    lock: Mutex<()>,
    never: Condvar,
}

impl Gate {
    /// Closes the gate. Who looked at it before, under a lock, may still be at work under that lock.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// Whether it is open.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        !self.closed.load(Ordering::Relaxed)
    }

    /// Waits before a closed gate until the call ends: `ETIMEDOUT` or `ECANCELED`, and [`Error::WouldWait`] for a call
    /// that may not wait.
    #[cold]
    pub(crate) fn wait(&self, call: &Call) -> Error {
        let mut guard = self.lock.lock();
        loop {
            if let Err(ended) = goes_on(call) {
                return ended;
            }
            self.never.wait_for(&mut guard, CALL_CHECK);
        }
    }

    /// Goes through, or waits as [`Gate::wait`].
    #[inline]
    pub(crate) fn pass(&self, call: &Call) -> Result<()> {
        if self.is_open() { Ok(()) } else { Err(self.wait(call)) }
    }
}
