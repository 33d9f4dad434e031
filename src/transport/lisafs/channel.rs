//! Messages over a channel: a window of shared memory for what they say, and a socket for the descriptors of answers.
//!
//! A message is a head of four bytes (its number, how many descriptors come with it, zero) and its payload. Descriptors
//! are sent one by one, each with no bytes, before the turn is passed. Before the first message the client passes `{}`
//! and a line feed, and the server passes the same back.

use super::frames::Frame;
use super::window::{DATA, Side, Waker, Window};
use crate::abi::{Call, Errno};
use crate::proto::lisafs::{ChannelReply, Mid};
use crate::sys::SharedMemory;
use crate::transport::discard::discard;
use crate::transport::error::{TransportError, Violation};
use crate::transport::stream::{Cargo, KEPT, ROOM, empty, is_hung_up, receive_once, send_once};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use rustix::io::{self, IoSlice};
use rustix::net::sockopt::{socket_domain, socket_type};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, socketpair};
use smallvec::SmallVec;

/// Bytes before a payload.
const HEAD: usize = 4;

/// Windows are as long as a number of these. That the kernel's pages are so large is not relied on, as asking for their
/// size may take a system call that a process in a jail has not.
const PAGE: usize = 4096;

/// What is passed before the first message.
const HELLO: &[u8] = b"{}\n";

/// The memory and the socket that a server hands out.
pub(super) type Handed = SmallVec<[OwnedFd; KEPT]>;

/// One end of a channel.
#[derive(Debug)]
pub(super) struct Channel {
    window: Window,
    /// Descriptors come and go over it, and its end is the peer's.
    socket: OwnedFd,
    /// Whether the message that goes out went.
    passed: bool,
    /// Whether the peer has said hello.
    connected: bool,
    /// The message that came, copied out.
    received: Vec<u8>,
}

impl Channel {
    /// The client's end of what a server handed out, for payloads of up to `limit` bytes. `EIO` for anything that no
    /// channel can be: memory that is too short, that could be cut off, or that is none, and a socket that is another.
    pub(super) fn accept(reply: ChannelReply, fds: Handed, limit: usize) -> Result<Channel, Errno> {
        let mut fds = fds.into_iter();
        let (memory, socket) = (fds.next(), fds.next());
        let (Some(memory), Some(socket)) = (memory, socket) else { return Err(Errno::Io) };
        match Channel::window_of(reply, (memory.as_fd(), socket.as_fd()), limit) {
            Ok(window) => Ok(Channel::new(window, socket)),
            Err(errno) => {
                discard([memory, socket]);
                Err(errno)
            }
        }
    }

    /// The client's end of the window in memory that a server handed out.
    fn window_of(
        reply: ChannelReply,
        (memory, socket): (BorrowedFd<'_>, BorrowedFd<'_>),
        limit: usize,
    ) -> Result<Window, Errno> {
        let (capacity, length) = sizes(limit)?;
        let domain = socket_domain(socket).map_err(|_| Errno::Io)?;
        let kind = socket_type(socket).map_err(|_| Errno::Io)?;
        if domain != AddressFamily::UNIX || kind != SocketType::SEQPACKET {
            return Err(Errno::Io);
        }
        let offset = u64::try_from(reply.offset).map_err(|_| Errno::Io)?;
        if usize::try_from(reply.length).is_ok_and(|announced| announced < length) {
            return Err(Errno::Io);
        }
        // Whatever is announced, no more of it is mapped than the largest message takes.
        let memory = SharedMemory::map(memory, offset, length).map_err(|_| Errno::Io)?;
        Ok(Window::new(memory, Side::Client, capacity))
    }

    /// The server's end of a new channel for payloads of up to `limit` bytes, and what its client needs: `ENOMEM` where
    /// there is no memory or no descriptor for it.
    pub(super) fn create(limit: usize) -> Result<(Channel, ChannelReply, Handed), Errno> {
        let (capacity, length) = sizes(limit)?;
        let create = || -> io::Result<_> {
            let memory = memfd_create(c"lisafs", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
            ftruncate(&memory, length.try_into().map_err(|_| io::Errno::NOMEM)?)?;
            // A client that cut it off, or had it grow without end, would end or fill this process.
            fcntl_add_seals(&memory, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
            let shared = SharedMemory::map(memory.as_fd(), 0, length)?;
            let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
            Ok((memory, shared, ours, theirs))
        };
        let (memory, shared, ours, theirs) = create().map_err(|_| Errno::Nomem)?;
        let channel = Channel::new(Window::new(shared, Side::Server, capacity), ours);
        let reply = ChannelReply { offset: 0, length: length.try_into().map_err(|_| Errno::Nomem)? };
        Ok((channel, reply, [memory, theirs].into_iter().collect()))
    }

    fn new(window: Window, socket: OwnedFd) -> Channel {
        Channel { window, socket, passed: false, connected: false, received: Vec::new() }
    }

    /// Says hello, and waits for the server to say it too.
    pub(super) fn connect(&mut self, call: &Call) -> Result<(), TransportError> {
        self.window.write(&[HELLO])?;
        self.window.pass()?;
        self.hear_hello(call)
    }

    fn hear_hello(&mut self, call: &Call) -> Result<(), TransportError> {
        self.wait(call)?;
        let length = self.window.read(&mut self.received)?;
        let said = self.received.get(..length).unwrap_or_default();
        if said != HELLO {
            return Err(Violation::Handshake.into());
        }
        self.connected = true;
        Ok(())
    }

    /// Begins with another message.
    pub(super) fn begin(&mut self) {
        self.passed = false;
    }

    /// Whether it went, and was not left unread.
    pub(super) fn has_begun(&self) -> bool {
        self.passed
    }

    /// Sends a message, once. Nothing of it waits, as the turn is ours.
    pub(super) fn send(
        &mut self,
        mid: Mid,
        payload: &[u8],
        tail: &[u8],
        fds: &[BorrowedFd<'_>],
    ) -> Result<(), TransportError> {
        if self.passed {
            return Ok(());
        }
        let [low, high] = mid.0.to_le_bytes();
        let count = u8::try_from(fds.len()).map_err(|_| TransportError::Os(Errno::Overflow))?;
        self.window.write(&[&[low, high, count, 0], payload, tail])?;
        for fd in fds {
            // A peer that takes none of them fills the socket, and then is sent no more: this does not wait.
            send_once(self.socket.as_fd(), &[IoSlice::new(&[])], &[*fd], SendFlags::DONTWAIT)
                .map_err(TransportError::os)?;
        }
        self.window.pass()?;
        self.passed = true;
        Ok(())
    }

    /// Waits for a message, and takes its descriptors into `cargo`; without one, a message that has some is a violation.
    /// A call that ends leaves it to the next one.
    pub(super) fn receive(&mut self, call: &Call, cargo: Option<&mut Cargo>) -> Result<Frame, TransportError> {
        if !self.connected {
            self.hear_hello(call)?;
            self.window.write(&[HELLO])?;
            self.window.pass()?;
        }
        if let Err(error) = self.wait(call) {
            if error == TransportError::Closed && self.window.was_left() {
                self.passed = false;
            }
            return Err(error);
        }
        let length = self.window.read(&mut self.received)?;
        let (head, _) =
            self.received.get(..length).unwrap_or_default().split_first_chunk::<HEAD>().ok_or_else(|| {
                let bytes = u32::try_from(length).unwrap_or(0);
                Violation::Undersized { bytes }
            })?;
        let [low, high, fds, _] = *head;
        match cargo {
            Some(cargo) => self.take(fds, cargo)?,
            None if fds > 0 => return Err(Violation::Descriptors.into()),
            None => {}
        }
        Ok(Frame { mid: Mid(u16::from_le_bytes([low, high])), payload: HEAD..length })
    }

    /// Takes as many descriptors as a message says it has. It may have fewer: then there are none behind.
    fn take(&self, count: u8, cargo: &mut Cargo) -> Result<(), TransportError> {
        if usize::from(count) > ROOM {
            return Err(Violation::Descriptors.into());
        }
        for _ in 0..count {
            match receive_once(self.socket.as_fd(), &mut [], Some(cargo), RecvFlags::DONTWAIT) {
                Ok(received) => _ = received?,
                Err(io::Errno::AGAIN) => break,
                Err(errno) => return Err(TransportError::os(errno)),
            }
        }
        Ok(())
    }

    /// The payload of a message, until the next one is received.
    pub(super) fn payload(&self, frame: &Frame) -> &[u8] {
        self.received.get(frame.payload.clone()).unwrap_or_default()
    }

    /// Waits for the turn.
    fn wait(&self, call: &Call) -> Result<(), TransportError> {
        self.window.wait(call, || self.is_gone())
    }

    /// Whether the peer is gone.
    pub(super) fn is_gone(&self) -> bool {
        is_hung_up(self.socket.as_fd())
    }

    /// What wakes the thread that waits at this end.
    pub(super) fn waker(&self) -> Waker {
        self.window.waker()
    }

    /// Ends the channel, for the peer too.
    pub(super) fn shut(&self) {
        self.window.shut();
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        empty(self.socket.as_fd(), false);
    }
}

/// Bytes of data that payloads of `limit` bytes take, and bytes of a window that has room for them.
fn sizes(limit: usize) -> Result<(usize, usize), Errno> {
    let capacity = limit.checked_add(HEAD).ok_or(Errno::Nomem)?;
    let length = capacity.checked_add(DATA).and_then(|length| length.checked_next_multiple_of(PAGE));
    Ok((capacity, length.ok_or(Errno::Nomem)?))
}
