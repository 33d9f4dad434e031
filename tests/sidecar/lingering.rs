//! Clients that send sockets whose last close waits.

use crate::programs::Listening;
use crate::subject::eventually;
use crate::wire::request;
use rustix::io::IoSlice;
use rustix::net::sockopt::set_socket_linger;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use std::io::Write as _;
use std::mem::MaybeUninit;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::time::Duration;
use wasi_gofer::abi::Call;
use wasi_gofer::proto::lisafs::FStat;

/// A socket with bytes that nobody takes until the other end is dropped.
fn lingering() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let mut socket = TcpStream::connect(listener.local_addr().expect("an address")).expect("connected");
    let (other, _) = listener.accept().expect("accepted");
    socket.set_nonblocking(true).expect("set");
    while socket.write(&[0; 65_536]).is_ok() {}
    set_socket_linger(&socket, Some(Duration::from_secs(600))).expect("set");
    (socket, other)
}

fn send(to: &UnixStream, bytes: &[u8], socket: &TcpStream) {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let fds = [socket.as_fd()];
    assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
    sendmsg(to, &[IoSlice::new(bytes)], &mut control, SendFlags::empty()).expect("sent");
}

#[test]
fn sockets_that_linger_do_not_end_the_program_nor_hold_up_other_clients() {
    for jail in ["require", "off"] {
        let program = Listening::start(&["--jail", jail]);
        let (mut client, root) = program.client();
        let mut others = Vec::new();
        // More than there are threads that close.
        for _ in 0..8 {
            let connection = program.connect();
            // The second one stays in the queue of a connection that ends at the first. Nobody else has them when they come.
            program.paused(|| {
                for _ in 0..2 {
                    let (socket, other) = lingering();
                    send(&connection, &request(&FStat { fd: root }), &socket);
                    others.push(other);
                }
            });
            drop(connection);
            client.call(&Call::WAITING, &FStat { fd: root }).expect("served");
            drop(program.client());
        }
        drop((others, client));
        eventually("nobody", || program.is_idle());
        program.end();
    }
}
