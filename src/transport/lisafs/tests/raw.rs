//! An end of a channel that a test plays by hand.

use super::kit::{client, frame, is_silent, send_with};
use crate::abi::{Call, Errno, Result};
use crate::proto::lisafs::{ChannelReply, Mid};
use crate::sys::SharedMemory;
use crate::transport::lisafs::{Client, NewChannel, Server};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use rustix::io::IoSlice;
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, sendmsg, socketpair,
};
use rustix::thread::futex;
use std::mem::MaybeUninit;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The largest payload of the channels here, which is a client's before it is mounted.
pub(super) const LIMIT: u32 = 64 * 1024;

/// Bytes of a window for that.
pub(super) const WINDOW: usize = 68 * 1024;

pub(super) const CLIENT: u32 = 0;
pub(super) const SERVER: u32 = 1;
pub(super) const NOBODY: u32 = 2;

pub(super) const HELLO: &[u8] = b"{}\n";

/// Memory with seals.
pub(super) fn memory(length: usize, seals: SealFlags) -> OwnedFd {
    let memory = memfd_create(c"test", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).expect("memory");
    ftruncate(&memory, length as u64).expect("set");
    fcntl_add_seals(&memory, seals).expect("sealed");
    memory
}

pub(super) fn sockets(kind: SocketType) -> (OwnedFd, OwnedFd) {
    socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None).expect("a pair")
}

/// The memory and the socket of a channel.
pub(super) struct Raw {
    pub(super) memory: Arc<SharedMemory>,
    pub(super) socket: OwnedFd,
    own: u32,
}

impl Raw {
    pub(super) fn word(&self) -> u32 {
        self.memory.word(0).expect("a word").load(Ordering::Acquire)
    }

    /// Says whose turn it is, and wakes everybody.
    pub(super) fn set_word(&self, to: u32) {
        let word = self.memory.word(0).expect("a word");
        word.store(to, Ordering::Release);
        futex::wake(word, futex::Flags::empty(), 64).expect("woken");
    }

    /// Waits for this end's turn.
    pub(super) fn wait(&self) {
        while self.word() != self.own {
            std::thread::yield_now();
        }
    }

    /// Passes the turn with data, of which it says that it is `length` bytes.
    pub(super) fn pass(&self, data: &[u8], length: u32) {
        assert!(self.memory.write(16, data));
        self.memory.word(4).expect("a word").store(length, Ordering::Relaxed);
        self.set_word(1 - self.own);
    }

    pub(super) fn pass_whole(&self, data: &[u8]) {
        self.pass(data, u32::try_from(data.len()).expect("short"));
    }

    /// The data that came.
    pub(super) fn data(&self) -> Vec<u8> {
        let length = self.memory.word(4).expect("a word").load(Ordering::Relaxed);
        let mut data = vec![0; length as usize];
        assert!(self.memory.read(16, &mut data));
        data
    }

    /// Waits for a message: its number and payload.
    pub(super) fn message(&self) -> (Mid, Vec<u8>) {
        self.wait();
        let data = self.data();
        assert_eq!(data[2..4], [0, 0]);
        (Mid(u16::from_le_bytes([data[0], data[1]])), data[4..].to_vec())
    }

    /// Sends descriptors in one message of the socket's, as an answer's should be one by one.
    pub(super) fn send_fds(&self, fds: &[BorrowedFd<'_>]) -> rustix::io::Result<()> {
        let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(64))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        assert!(control.push(SendAncillaryMessage::ScmRights(fds)));
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        sendmsg(&self.socket, &[IoSlice::new(&[])], &mut control, flags).map(|_| ())
    }
}

/// A message as it stands in a window.
pub(super) fn data(mid: Mid, fds: u8, payload: &[u8]) -> Vec<u8> {
    [&mid.0.to_le_bytes()[..], &[fds, 0], payload].concat()
}

/// A client whose request for a channel is answered so. Nobody says hello.
pub(super) fn asked(
    reply: ChannelReply,
    fds: &[BorrowedFd<'_>],
    call: impl Fn() -> Call,
) -> (Result<Client>, Client, UnixStream) {
    let (mut client, mut peer) = client();
    send_with(&peer, &frame(Mid::CHANNEL, &reply), fds);
    let mut channel = client.open_channel(&call());
    // A deadline can pass before there was time to send.
    while is_silent(&peer) {
        assert!(channel.is_err_and(|error| error == Errno::Timedout.into()));
        channel = client.open_channel(&call());
    }
    assert_eq!(super::kit::read_frame(&mut peer), (Mid::CHANNEL, vec![]));
    (channel, client, peer)
}

/// A channel's client, and the server's end. `hello` is what the server says before the first message.
pub(super) fn greeted(hello: &'static [u8]) -> (Result<Client>, Raw, Client, UnixStream) {
    let fd = memory(WINDOW, SealFlags::SHRINK | SealFlags::SEAL);
    let memory = Arc::new(SharedMemory::map(fd.as_fd(), 0, WINDOW).expect("mapped"));
    let (socket, theirs) = sockets(SocketType::SEQPACKET);
    let raw = Raw { memory, socket, own: SERVER };
    let server = std::thread::spawn(move || {
        raw.wait();
        assert_eq!(raw.data(), HELLO);
        raw.pass_whole(hello);
        raw
    });
    let reply = ChannelReply { offset: 0, length: WINDOW as u64 };
    let (channel, client, peer) = asked(reply, &[fd.as_fd(), theirs.as_fd()], || Call::WAITING);
    (channel, server.join().expect("it said hello"), client, peer)
}

/// A channel's client, and the server's end.
pub(super) fn channel() -> (Client, Raw) {
    let (channel, raw, ..) = greeted(HELLO);
    (channel.expect("a channel"), raw)
}

/// A channel's server, the client's end, and its memory. Nobody has said hello.
pub(super) fn served() -> (Server, Raw, OwnedFd) {
    let NewChannel { server, reply, fds } = Server::new_channel(LIMIT).expect("a channel");
    let [fd, socket] = fds.into_inner().expect("two");
    assert_eq!((reply.offset, reply.length), (0, WINDOW as u64));
    let memory = Arc::new(SharedMemory::map(fd.as_fd(), 0, WINDOW).expect("mapped"));
    (server, Raw { memory, socket, own: CLIENT }, fd)
}
