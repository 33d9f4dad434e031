//! `poll_oneoff`: files are always ready; clocks and stdio are the inner context's.
//!
//! Subscriptions are read from the guest's memory once. Those of files are answered here. The others go to the inner
//! context in a memory of our own, under its numbers; when a file is among the subscriptions a clock that has run out
//! joins them, so that the call answers with what is ready now.

use super::ctx::GoferP1Ctx;
use super::errno::{Errno, Outcome};
use super::memory::{bytes, check_range, put};
use super::table::Entry;
use wiggle::GuestMemory;

const SUBSCRIPTION: usize = 48;
const EVENT: usize = 32;
/// Most subscriptions of one call; a guest has no more descriptors than this.
const SUBSCRIPTIONS_MAX: u32 = 65_536;

const TAG_CLOCK: u8 = 0;
const TAG_FD_READ: u8 = 1;
const TAG_FD_WRITE: u8 = 2;

/// A call that is split.
#[derive(Debug)]
pub(super) struct Plan {
    /// Events that are ready: of files.
    ready: Vec<[u8; EVENT]>,
    /// Subscriptions for the inner context, then room for its events and their count, in a memory of our own.
    pub(super) memory: Vec<u8>,
    /// How many subscriptions the inner context gets; 0: none.
    pub(super) asked: u32,
    /// The guest's own userdata of each; the inner context gets an index instead, behind which is nothing of the
    /// guest's: the clock of ours that keeps a call from waiting.
    userdata: Vec<[u8; 8]>,
}

impl Plan {
    /// Where the events go in [`Plan::memory`].
    pub(super) fn events_at(&self) -> i32 {
        i32::try_from(self.asked as usize * SUBSCRIPTION).unwrap_or(i32::MAX)
    }

    /// Where their count goes.
    pub(super) fn count_at(&self) -> i32 {
        i32::try_from(self.asked as usize * (SUBSCRIPTION + EVENT)).unwrap_or(i32::MAX)
    }
}

fn clock_that_ran_out() -> [u8; SUBSCRIPTION] {
    let mut subscription = [0; SUBSCRIPTION];
    // Tag 0, clock 1 (monotonic), timeout 0, relative.
    if let Some(id) = subscription.get_mut(16) {
        *id = 1;
    }
    subscription
}

/// Reads the subscriptions and answers those of files.
pub(super) fn plan(ctx: &mut GoferP1Ctx, memory: &GuestMemory<'_>, subs: u32, events: u32, n: u32) -> Outcome<Plan> {
    if n == 0 {
        return Err(Errno::Inval.into());
    }
    if n > SUBSCRIPTIONS_MAX {
        return Err(Errno::Nomem.into());
    }
    if !subs.is_multiple_of(8) || !events.is_multiple_of(8) {
        let region = wiggle::Region { start: if subs.is_multiple_of(8) { events } else { subs }, len: 8 };
        return Err(wiggle::GuestError::PtrNotAligned(region, 8).into());
    }
    check_range(memory, events, n * 32)?;
    let raw = bytes(memory, subs, n * 48)?;
    let mut plan = Plan { ready: Vec::new(), memory: Vec::new(), asked: 0, userdata: Vec::new() };
    for subscription in raw.as_chunks::<SUBSCRIPTION>().0 {
        plan.add(ctx, subscription)?;
    }
    if !plan.ready.is_empty() && plan.asked > 0 {
        plan.ask(clock_that_ran_out());
    }
    if plan.asked > 0 {
        plan.memory.resize(plan.asked as usize * (SUBSCRIPTION + EVENT) + 8, 0);
    }
    Ok(plan)
}

impl Plan {
    fn add(&mut self, ctx: &mut GoferP1Ctx, subscription: &[u8; SUBSCRIPTION]) -> Outcome {
        let tag = subscription.get(8).copied().unwrap_or(u8::MAX);
        let fd = subscription.get(16..).and_then(<[u8]>::first_chunk::<4>).map_or(0, |fd| u32::from_le_bytes(*fd));
        let mut own = *subscription;
        match tag {
            TAG_CLOCK => {}
            TAG_FD_READ | TAG_FD_WRITE => {
                let (table, _, call) = ctx.table()?;
                match table.get(fd)? {
                    Entry::Stdio(inner) => {
                        if let Some(slot) = own.get_mut(16..20) {
                            slot.copy_from_slice(&inner.to_le_bytes());
                        }
                    }
                    Entry::File(file, _) => {
                        let at_end = tag == TAG_FD_READ && file.stat(call)?.size <= file.tell();
                        self.ready.push(event(subscription, tag, at_end));
                        return Ok(());
                    }
                    Entry::Directory(..) => return Err(Errno::Badf.into()),
                }
            }
            _ => return Err(Errno::Inval.into()),
        }
        self.ask(own);
        self.userdata.push(*subscription.first_chunk().unwrap_or(&[0; 8]));
        Ok(())
    }

    /// Adds a subscription for the inner context, with its index as userdata.
    fn ask(&mut self, mut subscription: [u8; SUBSCRIPTION]) {
        if let Some(userdata) = subscription.first_chunk_mut::<8>() {
            *userdata = u64::from(self.asked).to_le_bytes();
        }
        self.memory.extend(subscription);
        self.asked += 1;
    }

    /// An event of the inner context with the guest's own userdata; `None` for the clock of ours.
    fn told(&self, event: &[u8; EVENT]) -> Option<[u8; EVENT]> {
        let mut event = *event;
        let index = usize::try_from(u64::from_le_bytes(*event.first_chunk()?)).ok()?;
        *event.first_chunk_mut()? = *self.userdata.get(index)?;
        Some(event)
    }

    /// Puts the events into the guest's memory: those of files first.
    pub(super) fn finish(&self, memory: &mut GuestMemory<'_>, events: u32, out: u32) -> Outcome {
        let mut at = events;
        let mut count = 0u32;
        let told = self.memory.get(usize::try_from(self.count_at()).unwrap_or(usize::MAX)..);
        let told = told.and_then(<[u8]>::first_chunk::<4>).map_or(0, |count| u32::from_le_bytes(*count));
        let from = self.memory.get(usize::try_from(self.events_at()).unwrap_or(usize::MAX)..).unwrap_or_default();
        let inner = from.as_chunks::<EVENT>().0.iter().take(told as usize);
        let inner = inner.filter_map(|event| self.told(event));
        for event in self.ready.iter().copied().chain(inner) {
            put(memory, at, 8, &event)?;
            // The last one may end where the address space does.
            at = at.wrapping_add(32);
            count += 1;
        }
        put(memory, out, 4, &count.to_le_bytes())
    }
}

/// An event of a file: ready, with one byte told as wasmtime tells it, and the end told as a hang-up.
fn event(subscription: &[u8; SUBSCRIPTION], tag: u8, at_end: bool) -> [u8; EVENT] {
    let mut event = [0; EVENT];
    let (userdata, rest) = event.split_at_mut(8);
    userdata.copy_from_slice(subscription.get(..8).unwrap_or(&[0; 8]));
    // rest: errno (u16), type (u8), padding, then nbytes (u64) at 8 and flags (u16) at 16.
    for (index, value) in [(2, tag), (8, 1), (16, u8::from(at_end))] {
        if let Some(byte) = rest.get_mut(index) {
            *byte = value;
        }
    }
    event
}
