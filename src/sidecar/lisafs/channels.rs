//! Channels of a connection: further ways for its messages, through shared memory, each answered by a thread of its own.

use super::open_file::Donation;
use super::session::{Donations, Session, write};
use crate::abi::{Call, CancelToken, Errno, Result};
use crate::proto::lisafs::Writer;
use crate::sidecar::server::STACK;
use crate::transport::TransportError;
use crate::transport::lisafs::{Server, Waker};
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
    cancel: CancelToken,
}

#[derive(Debug, Default)]
struct Live {
    /// What wakes the thread of each.
    wakers: HashMap<u64, Waker>,
    last: u64,
    /// Whether the connection ends, so that there are no more.
    closed: bool,
}

/// Takes a channel out of those that there are, at its end.
struct Ending {
    session: Arc<Session>,
    number: u64,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.session.channels.remove(self.number);
    }
}

/// Ends the channels with the connection, also when a handler panics.
pub(super) struct EndsChannels(pub(super) Arc<Session>);

impl Drop for EndsChannels {
    fn drop(&mut self) {
        self.0.channels.end();
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

    fn remove(&self, number: u64) {
        self.live.lock().wakers.remove(&number);
        self.ended.notify_all();
    }
}

impl Session {
    /// A new channel. `ENOMEM` where there are as many as there may be, or where there is no memory, descriptor or thread
    /// for another, which is what gVisor's client takes for the last one.
    pub(super) fn channel(self: &Arc<Session>, to: &mut Writer<'_>) -> Result<Donations> {
        let limits = self.shared.export.limits;
        let mut live = self.channels.live.lock();
        if live.closed || live.wakers.len() >= limits.channels {
            return Err(Errno::Nomem.into());
        }
        let new = Server::new_channel(limits.max_message)?;
        let waker = new.server.waker().ok_or(Errno::Nomem)?;
        write(to, &new.reply)?;
        let number = live.last.wrapping_add(1);
        let ending = Ending { session: Arc::clone(self), number };
        let thread = std::thread::Builder::new().stack_size(STACK);
        let started = thread.spawn(move || {
            let mut server = new.server;
            serve(&ending.session, &mut server);
        });
        // What it took goes behind the lock, and then takes out a number that nobody has.
        started.map_err(|_| Errno::Nomem)?;
        live.last = number;
        live.wakers.insert(number, waker);
        Ok(new.fds.into_iter().map(Donation::Owned).collect())
    }
}

/// Answers what comes over a channel, until it or its connection ends.
fn serve(session: &Arc<Session>, server: &mut Server) {
    let cancel = session.channels.cancel.clone();
    let call = Call { cancel: Some(cancel), ..Call::WAITING };
    while !call.is_cancelled() {
        match server.serve(&call, |incoming, to| session.answer(incoming, to)) {
            Ok(true) => {}
            Ok(false) | Err(TransportError::Ended(_)) => return,
            Err(error) => {
                tracing::info!(%error, "a channel ends");
                return;
            }
        }
    }
}
