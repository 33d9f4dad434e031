//! The answering end, with clients of any kind and with our own.

use super::kit::{LIMIT, Watched, all_closed, frame, is_silent, read_frame, send_with, server, short};
use crate::abi::{Call, Errno};
use crate::proto::lisafs::*;
use crate::transport::lisafs::{Client, Incoming, Server};
use crate::transport::{Stream, TransportError, Violation};
use rustix::fd::{BorrowedFd, OwnedFd};
use smallvec::SmallVec;
use std::io::Write;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

pub(super) type Handled = Result<SmallVec<[OwnedFd; 2]>, Errno>;

/// Answers a stat with the file's number as the inode's, a read with as many bytes as were asked for, and anything else
/// with `EOPNOTSUPP`.
pub(super) fn handle(incoming: Incoming<'_>, to: &mut Writer<'_>) -> Handled {
    let written = match AnyRequest::decode(incoming.mid, incoming.payload).ok_or(Errno::Opnotsupp)? {
        Ok(AnyRequest::FStat(stat)) => (&Statx { ino: stat.fd.get().into(), ..Statx::default() }).encode(to),
        Ok(AnyRequest::PRead(read)) => PReadReply { data: &vec![1; read.count as usize] }.encode(to),
        Ok(_) => return Err(Errno::Opnotsupp),
        Err(error) => return Err(error.answer()),
    };
    written.map(|()| SmallVec::new()).map_err(|_| Errno::Overflow)
}

fn stat(fd: u64) -> Vec<u8> {
    frame(Mid::F_STAT, &FStat { fd: FdId::new(fd) })
}

/// The inode number in a stat's answer.
fn ino(peer: &mut UnixStream) -> u64 {
    let (mid, payload) = read_frame(peer);
    assert_eq!(mid, Mid::F_STAT);
    decode::<&Statx>(&payload).expect("attributes").ino.get()
}

#[test]
fn requests_in_one_write_are_answered_in_order() {
    let (mut server, mut peer) = server();
    let requests: Vec<u8> = (1..=64).flat_map(stat).collect();
    peer.write_all(&requests).expect("sent");
    for fd in 1..=64 {
        assert_eq!(server.serve(&Call::WAITING, handle), Ok(true));
        assert_eq!(ino(&mut peer), fd);
    }
    peer.shutdown(Shutdown::Write).expect("shut");
    assert_eq!(server.serve(&Call::WAITING, handle), Ok(false));
}

#[test]
fn request_that_comes_in_two_parts_with_a_call_that_ends_between_is_answered() {
    let request = [stat(3), stat(4)].concat();
    for cut in 1..request.len() {
        let (mut server, mut peer) = server();
        peer.write_all(&request[..cut]).expect("sent");
        let served = cut / stat(3).len();
        for _ in 0..served {
            assert_eq!(server.serve(&short(), handle), Ok(true));
        }
        assert_eq!(server.serve(&short(), handle), Err(TransportError::Ended(Errno::Timedout)));
        peer.write_all(&request[cut..]).expect("sent");
        for _ in served..2 {
            assert_eq!(server.serve(&Call::WAITING, handle), Ok(true));
        }
        assert_eq!([ino(&mut peer), ino(&mut peer)], [3, 4], "cut at {cut}");
    }
}

#[test]
fn stream_that_ends_within_a_request_ends_the_connection() {
    for cut in 1..stat(1).len() {
        let (mut server, mut peer) = server();
        peer.write_all(&stat(1)[..cut]).expect("sent");
        peer.shutdown(Shutdown::Write).expect("shut");
        for _ in 0..2 {
            assert_eq!(server.serve(&Call::WAITING, handle), Err(Violation::CutOff.into()));
        }
    }
}

#[test]
fn request_that_announces_more_than_the_limit_ends_the_connection() {
    for announced in [LIMIT + 1, 1 << 31, 0xffff_fff7, 0xffff_fff8, u32::MAX] {
        let (mut server, mut peer) = server();
        peer.write_all(&Header::new(Mid::P_WRITE, announced as usize).expect("it can be told").to_bytes())
            .expect("sent");
        for _ in 0..2 {
            let ended = server.serve(&Call::WAITING, handle);
            assert_eq!(ended, Err(Violation::Oversized { payload: announced }.into()));
        }
    }
}

#[test]
fn descriptors_of_a_client_end_the_connection_and_are_closed() {
    for count in [1, 2, 9, 64] {
        let (mut server, peer) = server();
        let watched = Watched::new();
        send_with(&peer, &stat(1), &watched.fds(count));
        let closed = watched.sent();
        assert_eq!(server.serve(&Call::WAITING, handle), Err(Violation::Descriptors.into()));
        assert!(all_closed(&closed), "{count}");
    }
}

#[test]
fn request_that_is_refused_is_answered_by_its_errno_and_the_connection_goes_on() {
    let (mut server, mut peer) = server();
    let requests = [
        (frame(Mid::FLUSH, &Flush { fd: FdId::NONE }), Errno::Opnotsupp),
        (frame(Mid(200), &()), Errno::Opnotsupp),
        (frame(Mid(65_535), &()), Errno::Opnotsupp),
        (frame(Mid::ERROR, &ErrorReply::new(Errno::Perm)), Errno::Opnotsupp),
        (frame(Mid::F_STAT, &()), Errno::Io),
        (frame(Mid::P_READ, &PRead { offset: 0, fd: FdId::NONE, count: LIMIT }), Errno::Overflow),
    ];
    for (request, errno) in requests {
        peer.write_all(&request).expect("sent");
        assert_eq!(server.serve(&Call::WAITING, handle), Ok(true));
        let (mid, payload) = read_frame(&mut peer);
        let reply: ErrorReply = decode(&payload).expect("an errno");
        assert_eq!((mid, payload.len(), reply.to_errno()), (Mid::ERROR, 4, errno));
    }
    peer.write_all(&stat(5)).expect("sent");
    assert_eq!((server.serve(&Call::WAITING, handle), ino(&mut peer)), (Ok(true), 5));
}

#[test]
fn client_that_takes_no_answers_ends_its_connection_with_the_call() {
    let (mut server, mut peer) = server();
    let read = frame(Mid::P_READ, &PRead { offset: 0, fd: FdId::NONE, count: LIMIT - 8 });
    let mut handled = 0;
    loop {
        peer.write_all(&read).expect("sent");
        let before = handled;
        let served = server.serve(&short(), |incoming, to| {
            handled += 1;
            handle(incoming, to)
        });
        // A deadline that passes before a request was handled ends nothing.
        if served.is_err() && handled > before {
            break;
        }
    }
    let unheard = |_: Incoming<'_>, _: &mut Writer<'_>| -> Handled { unreachable!("the connection ended") };
    assert_eq!(server.serve(&Call::WAITING, unheard), Err(TransportError::Ended(Errno::Timedout)));
}

#[test]
fn our_client_and_our_server_exchange_messages_and_a_descriptor() {
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    let mut server = Server::new(Stream::new(theirs.into()).expect("a stream"), LIMIT);
    let watched = Watched::new();
    let serving = std::thread::spawn(move || {
        let open = |_: Incoming<'_>, to: &mut Writer<'_>| -> Result<SmallVec<[BorrowedFd<'_>; 2]>, Errno> {
            OpenReply { fd: FdId::new(4) }.encode(to).map_err(|_| Errno::Overflow)?;
            Ok(watched.fds(1).into_iter().collect())
        };
        assert_eq!(server.serve(&Call::WAITING, open), Ok(true));
        while server.serve(&Call::WAITING, handle).expect("served") {}
        watched.sent()
    });
    let mut client = Client::new(Stream::new(ours.into()).expect("a stream"));
    let opened = client.call(&Call::WAITING, &OpenAt { fd: FdId::new(1), flags: 0 }).expect("opened");
    assert_eq!((opened.message.fd.get(), opened.fds.len()), (4, 1));
    let fds = opened.fds;
    let whole = u32::try_from(client.limit() - 8).expect("it fits");
    let read = client.call(&Call::WAITING, &PRead { offset: 0, fd: FdId::new(4), count: whole }).expect("read");
    assert!(read.message.data.len() == whole as usize && read.message.data.iter().all(|byte| *byte == 1));
    assert_eq!(client.call(&Call::WAITING, &Flush { fd: FdId::new(4) }).err(), Some(Errno::Opnotsupp.into()));
    let stat = client.call(&Call::WAITING, &FStat { fd: FdId::new(9) }).expect("attributes");
    assert_eq!(stat.message.ino.get(), 9);
    drop(client);
    let closed = serving.join().expect("served");
    assert!(!all_closed(&closed));
    drop(fds);
    assert!(all_closed(&closed));
}

#[test]
fn nothing_is_sent_before_there_is_a_request() {
    let (mut server, peer) = server();
    assert_eq!(server.serve(&short(), handle), Err(TransportError::Ended(Errno::Timedout)));
    assert!(is_silent(&peer));
}
