//! What a test asked for, and what it saw.

use super::Op;
use super::gate::{Bar, Gate};
use crate::abi::{Call, Errno, Error, Result};
use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// When a failing call fails, and a held one is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before it did anything.
    Before,
    /// After it did all of it: a reply that was lost.
    After,
}

/// The controller of a [`super::Faulty`] backend. Every method may be called at any time, from any thread.
pub struct FaultPlan {
    state: Mutex<State>,
    counts: Vec<AtomicU64>,
    would_wait: AtomicBool,
    /// Calls that a fault struck.
    struck: AtomicU64,
    /// Most bytes that one transfer moves.
    transfer_max: AtomicUsize,
}

#[derive(Default)]
struct State {
    faults: Vec<Fault>,
    gates: Vec<(Option<Op>, Moment, Arc<Bar>)>,
    observer: Option<Observer>,
}

type Observer = Arc<dyn Fn(Op) + Send + Sync>;

struct Fault {
    /// `None` is every call.
    op: Option<Op>,
    /// Calls that go well before the fault strikes.
    spared: u64,
    for_ever: bool,
    moment: Moment,
    errno: Errno,
}

impl FaultPlan {
    /// A plan that changes nothing.
    #[must_use]
    pub fn new() -> FaultPlan {
        FaultPlan {
            state: Mutex::default(),
            counts: Op::ALL.iter().map(|_| AtomicU64::new(0)).collect(),
            would_wait: AtomicBool::new(false),
            struck: AtomicU64::new(0),
            transfer_max: AtomicUsize::new(usize::MAX),
        }
    }

    /// Fails the `nth` call from now on (the next one is 1) of `op`, or of any method with `None`, once.
    pub fn fail(&self, op: impl Into<Option<Op>>, nth: u64, errno: Errno) {
        self.fault(op.into(), nth, false, Moment::Before, errno);
    }

    /// As [`FaultPlan::fail`], and every call after it.
    pub fn fail_from(&self, op: impl Into<Option<Op>>, nth: u64, errno: Errno) {
        self.fault(op.into(), nth, true, Moment::Before, errno);
    }

    /// As [`FaultPlan::fail`], but the call does its work first and only its answer is lost.
    pub fn lose(&self, op: impl Into<Option<Op>>, nth: u64, errno: Errno) {
        self.fault(op.into(), nth, false, Moment::After, errno);
    }

    /// Ends all faults.
    pub fn heal(&self) {
        self.state.lock().faults.clear();
    }

    /// Holds calls of `op`, or of any method with `None`, until the gate opens. A call that may not wait answers
    /// [`Error::WouldWait`] at a closed gate, one with a deadline ends at it, and a cancelled one ends.
    pub fn hold(&self, op: impl Into<Option<Op>>) -> Gate {
        self.gate(op.into(), Moment::Before)
    }

    /// As [`FaultPlan::hold`], but calls do their work first and only their answers are held: they tell of a state that
    /// may be past when they come. Calls that may not wait get theirs at once.
    pub fn hold_answers(&self, op: impl Into<Option<Op>>) -> Gate {
        self.gate(op.into(), Moment::After)
    }

    fn gate(&self, op: Option<Op>, moment: Moment) -> Gate {
        let (gate, bar) = Gate::closed();
        let mut state = self.state.lock();
        // A gate never closes again.
        state.gates.retain(|(_, _, bar)| bar.is_closed());
        state.gates.push((op, moment, bar));
        gate
    }

    /// The gates of one moment that an operation comes to.
    fn gates(&self, op: Op, moment: Moment) -> Vec<Arc<Bar>> {
        let state = self.state.lock();
        let meant = state.gates.iter().filter(|(gated, at, _)| *at == moment && gated.is_none_or(|gated| gated == op));
        meant.map(|(_, _, bar)| Arc::clone(bar)).collect()
    }

    /// Makes the backend one that may block: every call that may not wait answers [`Error::WouldWait`]. The backend's
    /// capabilities say so from then on; a cache may have asked for them before.
    pub fn set_would_wait(&self, would_wait: bool) {
        self.would_wait.store(would_wait, Ordering::Relaxed);
    }

    /// Cuts every read, write and append to at most `bytes`; `None` ends that.
    pub fn set_short_transfers(&self, bytes: Option<usize>) {
        self.transfer_max.store(bytes.unwrap_or(usize::MAX), Ordering::Relaxed);
    }

    /// Has `observer` called with every call, before it is passed on; `None` ends that. It is called with no lock held.
    pub fn set_observer(&self, observer: Option<Arc<dyn Fn(Op) + Send + Sync>>) {
        self.state.lock().observer = observer;
    }

    /// How often `op` was called, failed calls included.
    #[must_use]
    pub fn calls(&self, op: Op) -> u64 {
        self.counts.get(op as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// How often any method was called.
    #[must_use]
    pub fn calls_total(&self) -> u64 {
        self.counts.iter().map(|count| count.load(Ordering::Relaxed)).fold(0, u64::saturating_add)
    }

    /// How many calls a fault struck, since the plan was made: an error that no strike explains is none of the plan's.
    #[must_use]
    pub fn struck(&self) -> u64 {
        self.struck.load(Ordering::SeqCst)
    }

    /// Sets all counts of calls to 0.
    pub fn reset_calls(&self) {
        for count in &self.counts {
            count.store(0, Ordering::Relaxed);
        }
    }

    pub(super) fn would_wait(&self) -> bool {
        self.would_wait.load(Ordering::Relaxed)
    }

    pub(super) fn transfer_max(&self) -> usize {
        self.transfer_max.load(Ordering::Relaxed)
    }

    fn fault(&self, op: Option<Op>, nth: u64, for_ever: bool, moment: Moment, errno: Errno) {
        let fault = Fault { op, spared: nth.saturating_sub(1), for_ever, moment, errno };
        self.state.lock().faults.push(fault);
    }

    /// Counts a call that cannot fail.
    pub(super) fn count(&self, op: Op) {
        if let Some(count) = self.counts.get(op as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let observer = self.state.lock().observer.clone();
        if let Some(observer) = observer {
            observer(op);
        }
    }

    /// Makes a call as the plan says. One that would wait is none of the calls that faults count.
    pub(super) fn call<T>(&self, op: Op, call: &Call, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.count(op);
        if self.would_wait() && !call.may_wait {
            return Err(Error::WouldWait);
        }
        let fault = self.strike(op);
        for bar in self.gates(op, Moment::Before) {
            bar.pass(call)?;
        }
        let answer = match fault {
            None => work(),
            Some((Moment::Before, errno)) => return Err(errno.into()),
            Some((Moment::After, errno)) => work().and(Err(errno.into())),
        };
        if call.may_wait {
            for bar in self.gates(op, Moment::After) {
                bar.pass(call)?;
            }
        }
        answer
    }

    /// Counts the call down in every fault that means it; the first that strikes is its fate.
    fn strike(&self, op: Op) -> Option<(Moment, Errno)> {
        let mut fate = None;
        self.state.lock().faults.retain_mut(|fault| {
            if fault.op.is_some_and(|meant| meant != op) {
                return true;
            }
            if fault.spared > 0 {
                fault.spared -= 1;
                return true;
            }
            fate.get_or_insert((fault.moment, fault.errno));
            fault.for_ever
        });
        if fate.is_some() {
            self.struck.fetch_add(1, Ordering::SeqCst);
        }
        fate
    }
}

impl Default for FaultPlan {
    fn default() -> Self {
        FaultPlan::new()
    }
}

impl fmt::Debug for FaultPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (faults, gates) = {
            let state = self.state.lock();
            (state.faults.len(), state.gates.len())
        };
        f.debug_struct("FaultPlan")
            .field("faults", &faults)
            .field("gates", &gates)
            .field("would_wait", &self.would_wait())
            .field("calls", &self.calls_total())
            .finish_non_exhaustive()
    }
}
