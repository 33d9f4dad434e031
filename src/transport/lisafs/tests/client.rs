//! The asking end with peers that keep to the protocol.

use super::kit::{Watched, all_closed, cancellable, client, frame, is_silent, payload, read_frame, send_with, short};
use crate::abi::{Call, CancelToken, Errno, Error, Name};
use crate::proto::lisafs::*;
use crate::transport::{Stream, TransportError};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::{FdFlags, fcntl_getfd};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with, socketpair};
use std::io::Write;
use std::os::unix::net::UnixStream;
use zerocopy::little_endian::U16;

const FD: FdId = FdId::new(7);

fn inode(control: u64) -> Inode {
    Inode { control: FdId::new(control), stat: Statx { mask: 0x7ff.into(), ..Statx::default() } }
}

/// A request that ended before its answer came: it went out as a whole.
fn abandon<R: Request>(client: &mut crate::transport::lisafs::Client, peer: &mut UnixStream, request: &R) {
    loop {
        let error = client.call(&short(), request).err().expect("no answer");
        assert_eq!(error, Error::Errno(Errno::Timedout));
        // A deadline can pass before there was time to send.
        if !is_silent(peer) {
            break;
        }
    }
    assert_eq!(read_frame(peer).0, R::MID);
}

#[test]
fn mount_takes_over_what_the_server_offers() {
    let (mut client, mut peer) = client();
    let mids = [1, 5, 33, 300].map(U16::new);
    let root = inode(1);
    let reply = MountReply { root: &root, max_message: 2_093_056, mids: &mids };
    peer.write_all(&frame(Mid::MOUNT, &reply)).expect("sent");
    let mounted = client.mount(&Call::WAITING).expect("mounted");
    assert_eq!((mounted.root, mounted.fd.is_none(), client.limit()), (root, true, 2_093_056));
    assert!(client.offers(Mid::RENAME_AT2) && client.offers(Mid(300)) && !client.offers(Mid::F_STAT));
    assert_eq!(read_frame(&mut peer), (Mid::MOUNT, vec![]));
}

#[test]
fn call_whose_answer_comes_in_pieces_of_any_size_is_answered() {
    let answer = frame(Mid::F_STAT, &&inode(0).stat);
    for size in [1, 3, 7, 8, 9, 100] {
        let (mut client, mut peer) = client();
        let answer = answer.clone();
        let sender = std::thread::spawn(move || {
            for piece in answer.chunks(size) {
                peer.write_all(piece).expect("sent");
                std::thread::yield_now();
            }
            peer
        });
        let stat = *client.call(&Call::WAITING, &FStat { fd: FD }).expect("an answer").message;
        assert_eq!(stat, inode(0).stat, "pieces of {size}");
        drop(sender.join());
    }
}

#[test]
fn call_that_ends_at_any_byte_of_its_answer_leaves_the_next_one_right() {
    let late = frame(Mid::F_STAT, &&Statx { ino: 1.into(), ..Statx::default() });
    let expected = Statx { ino: 2.into(), ..Statx::default() };
    for cut in 0..late.len() {
        let (mut client, mut peer) = client();
        peer.write_all(&late[..cut]).expect("sent");
        abandon(&mut client, &mut peer, &FStat { fd: FD });
        peer.write_all(&late[cut..]).expect("sent");
        let answering = std::thread::spawn(move || {
            assert_eq!(read_frame(&mut peer).0, Mid::F_STAT);
            peer.write_all(&frame(Mid::F_STAT, &&expected)).expect("sent");
        });
        let stat = *client.call(&Call::WAITING, &FStat { fd: FD }).expect("an answer").message;
        assert_eq!((stat, client.ended()), (expected, None), "cut at {cut}");
        answering.join().expect("answered");
    }
}

#[test]
fn answers_that_nobody_waited_for_leave_their_files_to_be_closed_and_close_their_descriptors() {
    let (mut client, mut peer) = client();
    let name = Name::new(b"n").expect("a name");
    let names = [name, name];
    let found = [inode(11), inode(12)];
    abandon(&mut client, &mut peer, &Walk { dir: FD, names: Names::List(&names) });
    peer.write_all(&frame(Mid::WALK, &WalkReply { status: WalkStatus::Complete, inodes: &found })).expect("sent");
    abandon(&mut client, &mut peer, &OpenAt { fd: FD, flags: 0 });
    let watched = Watched::new();
    send_with(&peer, &frame(Mid::OPEN_AT, &OpenReply { fd: FdId::new(13) }), &watched.fds(1));
    let closed = watched.sent();
    abandon(&mut client, &mut peer, &ReadLinkAt { fd: FD });
    assert!(all_closed(&closed));
    peer.write_all(&frame(Mid::ERROR, &ErrorReply::new(Errno::Inval))).expect("sent");
    abandon(&mut client, &mut peer, &FStat { fd: FD });
    assert_eq!(client.take_orphans().iter().map(|fd| fd.get()).collect::<Vec<_>>(), [11, 12, 13]);
    assert_eq!((client.take_orphans(), client.ended()), (vec![], None));
}

#[test]
fn write_that_ends_half_way_is_sent_whole_before_the_next_request() {
    let (mut client, mut peer) = client();
    let root = inode(1);
    peer.write_all(&frame(Mid::MOUNT, &MountReply { root: &root, max_message: 1 << 21, mids: &[] })).expect("sent");
    client.mount(&Call::WAITING).expect("mounted");
    read_frame(&mut peer);
    // More than the socket takes while nobody reads.
    let data: Vec<u8> = (0u32..250_000).flat_map(u32::to_le_bytes).collect();
    let head = PWriteHead { offset: 5, fd: FD, count: 1_000_000 };
    while is_silent(&peer) {
        let error = client.call_with(&short(), &head, &data).expect_err("nobody reads");
        assert_eq!(error, Error::Errno(Errno::Timedout));
    }
    let reading = std::thread::spawn(move || {
        let (mid, payload) = read_frame(&mut peer);
        peer.write_all(&frame(Mid::P_WRITE, &PWriteReply { count: 1 })).expect("sent");
        let next = read_frame(&mut peer).0;
        peer.write_all(&frame(Mid::FLUSH, &())).expect("sent");
        (mid, payload, next)
    });
    client.call(&Call::WAITING, &Flush { fd: FD }).expect("an answer");
    let (mid, sent, next) = reading.join().expect("read");
    assert_eq!((mid, next), (Mid::P_WRITE, Mid::FLUSH));
    assert!(sent == payload(&PWrite { offset: 5, fd: FD, data: &data }));
}

#[test]
fn call_that_is_cancelled_while_it_waits_is_canceled_and_the_next_one_is_answered() {
    let (mut client, mut peer) = client();
    let (call, cancel) = cancellable();
    let answering = std::thread::spawn(move || {
        read_frame(&mut peer);
        cancel.cancel();
        // The answer comes once the next request's sender asks for it, or before: both are right.
        peer.write_all(&frame(Mid::OPEN_AT, &OpenReply { fd: FdId::new(9) })).expect("sent");
        read_frame(&mut peer);
        peer.write_all(&frame(Mid::OPEN_AT, &OpenReply { fd: FdId::new(10) })).expect("sent");
    });
    let first = client.call(&call, &OpenAt { fd: FD, flags: 0 }).map(|answer| answer.message.fd.get());
    let second = client.call(&Call::WAITING, &OpenAt { fd: FD, flags: 0 }).map(|answer| answer.message.fd.get());
    answering.join().expect("answered");
    assert_eq!(second, Ok(10));
    let orphans: Vec<u64> = client.take_orphans().iter().map(|fd| fd.get()).collect();
    assert!((first == Ok(9) && orphans.is_empty()) || (first == Err(Errno::Canceled.into()) && orphans == [9]));
}

#[test]
fn call_that_has_ended_or_may_not_wait_sends_nothing() {
    let (mut client, peer) = client();
    let cancelled = CancelToken::new();
    cancelled.cancel();
    let late = Call { deadline: Some(std::time::Instant::now()), ..Call::WAITING };
    let calls = [
        (Call { cancel: Some(cancelled), ..Call::WAITING }, Error::Errno(Errno::Canceled)),
        (late, Error::Errno(Errno::Timedout)),
        (Call::NOT_WAITING, Error::WouldWait),
    ];
    for (call, expected) in calls {
        assert_eq!(client.call(&call, &FStat { fd: FD }).err(), Some(expected));
        assert!(is_silent(&peer));
    }
    assert_eq!(client.ended(), None);
}

#[test]
fn error_of_the_server_is_its_errno_and_the_connection_goes_on() {
    let (mut client, mut peer) = client();
    for (errno, expected) in [(2, Errno::Noent), (95, Errno::Opnotsupp), (9999, Errno::Io), (0, Errno::Io)] {
        peer.write_all(&frame(Mid::ERROR, &ErrorReply { errno })).expect("sent");
        assert_eq!(client.call(&Call::WAITING, &FStat { fd: FD }).err(), Some(expected.into()));
    }
    peer.write_all(&frame(Mid::F_STAT, &&Statx::default())).expect("sent");
    assert!(client.call(&Call::WAITING, &FStat { fd: FD }).is_ok());
}

#[test]
fn request_larger_than_the_server_takes_is_overflow_and_sends_nothing() {
    let (mut client, mut peer) = client();
    let root = inode(1);
    peer.write_all(&frame(Mid::MOUNT, &MountReply { root: &root, max_message: 4096, mids: &[] })).expect("sent");
    client.mount(&Call::WAITING).expect("mounted");
    read_frame(&mut peer);
    let head = |count| PWriteHead { offset: 0, fd: FD, count };
    for size in [4077, 4096, 1 << 20] {
        let error = client.call_with(&Call::WAITING, &head(size), &vec![0; size as usize]).err();
        assert_eq!(error, Some(Errno::Overflow.into()), "{size}");
    }
    assert!(is_silent(&peer));
    peer.write_all(&frame(Mid::P_WRITE, &PWriteReply { count: 4076 })).expect("sent");
    assert!(client.call_with(&Call::WAITING, &head(4076), &[0; 4076]).is_ok());
    assert_eq!(read_frame(&mut peer).1.len(), 4096);
}

#[test]
fn descriptor_that_comes_with_an_answer_is_closed_on_exec_and_is_the_one_that_was_sent() {
    let (mut client, peer) = client();
    let (ours, theirs) = std::io::pipe().expect("a pipe");
    send_with(&peer, &frame(Mid::OPEN_AT, &OpenReply { fd: FD }), &[theirs.as_fd()]);
    let answer = client.call(&Call::WAITING, &OpenAt { fd: FD, flags: 0 }).expect("an answer");
    let [fd] = &answer.fds[..] else { panic!("one descriptor") };
    assert!(fcntl_getfd(fd).expect("it is open").contains(FdFlags::CLOEXEC));
    rustix::io::write(fd, b"x").expect("written");
    let mut byte = [0];
    assert_eq!((rustix::io::read(&ours, &mut byte), byte), (Ok(1), *b"x"));
}

#[test]
fn answer_without_the_descriptor_that_may_come_is_an_answer() {
    let (mut client, mut peer) = client();
    peer.write_all(&frame(Mid::OPEN_AT, &OpenReply { fd: FD })).expect("sent");
    let answer = client.call(&Call::WAITING, &OpenAt { fd: FD, flags: 0 }).expect("an answer");
    assert!(answer.fds.is_empty());
}

#[test]
fn new_of_what_is_no_unix_stream_is_refused() {
    let (datagram, _other) =
        socketpair(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None).expect("a pair");
    let internet = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None).expect("a socket");
    let file: OwnedFd = std::fs::File::open("/dev/null").expect("open").into();
    for (fd, errno) in [(datagram, Errno::Inval), (internet, Errno::Inval), (file, Errno::Notsock)] {
        assert_eq!(Stream::new(fd).err(), Some(errno));
    }
}

#[test]
fn call_over_a_socket_that_does_not_wait_is_answered() {
    let (ours, mut peer) = UnixStream::pair().expect("a pair");
    ours.set_nonblocking(true).expect("set");
    let mut client = crate::transport::lisafs::Client::new(Stream::new(ours.into()).expect("a stream"));
    let answering = std::thread::spawn(move || {
        read_frame(&mut peer);
        peer.write_all(&frame(Mid::FLUSH, &())).expect("sent");
    });
    assert!(client.call(&Call::WAITING, &Flush { fd: FD }).is_ok());
    answering.join().expect("answered");
}

#[test]
fn call_after_the_peer_went_is_io_without_a_signal() {
    let (mut client, peer) = client();
    drop(peer);
    for _ in 0..2 {
        assert_eq!(client.call(&Call::WAITING, &FStat { fd: FD }).err(), Some(Errno::Io.into()));
        assert_eq!(client.ended(), Some(TransportError::Closed));
    }
}
