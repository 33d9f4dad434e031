//! The descriptor budget of directory control handles.
//!
//! A cache knows many more directories than a process may have descriptors. Each directory node has a [`ControlSlot`]
//! that holds its control handle or does not; the [`FdBudget`], shared by all directory backends of the process, takes
//! handles out of slots in the order of least recent use (second chance) when there are too many.
//!
//! Taking a handle out of its slot closes the descriptor only when the last operation that is using it lets go, so an
//! operation never finds a descriptor closed, or another one under its number.
//!
//! Locks: the queue, then a slot. A hit takes its slot's lock alone, for the length of a reference count; descriptors
//! are closed with no lock held.

use super::errno::from_os;
use crate::abi::{Error, Result};
use cap_std::fs::Dir;
use parking_lot::Mutex;
use rustix::io::Errno as OsErrno;
use rustix::process::{Resource, getrlimit};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// Fewest control handles of the process-wide budget, however low the limit of descriptors: enough to walk a deep path
/// without taking its own start away.
const PROCESS_MIN: usize = 16;

/// Most control handles of the process-wide budget, however high the limit of descriptors is: each keeps an inode and
/// a dentry in kernel memory (about 1 kB).
const PROCESS_MAX: usize = 65_536;

/// How many directory control handles may be held at once, by every directory backend that shares this.
///
/// A pinned handle counts, but is never taken away: with more than `limit` of them, they and one other are held. `H` is
/// what a slot holds: a directory, or what another backend has in its place.
pub struct FdBudget<H = Dir> {
    limit: usize,
    queue: Mutex<Queue<H>>,
}

/// The slots that hold a handle which may be taken away, in the order in which they come up for it.
struct Queue<H> {
    slots: BTreeMap<u64, Arc<Slot<H>>>,
    next: u64,
    pinned: usize,
    evictions: u64,
}

impl<H> Default for Queue<H> {
    fn default() -> Self {
        Queue { slots: BTreeMap::new(), next: 0, pinned: 0, evictions: 0 }
    }
}

impl FdBudget {
    /// The budget of the process: a quarter of its soft limit of descriptors when first asked for, 16 at least and
    /// 65,536 at most.
    #[must_use]
    pub fn process() -> Arc<FdBudget> {
        static PROCESS: OnceLock<Arc<FdBudget>> = OnceLock::new();
        let budget = PROCESS.get_or_init(|| {
            let quarter = getrlimit(Resource::Nofile).current.map_or(u64::MAX, |soft| soft / 4);
            FdBudget::new(usize::try_from(quarter).unwrap_or(usize::MAX).clamp(PROCESS_MIN, PROCESS_MAX))
        });
        Arc::clone(budget)
    }
}

impl<H> FdBudget<H> {
    /// A budget of `limit` handles; of 1 where that is 0, without which no directory could be listed.
    #[must_use]
    pub fn new(limit: usize) -> Arc<FdBudget<H>> {
        Arc::new(FdBudget { limit: limit.max(1), queue: Mutex::default() })
    }

    /// The most that are held, pinned ones aside.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Handles held now, pinned ones included.
    #[must_use]
    pub fn held(&self) -> usize {
        self.queue.lock().held()
    }

    /// Handles held now that may not be taken away.
    #[must_use]
    pub fn pinned(&self) -> usize {
        self.queue.lock().pinned
    }

    /// Handles taken away so far.
    #[must_use]
    pub fn evictions(&self) -> u64 {
        self.queue.lock().evictions
    }

    /// Takes `want` handles away, fewer if fewer are held unpinned; answers how many.
    pub fn relieve(&self, want: usize) -> usize {
        let mut closing = Vec::new();
        {
            let mut queue = self.queue.lock();
            while closing.len() < want {
                let Some(dir) = queue.evict() else { break };
                closing.push(dir);
            }
        }
        closing.len()
    }

    /// Makes a call that takes a descriptor, again for as long as a signal interrupts it. When the process or the
    /// system is out of descriptors, takes half of the handles away and tries once more.
    pub(crate) fn opening<T>(&self, mut open: impl FnMut() -> rustix::io::Result<T>) -> Result<T> {
        match rustix::io::retry_on_intr(&mut open) {
            Err(errno @ (OsErrno::MFILE | OsErrno::NFILE)) => {
                let half = self.held().div_ceil(2);
                if self.relieve(half) == 0 {
                    return Err(from_os(errno));
                }
                rustix::io::retry_on_intr(&mut open).map_err(from_os)
            }
            other => other.map_err(from_os),
        }
    }
}

impl<H> fmt::Debug for FdBudget<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (held, pinned) = {
            let queue = self.queue.lock();
            (queue.held(), queue.pinned)
        };
        f.debug_struct("FdBudget").field("limit", &self.limit).field("held", &held).field("pinned", &pinned).finish()
    }
}

impl<H> Queue<H> {
    fn held(&self) -> usize {
        self.slots.len() + self.pinned
    }

    /// Puts `slot`, whose state the caller has locked, last.
    fn push(&mut self, slot: &Arc<Slot<H>>, state: &mut SlotState<H>) {
        // 2^64 handles are not opened in the life of a machine.
        let place = self.next;
        self.next = self.next.wrapping_add(1);
        state.place = Some(place);
        self.slots.insert(place, Arc::clone(slot));
    }

    /// Takes the handle of the slot that comes first and was not used since it last came up. `None` when there is no
    /// slot to take from.
    fn evict(&mut self) -> Option<Arc<H>> {
        // Slots may be used while we look, so a round is counted: nobody is spared twice.
        let mut spare = self.slots.len();
        while let Some((_, slot)) = self.slots.pop_first() {
            let mut state = slot.state.lock();
            if spare > 0 && slot.used.swap(false, Ordering::Relaxed) {
                spare -= 1;
                self.push(&slot, &mut state);
                continue;
            }
            state.place = None;
            if let Some(dir) = state.dir.take() {
                self.evictions = self.evictions.saturating_add(1);
                return Some(dir);
            }
        }
        None
    }

    /// Makes room for `coming` more handles as far as pinned ones let it; answers what is to be closed.
    fn trim(&mut self, limit: usize, coming: usize) -> Vec<Arc<H>> {
        let mut closing = Vec::new();
        while self.held().saturating_add(coming) > limit {
            let Some(dir) = self.evict() else { break };
            closing.push(dir);
        }
        closing
    }
}

/// Where a directory node keeps its control handle, if it holds one.
pub(crate) struct ControlSlot<H = Dir>(Arc<Slot<H>>);

struct Slot<H> {
    budget: Arc<FdBudget<H>>,
    state: Mutex<SlotState<H>>,
    /// Whether the handle was used since the slot last came up for eviction.
    used: AtomicBool,
}

struct SlotState<H> {
    dir: Option<Arc<H>>,
    pinned: bool,
    /// The place in the budget's queue: present exactly while a handle is held and not pinned.
    place: Option<u64>,
}

impl<H> ControlSlot<H> {
    /// A slot that holds nothing.
    pub(crate) fn new(budget: &Arc<FdBudget<H>>) -> ControlSlot<H> {
        ControlSlot(Arc::new(Slot {
            budget: Arc::clone(budget),
            state: Mutex::new(SlotState { dir: None, pinned: false, place: None }),
            used: AtomicBool::new(false),
        }))
    }

    /// A slot that holds `dir`.
    pub(crate) fn holding(budget: &Arc<FdBudget<H>>, dir: Arc<H>) -> ControlSlot<H> {
        let slot = ControlSlot::new(budget);
        slot.bind(dir);
        slot
    }

    /// The handle, which stays open for as long as the caller keeps it; [`Error::Unbound`] when it was given back.
    #[inline]
    pub(crate) fn get(&self) -> Result<Arc<H>> {
        let dir = self.0.state.lock().dir.clone().ok_or(Error::Unbound)?;
        // Not stored when set: the flag's line stays shared between the threads that use the slot.
        if !self.0.used.load(Ordering::Relaxed) {
            self.0.used.store(true, Ordering::Relaxed);
        }
        Ok(dir)
    }

    /// Whether a handle is held. It may be taken away at any time after.
    pub(crate) fn is_bound(&self) -> bool {
        self.0.state.lock().dir.is_some()
    }

    /// Holds `dir`, for which another slot's handle may have to go. A slot that holds one already keeps that: both are
    /// of the same directory, the callers compared its key.
    pub(crate) fn bind(&self, dir: Arc<H>) {
        let slot = &self.0;
        let mut queue = slot.budget.queue.lock();
        if slot.state.lock().dir.is_some() {
            drop(queue);
            return;
        }
        // Only the holder of the queue's lock binds, pins or evicts, so the slot stays empty until the second look.
        let closing = queue.trim(slot.budget.limit, 1);
        let mut state = slot.state.lock();
        state.dir = Some(dir);
        // Only a use after the binding counts; else every slot would look used, and the oldest would go.
        slot.used.store(false, Ordering::Relaxed);
        if state.pinned {
            queue.pinned += 1;
        } else {
            queue.push(slot, &mut state);
        }
        drop(state);
        drop(queue);
        drop(closing);
    }

    /// Lets go of the handle, pinned or not.
    pub(crate) fn unbind(&self) {
        let slot = &self.0;
        let mut queue = slot.budget.queue.lock();
        let mut state = slot.state.lock();
        if let Some(place) = state.place.take() {
            queue.slots.remove(&place);
        } else if state.dir.is_some() {
            queue.pinned = queue.pinned.saturating_sub(1);
        }
        let closing = state.dir.take();
        drop(state);
        drop(queue);
        drop(closing);
    }

    /// Says whether the handle may not be taken away; of an empty slot, the one that it will hold.
    pub(crate) fn set_pinned(&self, pinned: bool) {
        let slot = &self.0;
        let mut queue = slot.budget.queue.lock();
        let mut state = slot.state.lock();
        if state.pinned == pinned {
            return;
        }
        state.pinned = pinned;
        if state.dir.is_none() {
            return;
        }
        if pinned {
            if let Some(place) = state.place.take() {
                queue.slots.remove(&place);
            }
            queue.pinned += 1;
            return;
        }
        queue.pinned = queue.pinned.saturating_sub(1);
        queue.push(slot, &mut state);
        drop(state);
        let closing = queue.trim(slot.budget.limit, 0);
        drop(queue);
        drop(closing);
    }
}

impl<H> Drop for ControlSlot<H> {
    fn drop(&mut self) {
        self.unbind();
    }
}

impl<H> fmt::Debug for ControlSlot<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bound, pinned) = {
            let state = self.0.state.lock();
            (state.dir.is_some(), state.pinned)
        };
        f.debug_struct("ControlSlot").field("bound", &bound).field("pinned", &pinned).finish()
    }
}
