//! What the messages of a connection go over: its socket, or a channel beside it.

use super::channel::Channel;
use super::frames::Frame;
use super::socket::Socket;
use super::window::Waker;
use crate::abi::Call;
use crate::proto::lisafs::{HEADER_BYTES, Mid};
use crate::transport::error::TransportError;
use crate::transport::stream::{Cargo, is_hung_up};
use rustix::fd::{AsFd, BorrowedFd};

/// One end of a way over which messages go.
#[derive(Debug)]
pub(super) enum Carrier {
    Socket(Socket),
    Channel(Channel),
}

impl Carrier {
    /// Begins with another frame.
    pub(super) fn begin(&mut self) {
        match self {
            Carrier::Socket(socket) => socket.begin(),
            Carrier::Channel(channel) => channel.begin(),
        }
    }

    /// Whether some of the frame went: then all of it has to.
    pub(super) fn has_begun(&self) -> bool {
        match self {
            Carrier::Socket(socket) => socket.has_begun(),
            Carrier::Channel(channel) => channel.has_begun(),
        }
    }

    /// Sends what is left of a frame, header and all, with `tail` behind it and `fds` beside it.
    pub(super) fn send(
        &mut self,
        call: &Call,
        mid: Mid,
        frame: &[u8],
        tail: &[u8],
        fds: &[BorrowedFd<'_>],
    ) -> Result<(), TransportError> {
        match self {
            Carrier::Socket(socket) => socket.send(call, frame, tail, fds),
            Carrier::Channel(channel) => channel.send(mid, frame.get(HEADER_BYTES..).unwrap_or_default(), tail, fds),
        }
    }

    /// Waits for a frame, with its descriptors, if it may have some.
    pub(super) fn receive(&mut self, call: &Call, cargo: Option<&mut Cargo>) -> Result<Frame, TransportError> {
        match self {
            Carrier::Socket(socket) => socket.frames.receive(&socket.stream, call, cargo),
            Carrier::Channel(channel) => channel.receive(call, cargo),
        }
    }

    /// The payload of a frame, until the next one is received.
    pub(super) fn payload(&self, frame: &Frame) -> &[u8] {
        match self {
            Carrier::Socket(socket) => socket.frames.payload(frame),
            Carrier::Channel(channel) => channel.payload(frame),
        }
    }

    /// Whether more came than the last frame.
    pub(super) fn has_more(&self) -> bool {
        match self {
            Carrier::Socket(socket) => socket.frames.has_more(),
            Carrier::Channel(_) => false,
        }
    }

    pub(super) fn set_limit(&mut self, limit: usize) {
        match self {
            Carrier::Socket(socket) => socket.frames.set_limit(limit),
            // A window is made for the limit.
            Carrier::Channel(_) => {}
        }
    }

    /// What wakes the thread that waits for a frame; `None` where it looks at its call by itself often enough.
    pub(super) fn waker(&self) -> Option<Waker> {
        match self {
            Carrier::Socket(_) => None,
            Carrier::Channel(channel) => Some(channel.waker()),
        }
    }

    /// Whether the peer is gone.
    pub(super) fn is_gone(&self) -> bool {
        match self {
            Carrier::Socket(socket) => is_hung_up(socket.stream.as_fd()),
            Carrier::Channel(channel) => channel.is_gone(),
        }
    }

    /// Ends what others would wait for.
    pub(super) fn shut(&self) {
        if let Carrier::Channel(channel) = self {
            channel.shut();
        }
    }
}
