//! The window of a channel: a part of a memory file through which two ends pass one message at a time, and the word in
//! it that says whose turn it is.
//!
//! | Offset | What |
//! | --- | --- |
//! | 0 | whose turn it is: 0 the client's, 1 the server's, 2 nobody's any more |
//! | 4 | bytes of data |
//! | 8 | whether the client is awake: 0 it does not say, 1 awake, 2 it may sleep |
//! | 12 | whether the server is; 3: it left, and what was not answered then was never read |
//! | 16 | data |
//!
//! Who has the turn writes data and its length, swaps the word from its own value to the peer's, and wakes who waits on
//! it (futex(2), as it is for two processes). A peer can write anything at any time, also the word, and so take the turn
//! back at once: whatever is read is what the bytes were at some moment, and it is read once.
//!
//! gVisor's protocol has the words at 8 and 12 reserved, and its ends leave them zero. An end of ours says there before it
//! goes to sleep that it may, and behind it that it is awake: one that is awake looks at the turn by itself, and passing it
//! then takes no system call. Who lies about himself is not woken, and one that lies about the other has his own message
//! lie there for a slice.

use super::spin::Spin;
use crate::abi::{Call, Errno};
use crate::sync::{monotonic, processors};
use crate::sys::SharedMemory;
use crate::transport::error::{TransportError, Violation, goes_on};
use crate::transport::stream::SLICE;
use rustix::io;
use rustix::thread::futex::{self, Flags, Timespec};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

/// Where the data begins.
pub(super) const DATA: usize = 16;

const LENGTH: usize = 4;

/// Where an end says whether it is awake.
const fn state_at(side: Side) -> usize {
    match side {
        Side::Client => 8,
        Side::Server => 12,
    }
}

const AWAKE: u32 = 1;
const MAY_SLEEP: u32 = 2;
const LEFT: u32 = 3;

const NOBODY: u32 = 2;

/// How long a wait is at first, and how long it can get: each is twice as long as the one before. A client waits for an
/// answer. A server that is gone does not wake it, so it looks soon: most answers take less than its first slice, and one
/// that does not is looked for a few times more than it need be. A server waits for a client that may have nothing to ask:
/// an idle channel wakes it twice a second.
const fn slices(side: Side) -> (Duration, Duration) {
    match side {
        Side::Client => (Duration::from_millis(1), SLICE),
        Side::Server => (SLICE, Duration::from_millis(500)),
    }
}

/// Which end of a channel one is. The value is that of the word when it has the turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client = 0,
    Server = 1,
}

/// One end of a window.
#[derive(Debug)]
pub(super) struct Window {
    memory: Arc<SharedMemory>,
    side: Side,
    /// Bytes of data that fit.
    capacity: usize,
    spin: Spin,
    /// Whether a message was read and the turn not passed since.
    holds: AtomicBool,
}

impl Window {
    /// An end of memory with room for `capacity` bytes of data.
    pub(super) fn new(memory: SharedMemory, side: Side, capacity: usize) -> Window {
        let (spin, holds) = (Spin::new(processors()), AtomicBool::new(false));
        let window = Window { memory: Arc::new(memory), side, capacity, spin, holds };
        window.say(AWAKE);
        window
    }

    /// Writes data, a part at each offset from its start.
    pub(super) fn write(&self, parts: &[&[u8]]) -> Result<(), TransportError> {
        let mut length = 0usize;
        for part in parts {
            let end = length.saturating_add(part.len());
            if end > self.capacity || !self.memory.write(DATA.saturating_add(length), part) {
                return Err(TransportError::Os(Errno::Overflow));
            }
            length = end;
        }
        let length = u32::try_from(length).map_err(|_| TransportError::Os(Errno::Overflow))?;
        self.word(LENGTH)?.store(length, Ordering::Relaxed);
        Ok(())
    }

    /// Copies the data out into the beginning of `into`, which grows to the largest that there was; its length.
    pub(super) fn read(&self, into: &mut Vec<u8>) -> Result<usize, TransportError> {
        self.holds.store(true, Ordering::Relaxed);
        let payload = self.word(LENGTH)?.load(Ordering::Relaxed);
        let length = usize::try_from(payload).ok().filter(|length| *length <= self.capacity);
        let length = length.ok_or(Violation::Oversized { payload })?;
        if into.len() < length {
            into.resize(length, 0);
        }
        let room = into.get_mut(..length).unwrap_or_default();
        if !self.memory.read(DATA, room) {
            return Err(Violation::Oversized { payload }.into());
        }
        Ok(length)
    }

    /// Passes the turn to the peer, and wakes it.
    pub(super) fn pass(&self) -> Result<(), TransportError> {
        self.holds.store(false, Ordering::Relaxed);
        let word = self.word(0)?;
        let (own, peer) = self.turns();
        match word.compare_exchange(own, peer, Ordering::SeqCst, Ordering::Acquire) {
            // In one order for both ends: either the peer is seen to be going to sleep, or it sees the turn before it does.
            Ok(_) if self.word(state_at(self.peer()))?.load(Ordering::SeqCst) == AWAKE => Ok(()),
            Ok(_) => futex::wake(word, Flags::empty(), 1).map(|_| ()).map_err(TransportError::os),
            Err(NOBODY) => Err(TransportError::Closed),
            Err(word) => Err(Violation::State { word }.into()),
        }
    }

    /// Waits for the turn, and looks at the call after each slice of time. What can be done at once is done whatever it
    /// says. `is_gone` says whether the peer is: it is asked then too, so that nobody waits for one that died.
    pub(super) fn wait(&self, call: &Call, is_gone: impl Fn() -> bool) -> Result<(), TransportError> {
        let word = self.word(0)?;
        if self.spin.finds(|| self.has_turn(word))? {
            return Ok(());
        }
        self.say(MAY_SLEEP);
        let slept = self.sleep(call, word, is_gone);
        self.say(AWAKE);
        slept
    }

    fn sleep(&self, call: &Call, word: &AtomicU32, is_gone: impl Fn() -> bool) -> Result<(), TransportError> {
        let (_, peer) = self.turns();
        let (mut slice, longest) = slices(self.side);
        loop {
            if self.has_turn(word)? {
                return Ok(());
            }
            goes_on(call)?;
            let left = call.deadline.map(|deadline| deadline.saturating_duration_since(monotonic()));
            let bounded = left.map_or(slice, |left| left.min(slice));
            // Slices are below a second.
            let timeout = Timespec { tv_sec: 0, tv_nsec: bounded.subsec_nanos().into() };
            match futex::wait(word, Flags::empty(), peer, Some(&timeout)) {
                Ok(()) | Err(io::Errno::AGAIN | io::Errno::INTR) => {}
                Err(io::Errno::TIMEDOUT) => {
                    // Its last word may have come before it went.
                    if is_gone() && !self.has_turn(word)? {
                        return Err(TransportError::Closed);
                    }
                    slice = slice.saturating_mul(2).min(longest);
                }
                Err(errno) => return Err(TransportError::os(errno)),
            }
        }
    }

    /// What wakes whoever waits at this end.
    pub(super) fn waker(&self) -> Waker {
        Waker(Arc::clone(&self.memory))
    }

    /// Ends the channel, for the peer too. A server says before whether it leaves a message unread, if one should be there:
    /// its client may ask by another way then.
    pub(super) fn shut(&self) {
        if self.side == Side::Server && !self.holds.load(Ordering::Relaxed) {
            self.say(LEFT);
        }
        if let Ok(word) = self.word(0) {
            word.store(NOBODY, Ordering::Release);
            wake_all(word);
        }
    }

    /// Whether the server left, and did not read what was passed to it last.
    pub(super) fn was_left(&self) -> bool {
        self.word(state_at(Side::Server)).is_ok_and(|state| state.load(Ordering::SeqCst) == LEFT)
    }

    /// Says whether this end is awake. Its word is within, as every window is larger than its head.
    fn say(&self, state: u32) {
        if let Ok(word) = self.word(state_at(self.side)) {
            word.store(state, Ordering::SeqCst);
        }
    }

    fn peer(&self) -> Side {
        match self.side {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        }
    }

    fn turns(&self) -> (u32, u32) {
        (self.side as u32, self.peer() as u32)
    }

    fn has_turn(&self, word: &AtomicU32) -> Result<bool, TransportError> {
        let (own, peer) = self.turns();
        match word.load(Ordering::Acquire) {
            word if word == own => Ok(true),
            word if word == peer => Ok(false),
            NOBODY => Err(TransportError::Closed),
            word => Err(Violation::State { word }.into()),
        }
    }

    /// Every window is larger than its head.
    fn word(&self, at: usize) -> Result<&AtomicU32, TransportError> {
        self.memory.word(at).ok_or(TransportError::Os(Errno::Inval))
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        self.shut();
    }
}

/// Wakes the thread that waits at one end of a channel, so that it looks at its call again.
#[derive(Clone, Debug)]
pub struct Waker(Arc<SharedMemory>);

impl Waker {
    /// Wakes it. One that was about to wait when this was called looks after half a second at most.
    pub fn wake(&self) {
        if let Some(word) = self.0.word(0) {
            wake_all(word);
        }
    }
}

/// Everybody, as a peer could wait in place of the one who is meant.
fn wake_all(word: &AtomicU32) {
    // It fails for an address that is none, and this is one.
    let _ = futex::wake(word, Flags::empty(), i32::MAX.unsigned_abs());
}
