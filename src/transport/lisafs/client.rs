//! The asking end of a connection.

use super::carrier::Carrier;
use super::channel::Channel;
use super::frames::Frame;
use super::socket::Socket;
use crate::abi::{Call, Errno, Error, Result};
use crate::proto::lisafs::{
    self as wire, Encode, ErrorReply, FdId, HEADER_BYTES, Header, Inode, Mid, Mount, Offered, Request, Walk, WalkReply,
    Writer, created_ids, decode,
};
use crate::transport::error::{TransportError, Violation, goes_on};
use crate::transport::stream::{Cargo, KEPT, Stream};
use rustix::fd::OwnedFd;
use smallvec::SmallVec;

/// The largest payload before the server has said what it takes: enough for a mount's answer with 32,000 numbers.
const LIMIT_BEFORE_MOUNT: usize = 64 * 1024;

/// The smallest largest message that a server may have: a walk over a few names fits.
const LIMIT_MIN: usize = 4 * 1024;

/// The largest payload of ours, whatever the server takes: what a buffer can grow to.
const LIMIT_MAX: usize = 4 * 1024 * 1024;

/// Messages whose answers have sockets with them.
const SOCKETS: [Mid; 5] = [Mid::CHANNEL, Mid::CONNECT, Mid::CONNECT_WITH_CREDS, Mid::BIND_AT, Mid::ACCEPT];

/// Messages of which nobody can tell afterwards whether they were carried out, and which are other ones when they are sent
/// twice. A server that is gone takes one over a channel all the same, so they are sent only where it is still there.
const ONCE: [Mid; 3] = [Mid::APPEND, Mid::F_SET_XATTR, Mid::F_REMOVE_XATTR];

/// The answer to a request.
#[derive(Debug)]
pub struct Answer<T> {
    /// The message. It borrows from the connection.
    pub message: T,
    /// The descriptors that came with it, at most as many as the message may have. They are closed on exec, and nothing
    /// else is known of them: what they refer to is what the server chose. Sockets come with no answers but those of
    /// `Channel`, `Connect`, `ConnectWithCreds`, `BindAt` and `Accept`, and to close them may wait.
    pub fds: SmallVec<[OwnedFd; KEPT]>,
}

/// The answer to a mount.
#[derive(Debug)]
pub struct Mounted {
    /// The root.
    pub root: Inode,
    /// The directory that the root is, where the server hands it out.
    pub fd: Option<OwnedFd>,
}

/// A connection to a server, or a channel beside it: one request at a time. A request that fails with an errno of the server's leaves the
/// connection as it was; so does one whose call ends before the answer is there. What the peer does against the protocol
/// ends the connection: every request from then on is `EIO`.
#[derive(Debug)]
pub struct Client {
    carrier: Carrier,
    /// The frame that goes out, or went.
    out: Vec<u8>,
    /// The request whose answer did not come yet.
    owed: Option<Mid>,
    /// Descriptors that came with the part of that answer that is there.
    cargo: Cargo,
    limit: usize,
    offered: Offered,
    ended: Option<TransportError>,
    orphans: Vec<FdId>,
    /// Whether something of the last request went.
    begun: bool,
}

impl Client {
    /// A connection over a socket that nothing was sent over yet.
    #[must_use]
    pub fn new(stream: Stream) -> Client {
        let carrier = Carrier::Socket(Socket::new(stream, LIMIT_BEFORE_MOUNT));
        Client::over(carrier, LIMIT_BEFORE_MOUNT, Offered::default())
    }

    fn over(carrier: Carrier, limit: usize, offered: Offered) -> Client {
        Client {
            carrier,
            out: Vec::new(),
            owed: None,
            cargo: Cargo::default(),
            limit,
            offered,
            ended: None,
            orphans: Vec::new(),
            begun: false,
        }
    }

    /// Asks for the root, and takes over what the server says of itself: its messages, and how large they may be.
    pub fn mount(&mut self, call: &Call) -> Result<Mounted> {
        let mut answer = self.call(call, &Mount {})?;
        let (root, max_message) = (*answer.message.root, answer.message.max_message);
        let offered = Offered::from_wire(answer.message.mids);
        let mounted = Mounted { root, fd: answer.fds.pop() };
        let limit = usize::try_from(max_message).unwrap_or(LIMIT_MAX).min(LIMIT_MAX);
        if limit < LIMIT_MIN {
            return Err(self.end(Violation::Limit.into()));
        }
        self.limit = limit;
        self.carrier.set_limit(limit);
        self.offered = offered;
        Ok(mounted)
    }

    /// Asks for a channel: another way to the same server, over which requests go that refer to the same files. It is as
    /// large as messages may be, so the mount comes first.
    ///
    /// # Errors
    ///
    /// As [`Client::call`]; the server's `ENOMEM` when there are no more of them; `EIO` when what it hands out can be no
    /// channel, or when it does not answer on it as it has to: then this connection goes on without.
    pub fn open_channel(&mut self, call: &Call) -> Result<Client> {
        let answer = self.call(call, &wire::Channel {})?;
        let (reply, fds) = (answer.message, answer.fds);
        let mut channel = Channel::accept(reply, fds, self.limit)?;
        channel.connect(call)?;
        Ok(Client::over(Carrier::Channel(channel), self.limit, self.offered))
    }

    /// Whether the server said at the mount that it knows this message.
    #[must_use]
    pub fn offers(&self, mid: Mid) -> bool {
        self.offered.has(mid)
    }

    /// The messages that the server said at the mount it knows.
    #[must_use]
    pub fn offered(&self) -> Offered {
        self.offered
    }

    /// The largest payload of a message, in bytes.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Whether the answer to a request is still to come that nobody waits for: the next call waits for it first.
    #[must_use]
    pub fn is_owed(&self) -> bool {
        self.owed.is_some()
    }

    /// What ended the connection, if something did.
    #[must_use]
    pub fn ended(&self) -> Option<TransportError> {
        self.ended
    }

    /// Whether something of the last request went to the server, and was not left unread there as far as that says: it may
    /// have been carried out, or be still.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.begun
    }

    /// Looks whether the server is still there, without waiting for anything.
    pub(super) fn look(&mut self) {
        if self.ended.is_none() && self.carrier.is_gone() {
            self.end(TransportError::Closed);
        }
    }

    /// Takes out the files that answers gave which nobody waited for any more, or which could not be used: they are to
    /// be closed.
    pub fn take_orphans(&mut self) -> Vec<FdId> {
        std::mem::take(&mut self.orphans)
    }

    /// Makes a request and waits for its answer.
    ///
    /// # Errors
    ///
    /// The server's errno; `EIO` for an answer that is none, and once the connection ended; `EOVERFLOW` for a request
    /// larger than the server takes; `EMFILE` when descriptors came for which this process has no room (the files that
    /// the answer gave are orphans then); `ETIMEDOUT` and `ECANCELED` when the call ends first, in which case nothing was
    /// sent, or the request is carried out later or was; [`Error::WouldWait`] when the call may not wait.
    pub fn call<R: Request>(&mut self, call: &Call, request: &R) -> Result<Answer<R::Reply<'_>>> {
        self.call_with(call, request, &[])
    }

    /// As [`Client::call`], with bytes that follow the request's own and are sent from where they are.
    pub fn call_with<R: Request>(&mut self, call: &Call, request: &R, tail: &[u8]) -> Result<Answer<R::Reply<'_>>> {
        self.begun = false;
        if !call.may_wait {
            return Err(Error::WouldWait);
        }
        goes_on(call)?;
        self.settle(call)?;
        self.prepare(R::MID, request, tail.len())?;
        if ONCE.contains(&R::MID) {
            self.look();
            self.goes_on()?;
        }
        let received = match self.send(call, R::MID, tail) {
            Ok(()) => self.receive(call),
            Err(error) => Err(error),
        };
        self.begun = self.carrier.has_begun();
        let frame = received?;
        let cargo = std::mem::take(&mut self.cargo);
        self.judge::<R>(&frame, &cargo)?;
        let message = decode(self.carrier.payload(&frame))?;
        Ok(Answer { message, fds: cargo.unload(R::FDS) })
    }

    fn goes_on(&self) -> Result<()> {
        if self.ended.is_some() { Err(Errno::Io.into()) } else { Ok(()) }
    }

    /// Brings to its end what a call left that ended first: sends the rest of its request, and takes its answer.
    fn settle(&mut self, call: &Call) -> Result<()> {
        self.goes_on()?;
        let Some(mid) = self.owed else { return Ok(()) };
        self.send(call, mid, &[])?;
        let frame = self.receive(call)?;
        self.cargo = Cargo::default();
        if frame.mid != mid && frame.mid != Mid::ERROR {
            return Err(self.end(Violation::WrongMessage { mid: frame.mid.0 }.into()));
        }
        if self.has_surplus(&frame) {
            return Err(self.end(Violation::Surplus.into()));
        }
        self.adopt(&frame);
        Ok(())
    }

    /// Writes the frame of a request with `tail` bytes that are not in it.
    fn prepare(&mut self, mid: Mid, request: &impl Encode, tail: usize) -> Result<()> {
        self.out.clear();
        self.carrier.begin();
        self.out.resize(HEADER_BYTES, 0);
        let mut writer = Writer::new(&mut self.out, self.limit.saturating_sub(tail));
        let encoded = request.encode(&mut writer);
        let payload = writer.written().saturating_add(tail);
        let header = Header::new(mid, payload).filter(|_| encoded.is_ok() && payload <= self.limit);
        let header = header.ok_or(Errno::Overflow)?;
        if let Some(place) = self.out.get_mut(..HEADER_BYTES) {
            place.copy_from_slice(&header.to_bytes());
        }
        Ok(())
    }

    /// Sends what is left of the frame. A call that ends before the first byte leaves nothing to be done.
    fn send(&mut self, call: &Call, mid: Mid, tail: &[u8]) -> Result<()> {
        let sent = self.carrier.send(call, mid, &self.out, tail, &[]);
        if self.carrier.has_begun() {
            self.owed = Some(mid);
        }
        let Err(error) = sent else { return Ok(()) };
        if error.is_passing() && self.owed.is_some() {
            // The frame has to be sent whole, and the tail goes with this call.
            self.out.extend_from_slice(tail);
        }
        Err(self.end(error))
    }

    /// Waits for the answer.
    fn receive(&mut self, call: &Call) -> Result<Frame> {
        match self.carrier.receive(call, Some(&mut self.cargo)) {
            Ok(_) if self.carrier.has_more() => Err(self.end(Violation::Unasked.into())),
            Ok(frame) => {
                self.owed = None;
                Ok(frame)
            }
            Err(error) => Err(self.end(error)),
        }
    }

    /// Whether a frame is the answer that was asked for, and can be used.
    fn judge<R: Request>(&mut self, frame: &Frame, cargo: &Cargo) -> Result<()> {
        if frame.mid == Mid::ERROR {
            let reply: ErrorReply = decode(self.carrier.payload(frame))?;
            return Err(reply.to_errno().into());
        }
        if frame.mid != R::MID {
            return Err(self.end(Violation::WrongMessage { mid: frame.mid.0 }.into()));
        }
        if self.has_surplus(frame) {
            return Err(self.end(Violation::Surplus.into()));
        }
        if cargo.lost {
            self.adopt(frame);
            return Err(Errno::Mfile.into());
        }
        // Closing one is not everybody's matter: who is given one knows that it may be one.
        if cargo.has_socket(R::FDS) && !SOCKETS.contains(&R::MID) {
            self.adopt(frame);
            return Err(Errno::Io.into());
        }
        Ok(())
    }

    /// Whether an answer gives more files than its request asked for. Of a walk it could be tens of thousands, each of which
    /// would have to be closed; any other gives two at most. The request is still where it was sent from.
    fn has_surplus(&self, frame: &Frame) -> bool {
        if frame.mid != Mid::WALK {
            return false;
        }
        let asked = decode::<Walk<'_>>(self.out.get(HEADER_BYTES..).unwrap_or_default());
        let given = decode::<WalkReply<'_>>(self.carrier.payload(frame));
        asked.is_ok_and(|asked| given.is_ok_and(|given| given.inodes.len() > asked.names.len()))
    }

    /// Notes the files that an answer gave to nobody.
    fn adopt(&mut self, frame: &Frame) {
        let orphans = &mut self.orphans;
        created_ids(frame.mid, self.carrier.payload(frame), |id| orphans.push(id));
    }

    /// Ends the connection, unless it is only the call that ended.
    fn end(&mut self, error: TransportError) -> Error {
        if !error.is_passing() {
            self.ended = Some(error);
            self.cargo = Cargo::default();
            self.carrier.shut();
        }
        error.into()
    }
}
