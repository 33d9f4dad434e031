//! The channels that a connection has, and their end.

use crate::abi::CancelToken;
use crate::transport::lisafs::Waker;
use parking_lot::{Condvar, Mutex};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// How long the end of a connection waits for its channels before it wakes their threads again.
const SLICE: Duration = Duration::from_millis(100);

/// The channels of a connection.
#[derive(Debug, Default)]
pub(super) struct Channels {
    live: Mutex<Live>,
    ended: Condvar,
    /// What ends the calls of their threads.
    pub(super) cancel: CancelToken,
}

#[derive(Debug, Default)]
struct Live {
    /// What wakes the thread of each.
    wakers: HashMap<u64, Waker>,
    last: u64,
    /// Whether the connection ends, so that there are no more.
    closed: bool,
}

/// A channel that counts until this is dropped.
#[derive(Debug)]
pub(super) struct Entry {
    of: Arc<Channels>,
    number: u64,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.of.live.lock().wakers.remove(&self.number);
        self.of.ended.notify_all();
    }
}

/// Ends the channels with the connection, also when a handler panics.
pub(super) struct EndsChannels<'h> {
    pub(super) channels: Arc<Channels>,
    /// Has the client see the end of the connection.
    pub(super) hang_up: &'h dyn Fn(),
}

impl Drop for EndsChannels<'_> {
    /// The connection goes first: a client whose channel ends asks it whether all ends, or that channel alone. What a channel
    /// still answers comes over its own window and socket.
    fn drop(&mut self) {
        (self.hang_up)();
        self.channels.end();
    }
}

impl Channels {
    /// Has every channel end behind the request that it answers, and waits until they did.
    fn end(&self) {
        let mut live = self.live.lock();
        live.closed = true;
        self.cancel.cancel();
        while !live.wakers.is_empty() {
            live.wakers.values().for_each(Waker::wake);
            self.ended.wait_for(&mut live, SLICE);
        }
    }

    /// Room for a channel, whose thread `waker` wakes, among `most`; `None` where there is none, and at the end.
    pub(super) fn enter(self: &Arc<Channels>, waker: Waker, most: usize) -> Option<Entry> {
        let mut live = self.live.lock();
        if live.closed || live.wakers.len() >= most {
            return None;
        }
        live.last = live.last.wrapping_add(1);
        let number = live.last;
        live.wakers.insert(number, waker);
        Some(Entry { of: Arc::clone(self), number })
    }
}
