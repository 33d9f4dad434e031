//! Calls that wait until a test lets them go on.

use crate::abi::{Call, Error, Result};
use parking_lot::{Condvar, Mutex};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often a waiting call looks whether it was cancelled: a token wakes nobody.
const CANCEL_POLL: Duration = Duration::from_millis(2);

/// Holds calls up while it is closed. Opened for good by [`Gate::open`], or when it is dropped, so that a test that
/// fails leaves no thread behind.
#[must_use = "a gate opens when it is dropped"]
pub struct Gate(Arc<Bar>);

/// What a gate and the plan share.
pub(super) struct Bar {
    state: Mutex<BarState>,
    changed: Condvar,
}

struct BarState {
    closed: bool,
    /// Calls that came since the gate closed.
    arrived: u64,
}

impl Gate {
    pub(super) fn closed() -> (Gate, Arc<Bar>) {
        let bar = Arc::new(Bar { state: Mutex::new(BarState { closed: true, arrived: 0 }), changed: Condvar::new() });
        (Gate(Arc::clone(&bar)), bar)
    }

    /// Lets the calls that wait, and all later ones, go on.
    pub fn open(&self) {
        self.0.state.lock().closed = false;
        self.0.changed.notify_all();
    }

    /// Waits until `calls` calls came to the gate in all, for as long as `patience`; whether they came.
    pub fn wait_for(&self, calls: u64, patience: Duration) -> bool {
        let Some(end) = Instant::now().checked_add(patience) else { return false };
        let mut state = self.0.state.lock();
        while state.arrived < calls {
            if self.0.changed.wait_until(&mut state, end).timed_out() {
                return state.arrived >= calls;
            }
        }
        true
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.open();
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (closed, arrived) = {
            let state = self.0.state.lock();
            (state.closed, state.arrived)
        };
        f.debug_struct("Gate").field("closed", &closed).field("arrived", &arrived).finish()
    }
}

impl Bar {
    pub(super) fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// Waits until the gate opens: `ETIMEDOUT` at the call's deadline, `ECANCELED` when it was cancelled,
    /// [`Error::WouldWait`] at once when it may not wait.
    pub(super) fn pass(&self, call: &Call) -> Result<()> {
        let mut state = self.state.lock();
        if !state.closed {
            return Ok(());
        }
        state.arrived += 1;
        self.changed.notify_all();
        if !call.may_wait {
            return Err(Error::WouldWait);
        }
        while state.closed {
            call.goes_on(Instant::now)?;
            let poll = call.cancel.as_ref().and_then(|_| Instant::now().checked_add(CANCEL_POLL));
            match [poll, call.deadline].into_iter().flatten().min() {
                Some(end) => drop(self.changed.wait_until(&mut state, end)),
                None => self.changed.wait(&mut state),
            }
        }
        Ok(())
    }
}
