//! Sockets in the tree.

use crate::gofer::{Gofer, name};
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use wasi_gofer::abi::{Errno, FileType, Mode};
use wasi_gofer::proto::lisafs::*;

const SOCK_STREAM: u32 = 1;

#[test]
fn connect_to_a_socket_of_the_host_hands_out_the_connection() {
    let Some(mut gofer) = Gofer::start("connect", &["--host-uds=all"]) else { return };
    let listener = UnixListener::bind(gofer.host("socket")).expect("bound");
    let fd = gofer.control("socket");
    let connect = Connect { fd, socket_type: SOCK_STREAM };
    let ((), fds) = gofer.ask_with_fds(&connect, |()| ()).expect("connected");
    let [fd] = <[_; 1]>::try_from(fds).expect("one descriptor");
    let (mut theirs, _) = listener.accept().expect("accepted");
    UnixStream::from(fd).write_all(b"hello").expect("sent");
    let mut read = String::new();
    theirs.read_to_string(&mut read).expect("read");
    assert_eq!(read, "hello");
    gofer.end();
}

#[test]
fn bind_listen_and_accept_take_a_connection_of_the_host() {
    let Some(mut gofer) = Gofer::start("bind", &["--host-uds=all"]) else { return };
    let common = CreateCommon::new(gofer.root, None, Mode::new(0o700));
    let bind = BindAt { common, socket_type: SOCK_STREAM, name: name("socket") };
    let (bound, fds) = gofer.ask_with_fds(&bind, |reply| (*reply.inode, reply.socket)).expect("bound");
    let (inode, socket) = bound;
    let stat = inode.stat.to_stat().expect("attributes");
    assert_eq!((stat.file_type, fds.len()), (FileType::Socket, 1));
    gofer.done(&Listen { socket, backlog: 8 }).expect("listens");
    assert_eq!(gofer.done(&Accept { socket }), Err(Errno::Again.into()));
    let mut host = UnixStream::connect(gofer.host("socket")).expect("connected");
    let (peer, fds) = gofer.ask_with_fds(&Accept { socket }, |peer| peer.0.to_vec()).expect("accepted");
    let [fd] = <[_; 1]>::try_from(fds).expect("one descriptor");
    assert!(peer.is_empty());
    let mut accepted = UnixStream::from(fd);
    accepted.set_nonblocking(false).expect("set");
    host.write_all(b"hello").expect("sent");
    let mut read = [0; 5];
    accepted.read_exact(&mut read).expect("read");
    assert_eq!(&read, b"hello");
    gofer.end();
}
