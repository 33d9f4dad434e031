//! The answering end of a connection.

use super::carrier::Carrier;
use super::channel::Channel;
use super::socket::Socket;
use super::window::Waker;
use crate::abi::{Call, Errno};
use crate::proto::lisafs::{ChannelReply, Encode, ErrorReply, HEADER_BYTES, Header, Mid, Writer};
use crate::transport::error::TransportError;
use crate::transport::stream::{KEPT, Stream};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use smallvec::SmallVec;

/// A request as it came: nothing was decoded yet.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// Its number, which may be any.
    pub mid: Mid,
    /// Its payload.
    pub payload: &'a [u8],
}

/// A channel that a client asked for.
#[derive(Debug)]
pub struct NewChannel {
    /// Our end, which is served as a connection is, by a thread of its own.
    pub server: Server,
    /// The answer to the client.
    pub reply: ChannelReply,
    /// The descriptors that go with it.
    pub fds: SmallVec<[OwnedFd; KEPT]>,
}

/// A connection of a client or a channel beside it, which is answered one request after the other, in the order in which they came. Clients may
/// send the next request before they have the answer. They cannot send descriptors.
#[derive(Debug)]
pub struct Server {
    carrier: Carrier,
    out: Vec<u8>,
    limit: usize,
    ended: Option<TransportError>,
}

impl Server {
    /// A connection over a socket, with payloads of at most `max_message` bytes in either direction.
    #[must_use]
    pub fn new(stream: Stream, max_message: u32) -> Server {
        let limit = usize::try_from(max_message).unwrap_or(usize::MAX);
        Server::over(Carrier::Socket(Socket::new(stream, limit)), limit)
    }

    /// A channel, with payloads of at most `max_message` bytes in either direction: as large as the connection's, as
    /// clients are told only that. It takes as much memory, once that is written to, and three descriptors, of which two
    /// are the client's. `ENOMEM` where there is no room for it.
    pub fn new_channel(max_message: u32) -> Result<NewChannel, Errno> {
        let limit = usize::try_from(max_message).unwrap_or(usize::MAX);
        let (channel, reply, fds) = Channel::create(limit)?;
        Ok(NewChannel { server: Server::over(Carrier::Channel(channel), limit), reply, fds })
    }

    fn over(carrier: Carrier, limit: usize) -> Server {
        Server { carrier, out: Vec::new(), limit, ended: None }
    }

    /// Of a channel, what wakes the thread that serves it: behind the cancel of its call, so that it ends at once. A
    /// connection looks at its call by itself.
    #[must_use]
    pub fn waker(&self) -> Option<Waker> {
        self.carrier.waker()
    }

    /// The largest payload of a message, in bytes.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Waits for a request, has it answered by `handle`, and sends the answer; false when the client closed the
    /// connection between two requests. `handle` writes the answer's payload and hands out descriptors to go with it, at
    /// most two, or names the errno that is the answer.
    ///
    /// # Errors
    ///
    /// [`TransportError::Ended`] when the call ends before there is a whole request: the connection goes on. Everything
    /// else ends it, also a call that ends while the client does not take its answer: every later call says so again.
    pub fn serve<F: AsFd>(
        &mut self,
        call: &Call,
        handle: impl FnOnce(Incoming<'_>, &mut Writer<'_>) -> Result<SmallVec<[F; KEPT]>, Errno>,
    ) -> Result<bool, TransportError> {
        if let Some(ended) = self.ended {
            return Err(ended);
        }
        let frame = match self.carrier.receive(call, None) {
            Ok(frame) => frame,
            Err(TransportError::Closed) => return Ok(false),
            Err(error) if error.is_passing() => return Err(error),
            Err(error) => return Err(self.end(error)),
        };
        self.out.clear();
        self.out.resize(HEADER_BYTES, 0);
        let incoming = Incoming { mid: frame.mid, payload: self.carrier.payload(&frame) };
        let handled = handle(incoming, &mut Writer::new(&mut self.out, self.limit));
        let sent = match handled {
            Ok(fds) => {
                let fds: SmallVec<[BorrowedFd<'_>; KEPT]> = fds.iter().take(KEPT).map(AsFd::as_fd).collect();
                self.send(call, frame.mid, &fds)
            }
            Err(errno) => {
                self.out.truncate(HEADER_BYTES);
                // The number of the failure has room whatever the limit is.
                let written = ErrorReply::new(errno).encode(&mut Writer::new(&mut self.out, size_of::<u32>()));
                written.map_err(|_| TransportError::Os(Errno::Overflow)).and_then(|()| self.send(call, Mid::ERROR, &[]))
            }
        };
        sent.map(|()| true).map_err(|error| self.end(error))
    }

    /// Sends the frame, the descriptors with its first byte.
    fn send(&mut self, call: &Call, mid: Mid, fds: &[BorrowedFd<'_>]) -> Result<(), TransportError> {
        let payload = self.out.len().saturating_sub(HEADER_BYTES);
        let header = Header::new(mid, payload).ok_or(TransportError::Os(Errno::Overflow))?;
        if let Some(place) = self.out.get_mut(..HEADER_BYTES) {
            place.copy_from_slice(&header.to_bytes());
        }
        self.carrier.begin();
        self.carrier.send(call, mid, &self.out, &[], fds)
    }

    fn end(&mut self, error: TransportError) -> TransportError {
        self.ended = Some(error);
        self.carrier.shut();
        error
    }
}
