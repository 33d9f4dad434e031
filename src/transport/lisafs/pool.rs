//! All ways to one server: its socket, and the channels beside it.

use super::client::{Answer, Client, Mounted};
use crate::abi::{Call, Errno, Error, Result};
use crate::proto::lisafs::{FdId, Mid, Offered, Request};
use crate::sync::pause;
use crate::transport::error::{TransportError, goes_on};
use crate::transport::stream::SLICE;
use parking_lot::{Condvar, Mutex};

/// How often one looks whether the connection ended behind a channel of it that the server closed: within some 200 ms.
const LOOKS: usize = 250;

/// A connection for many threads. A request takes a channel that is free, the one that was used last, whose memory is
/// still at hand; else the socket; else it waits for one of them, for as long as its call does.
#[derive(Debug)]
pub struct Connections {
    ways: Mutex<Ways>,
    freed: Condvar,
}

#[allow(clippy::vec_box, reason = "each request moves one out and in, and they are large")]
type Channels = Vec<Box<Client>>;

#[derive(Debug, Default)]
struct Ways {
    /// Channels that nobody uses, the one that was used last at the end.
    channels: Channels,
    /// The connection itself, while nobody uses it.
    socket: Option<Box<Client>>,
    /// Channels that there are, used or not.
    count: usize,
    /// What ended the connection.
    ended: Option<TransportError>,
    /// What the server said of itself.
    offered: Offered,
    limit: usize,
    orphans: Vec<FdId>,
}

/// A way that is in use.
struct Taken<'a> {
    of: &'a Connections,
    /// `None` only while it is dropped.
    client: Option<Box<Client>>,
    is_socket: bool,
}

impl Connections {
    /// The connection by itself, without a channel. It is mounted through [`Connections::mount`], or was.
    #[must_use]
    pub fn new(client: Client) -> Connections {
        let (offered, limit, ended) = (client.offered(), client.limit(), client.ended());
        let ways = Ways { offered, limit, ended, socket: Some(Box::new(client)), ..Ways::default() };
        Connections { ways: Mutex::new(ways), freed: Condvar::new() }
    }

    /// As [`Client::mount`].
    pub fn mount(&self, call: &Call) -> Result<Mounted> {
        self.with_socket(call, |client| client.mount(call))
    }

    /// Asks for channels until there are `most`, or until the server has no more; answers how many there are. None is
    /// needed, so nothing of this is an error: what ended the connection is told by the next request.
    pub fn open_channels(&self, call: &Call, most: usize) -> usize {
        while self.channels() < most {
            let opened = self.with_socket(call, |client| client.open_channel(call));
            let Ok(channel) = opened else { break };
            let mut ways = self.ways.lock();
            ways.count = ways.count.saturating_add(1);
            ways.channels.push(Box::new(channel));
            drop(ways);
            self.freed.notify_one();
        }
        self.channels()
    }

    /// How many channels there are.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.ways.lock().count
    }

    /// Makes a request over one of the ways, with `tail` behind it, and has `told` make something of the answer that does
    /// not borrow from the way.
    ///
    /// # Errors
    ///
    /// As [`Client::call`]; `ETIMEDOUT` and `ECANCELED` also when the call ends before a way is free.
    pub fn call<R: Request, T>(
        &self,
        call: &Call,
        request: &R,
        tail: &[u8],
        told: impl FnOnce(Answer<R::Reply<'_>>) -> T,
    ) -> Result<T> {
        let mut told = Some(told);
        self.with(call, |client| {
            let answer = client.call_with(call, request, tail)?;
            told.take().map(|told| told(answer)).ok_or(Error::Errno(Errno::Io))
        })?
    }

    /// Has `act` make a request over one of the ways, which nobody else uses meanwhile; and over another one where that was
    /// a channel which had ended before anything of the request was sent. Errors are those of [`Connections::call`] that
    /// come before a way is free.
    pub fn with<T>(&self, call: &Call, mut act: impl FnMut(&mut Client) -> T) -> Result<T> {
        if !call.may_wait {
            return Err(Error::WouldWait);
        }
        // A channel that ended is no way any more, so this comes to the socket in the end.
        loop {
            let mut taken = self.take(call, false)?;
            let client = taken.client.as_mut().ok_or(Error::WouldWait)?;
            let acted = act(client);
            let is_unheard = client.ended().is_some() && !client.has_begun();
            if taken.is_socket || !is_unheard {
                return Ok(acted);
            }
        }
    }

    /// The messages that the server said at the mount it knows.
    #[must_use]
    pub fn offered(&self) -> Offered {
        self.ways.lock().offered
    }

    /// Whether the server said at the mount that it knows this message.
    #[must_use]
    pub fn offers(&self, mid: Mid) -> bool {
        self.ways.lock().offered.has(mid)
    }

    /// The largest payload of a message, in bytes.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.ways.lock().limit
    }

    /// What ended the connection, if something did. A channel that ended is only one way less.
    #[must_use]
    pub fn ended(&self) -> Option<TransportError> {
        self.ways.lock().ended
    }

    /// As [`Client::take_orphans`], of all ways.
    #[must_use]
    pub fn take_orphans(&self) -> Vec<FdId> {
        std::mem::take(&mut self.ways.lock().orphans)
    }

    fn with_socket<T>(&self, call: &Call, act: impl FnOnce(&mut Client) -> Result<T>) -> Result<T> {
        let mut taken = self.take(call, true)?;
        taken.client.as_mut().ok_or(Error::WouldWait).and_then(|client| act(client))
    }

    /// Waits for a way, or for the socket.
    fn take(&self, call: &Call, only_socket: bool) -> Result<Taken<'_>> {
        let mut ways = self.ways.lock();
        loop {
            if let Some((client, is_socket)) = ways.take(only_socket) {
                return Ok(Taken { of: self, client: Some(client), is_socket });
            }
            goes_on(call)?;
            self.freed.wait_for(&mut ways, SLICE);
        }
    }
}

impl Ways {
    /// A way that owes nobody an answer before one that does: that would have to be waited for first.
    fn take(&mut self, only_socket: bool) -> Option<(Box<Client>, bool)> {
        let socket = |ways: &mut Ways| Some((ways.socket.take()?, true));
        if only_socket {
            return socket(self);
        }
        if let Some(free) = self.channels.iter().rposition(|client| !client.is_owed()) {
            return Some((self.channels.remove(free), false));
        }
        if self.socket.as_ref().is_some_and(|client| !client.is_owed()) {
            return socket(self);
        }
        match self.channels.pop() {
            Some(channel) => Some((channel, false)),
            None => socket(self),
        }
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let Some(mut client) = self.client.take() else { return };
        let ended = client.ended();
        let mut ways = self.of.ways.lock();
        ways.orphans.append(&mut client.take_orphans());
        if self.is_socket {
            (ways.offered, ways.limit, ways.ended) = (client.offered(), client.limit(), ended);
            ways.socket = Some(client);
        } else if ended.is_none() {
            ways.channels.push(client);
        } else {
            ways.count = ways.count.saturating_sub(1);
            // It may have ended with the server. One that is killed is taken apart by the kernel, a descriptor behind the
            // other: the socket may go a little later, and who uses it may hear of that a little later still.
            let looks = if ended == Some(TransportError::Closed) { LOOKS } else { 1 };
            for look in 1..=looks {
                if let Some(socket) = &mut ways.socket {
                    socket.look();
                    ways.ended = socket.ended();
                }
                if ways.ended.is_some() || look == looks {
                    break;
                }
                drop(ways);
                pause(look, true);
                ways = self.of.ways.lock();
            }
        }
        drop(ways);
        // Somebody may wait for the socket alone.
        self.of.freed.notify_all();
    }
}
