//! Change queues under a plan, and one that says what a test tells it to say.

use super::gate::{Bar, Gate};
use super::{FaultPlan, Op};
use crate::abi::{Call, Errno, Name, NameBuf, Result};
use crate::backend::{Change, ChangeQueue, Watch, WatchId};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

/// What a script announces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Announced {
    /// [`Change::Name`]
    Name(WatchId, NameBuf),
    /// [`Change::Directory`]
    Directory(WatchId),
    /// [`Change::Lost`]
    Lost(WatchId),
    /// [`Change::Overflow`]
    Overflow,
}

/// The hand that a test has on a change queue which announces nothing by itself. Watches are numbered from 1 in the
/// order in which they are taken, also of a directory that is watched already.
#[derive(Default)]
pub struct QueueScript {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    queued: VecDeque<Announced>,
    taken: u64,
    given_back: Vec<WatchId>,
    broken: bool,
    drains: Option<Arc<Bar>>,
}

impl QueueScript {
    /// A queue in which nothing is.
    #[must_use]
    pub fn new() -> Arc<QueueScript> {
        Arc::default()
    }

    /// Queues a change.
    pub fn announce(&self, change: Announced) {
        self.state.lock().queued.push_back(change);
    }

    /// Queues that `name` changed in a watched directory. `EINVAL` for what is no name.
    pub fn announce_name(&self, watch: WatchId, name: &str) -> Result<()> {
        self.announce(Announced::Name(watch, Name::new(name.as_bytes())?.to_buf()));
        Ok(())
    }

    /// How many watches were taken.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.state.lock().taken
    }

    /// The watches that were given back, in that order.
    #[must_use]
    pub fn given_back(&self) -> Vec<WatchId> {
        self.state.lock().given_back.clone()
    }

    /// Breaks the queue: it is never empty, and nothing comes out of it any more.
    pub fn break_down(&self) {
        self.state.lock().broken = true;
    }

    /// Holds drains that have taken changes out and not handed them over yet.
    pub fn hold_drains(&self) -> Gate {
        let (gate, bar) = Gate::closed();
        self.state.lock().drains = Some(bar);
        gate
    }
}

impl fmt::Debug for QueueScript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        let (queued, taken) = (state.queued.len(), state.taken);
        drop(state);
        f.debug_struct("QueueScript").field("queued", &queued).field("taken", &taken).finish_non_exhaustive()
    }
}

/// A script's queue; watches are taken under the plan.
pub(super) struct ScriptedQueue {
    pub(super) script: Arc<QueueScript>,
    pub(super) plan: Arc<FaultPlan>,
}

impl<N> ChangeQueue<N> for ScriptedQueue {
    fn watch(&self, call: &Call, _: &N) -> Result<Watch> {
        self.plan.call(Op::Watch, call, || {
            let mut state = self.script.state.lock();
            state.taken += 1;
            Ok(Watch { id: WatchId(state.taken), attributes: true })
        })
    }

    fn unwatch(&self, watch: WatchId) {
        self.script.state.lock().given_back.push(watch);
    }

    fn is_empty(&self) -> bool {
        let state = self.script.state.lock();
        state.queued.is_empty() && !state.broken
    }

    fn drain(&self, sink: &mut dyn FnMut(Change<'_>)) -> Result<()> {
        let (taken, gate) = {
            let mut state = self.script.state.lock();
            if state.broken {
                return Err(Errno::Io.into());
            }
            (std::mem::take(&mut state.queued), state.drains.clone())
        };
        if let Some(gate) = gate {
            gate.pass(&Call::WAITING)?;
        }
        for change in &taken {
            sink(match change {
                Announced::Name(watch, name) => Change::Name { watch: *watch, name: name.as_name() },
                Announced::Directory(watch) => Change::Directory { watch: *watch },
                Announced::Lost(watch) => Change::Lost { watch: *watch },
                Announced::Overflow => Change::Overflow,
            });
        }
        Ok(())
    }
}

/// The queue of the backend inside; watches are taken under the plan.
pub(super) struct FaultyQueue<N> {
    pub(super) inner: Box<dyn ChangeQueue<N>>,
    pub(super) plan: Arc<FaultPlan>,
}

impl<N> ChangeQueue<N> for FaultyQueue<N> {
    fn watch(&self, call: &Call, dir: &N) -> Result<Watch> {
        self.plan.call(Op::Watch, call, || self.inner.watch(call, dir))
    }

    fn unwatch(&self, watch: WatchId) {
        self.inner.unwatch(watch);
    }

    fn is_empty(&self) -> bool {
        self.inner.is_empty()
    }

    fn drain(&self, sink: &mut dyn FnMut(Change<'_>)) -> Result<()> {
        self.inner.drain(sink)
    }
}
