//! Scripted peers, frames, and descriptors that can be seen to be closed.

use crate::abi::{Call, CancelToken};
use crate::proto::lisafs::{Encode, HEADER_BYTES, Header, Mid, Writer};
use crate::transport::Stream;
use crate::transport::lisafs::{Client, Server};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use std::io::{IoSlice, Read};
use std::mem::MaybeUninit;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// The largest payload of the servers here.
pub(super) const LIMIT: u32 = 64 * 1024;

/// A client, and the end that a test plays.
pub(super) fn client() -> (Client, UnixStream) {
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    (Client::new(Stream::new(ours.into()).expect("a stream")), theirs)
}

/// A server, and the end that a test plays.
pub(super) fn server() -> (Server, UnixStream) {
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    (Server::new(Stream::new(ours.into()).expect("a stream"), LIMIT), theirs)
}

pub(super) fn payload(message: &impl Encode) -> Vec<u8> {
    let mut payload = Vec::new();
    message.encode(&mut Writer::new(&mut payload, 1 << 24)).expect("it fits");
    payload
}

/// The frame of a message.
pub(super) fn frame(mid: Mid, message: &impl Encode) -> Vec<u8> {
    let payload = payload(message);
    let header = Header::new(mid, payload.len()).expect("it fits");
    [&header.to_bytes()[..], &payload].concat()
}

/// Reads one frame.
pub(super) fn read_frame(peer: &mut UnixStream) -> (Mid, Vec<u8>) {
    let mut head = [0; HEADER_BYTES];
    peer.read_exact(&mut head).expect("a header");
    let header = Header::from_prefix(&head).expect("a header");
    let mut payload = vec![0; header.payload() as usize];
    peer.read_exact(&mut payload).expect("a payload");
    (header.mid(), payload)
}

/// Whether nothing waits to be read.
pub(super) fn is_silent(peer: &UnixStream) -> bool {
    poll(&mut [PollFd::new(peer, PollFlags::IN)], Some(&Timespec::default())).expect("poll") == 0
}

/// Sends `bytes`, and `fds` with the first.
pub(super) fn send_with(peer: &UnixStream, bytes: &[u8], fds: &[BorrowedFd<'_>]) {
    let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(64))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(fds.is_empty() || control.push(SendAncillaryMessage::ScmRights(fds)));
    let sent = sendmsg(peer, &[IoSlice::new(bytes)], &mut control, SendFlags::empty()).expect("sent");
    assert_eq!(sent, bytes.len());
}

/// Descriptors that are sent, and seen to be closed by who received them: the writing ends of one pipe.
pub(super) struct Watched {
    read: OwnedFd,
    write: OwnedFd,
}

impl Watched {
    pub(super) fn new() -> Watched {
        let (read, write) = std::io::pipe().expect("a pipe");
        Watched { read: read.into(), write: write.into() }
    }

    /// As often as they are to be sent.
    pub(super) fn fds(&self, count: usize) -> Vec<BorrowedFd<'_>> {
        vec![self.write.as_fd(); count]
    }

    /// The end that only receivers can close now.
    pub(super) fn sent(self) -> OwnedFd {
        self.read
    }
}

/// Whether every writing end is closed. Those that are in the queue of a socket count as open.
pub(super) fn all_closed(read: &OwnedFd) -> bool {
    let mut polled = [PollFd::new(read, PollFlags::IN)];
    poll(&mut polled, Some(&Timespec::default())).expect("poll");
    polled[0].revents().contains(PollFlags::HUP)
}

/// A call that ends soon.
pub(super) fn short() -> Call {
    Call { deadline: Some(Instant::now() + Duration::from_millis(2)), ..Call::WAITING }
}

/// A call that ends when its token says so.
pub(super) fn cancellable() -> (Call, CancelToken) {
    let cancel = CancelToken::new();
    (Call { cancel: Some(cancel.clone()), ..Call::WAITING }, cancel)
}
