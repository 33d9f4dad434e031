//! Peers that send sockets whose last close waits.

use super::kit::{client, frame, send_with, server};
use crate::abi::{Call, Errno, Error};
use crate::proto::lisafs::*;
use crate::transport::TransportError;
use crate::transport::lisafs::Client;
use rustix::fd::{AsFd, OwnedFd};
use rustix::net::sockopt::set_socket_linger;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Mutex;
use std::time::{Duration, Instant};

const FD: FdId = FdId::new(7);

/// How long the close of a socket waits here.
const LINGER: Duration = Duration::from_secs(60);

/// What is well below that, and well above what anything else here takes.
const SOON: Duration = Duration::from_secs(30);

/// The threads that close are the process's, and few.
static ALONE: Mutex<()> = Mutex::new(());

/// A socket with bytes that nobody takes until the other end is dropped.
fn lingering() -> (OwnedFd, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let mut socket = TcpStream::connect(listener.local_addr().expect("an address")).expect("connected");
    let (other, _) = listener.accept().expect("accepted");
    socket.set_nonblocking(true).expect("set");
    while socket.write(&[0; 65_536]).is_ok() {}
    socket.set_nonblocking(false).expect("set");
    set_socket_linger(&socket, Some(LINGER)).expect("set");
    (socket.into(), other)
}

/// A socket with such a one in its queue.
fn wrapped(socket: OwnedFd) -> OwnedFd {
    let (held, sender) = UnixStream::pair().expect("a pair");
    send_with(&sender, &[0], &[socket.as_fd()]);
    held.into()
}

/// Has `act` meet with a socket that lingers, which nobody else has any more, alone and within another one.
fn meets(act: impl Fn(OwnedFd)) {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    for is_wrapped in [false, true] {
        let (socket, other) = lingering();
        let began = Instant::now();
        act(if is_wrapped { wrapped(socket) } else { socket });
        let took = began.elapsed();
        assert!(took < SOON, "wrapped {is_wrapped}: {took:?}");
        drop(other);
    }
}

fn soon() -> Call {
    Call { deadline: Some(Instant::now() + Duration::from_millis(100)), ..Call::WAITING }
}

fn stat(client: &mut Client) -> Option<Error> {
    client.call(&soon(), &FStat { fd: FD }).err()
}

#[test]
fn socket_that_lingers_beside_an_answer_holds_no_call() {
    meets(|socket| {
        let (mut client, peer) = client();
        send_with(&peer, &frame(Mid::F_STAT, &&Statx::default()), &[socket.as_fd()]);
        drop(socket);
        assert_eq!(stat(&mut client), None);
    });
}

#[test]
fn socket_that_lingers_beside_an_error_holds_no_call() {
    meets(|socket| {
        let (mut client, peer) = client();
        send_with(&peer, &frame(Mid::ERROR, &ErrorReply::new(Errno::Perm)), &[socket.as_fd()]);
        drop(socket);
        assert_eq!(stat(&mut client), Some(Errno::Perm.into()));
    });
}

#[test]
fn socket_that_lingers_instead_of_a_file_is_io_and_holds_no_call() {
    meets(|socket| {
        let (mut client, peer) = client();
        send_with(&peer, &frame(Mid::OPEN_AT, &OpenReply { fd: FD }), &[socket.as_fd()]);
        drop(socket);
        assert_eq!(client.call(&soon(), &OpenAt { fd: FD, flags: 0 }).err(), Some(Errno::Io.into()));
        assert_eq!((client.take_orphans(), client.ended()), (vec![FD], None));
    });
}

#[test]
fn socket_that_lingers_in_the_queue_does_not_hold_the_end_of_a_connection() {
    meets(|socket| {
        let (client, peer) = client();
        send_with(&peer, &[0], &[socket.as_fd()]);
        drop((socket, client));
    });
}

#[test]
fn socket_that_lingers_in_the_queue_does_not_hold_the_end_of_a_channel() {
    meets(|socket| {
        let (client, raw) = super::raw::channel();
        raw.send_fds(&[]).expect("a message of nothing");
        raw.send_fds(&[socket.as_fd()]).expect("sent");
        drop((socket, client));
    });
}

#[test]
fn socket_that_lingers_from_a_client_does_not_hold_its_server() {
    meets(|socket| {
        let (mut server, peer) = server();
        send_with(&peer, &frame(Mid::F_STAT, &FStat { fd: FD }), &[socket.as_fd()]);
        drop(socket);
        let served = server.serve(&soon(), super::channel::unheard);
        assert!(matches!(served, Err(TransportError::Violation(_))), "{served:?}");
        drop(server);
    });
}

#[test]
fn sockets_that_linger_beyond_the_threads_that_close_do_not_hold_the_calls() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let began = Instant::now();
    let (mut client, peer) = client();
    let mut others = Vec::new();
    for _ in 0..10 {
        let (socket, other) = lingering();
        others.push(other);
        send_with(&peer, &frame(Mid::F_STAT, &&Statx::default()), &[socket.as_fd()]);
        drop(socket);
        assert_eq!(stat(&mut client), None);
    }
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
}
