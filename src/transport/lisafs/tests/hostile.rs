//! The asking end with servers that do what the protocol does not have.

use super::kit::{Watched, all_closed, client, frame, is_silent, payload, read_frame, send_with, short};
use crate::abi::{Call, Errno, Error};
use crate::proto::lisafs::*;
use crate::transport::lisafs::Client;
use crate::transport::{TransportError, Violation};
use std::io::Write;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

const FD: FdId = FdId::new(7);

/// A stat's answer.
fn answer() -> Vec<u8> {
    frame(Mid::F_STAT, &&Statx::default())
}

/// Asks for a stat that ends the connection: as every later request it is `EIO`, and nothing more is sent.
fn ends(client: &mut Client, peer: &mut UnixStream, expected: TransportError) {
    let stat = |client: &mut Client| client.call(&Call::WAITING, &FStat { fd: FD }).err();
    assert_eq!((stat(client), client.ended()), (Some(Error::Errno(Errno::Io)), Some(expected)));
    read_frame(peer);
    assert_eq!((stat(client), client.ended()), (Some(Error::Errno(Errno::Io)), Some(expected)));
    assert!(is_silent(peer));
}

#[test]
fn stream_that_ends_at_any_byte_of_an_answer_ends_the_connection() {
    let answer = answer();
    for cut in 0..answer.len() {
        let (mut client, mut peer) = client();
        peer.write_all(&answer[..cut]).expect("sent");
        peer.shutdown(Shutdown::Write).expect("shut");
        let expected = if cut == 0 { TransportError::Closed } else { Violation::CutOff.into() };
        ends(&mut client, &mut peer, expected);
    }
}

#[test]
fn answer_that_announces_more_than_was_agreed_on_ends_the_connection() {
    for announced in [64 * 1024 + 1, 1 << 21, 1 << 31, 0xffff_fff7, 0xffff_fff8, u32::MAX] {
        let (mut client, mut peer) = client();
        let header = Header::new(Mid::F_STAT, announced as usize).expect("it can be told");
        peer.write_all(&header.to_bytes()).expect("sent");
        ends(&mut client, &mut peer, Violation::Oversized { payload: announced }.into());
    }
}

#[test]
fn answer_to_another_request_ends_the_connection() {
    for mid in (1..=40).chain([255, 256, 65_535]).filter(|mid| Mid(*mid) != Mid::F_STAT) {
        let (mut client, mut peer) = client();
        peer.write_all(&frame(Mid(mid), &&Statx::default())).expect("sent");
        ends(&mut client, &mut peer, Violation::WrongMessage { mid }.into());
    }
}

#[test]
fn bytes_behind_an_answer_end_the_connection() {
    for surplus in [&[0][..], &answer()] {
        let (mut client, mut peer) = client();
        peer.write_all(&[&answer(), surplus].concat()).expect("sent");
        ends(&mut client, &mut peer, Violation::Unasked.into());
    }
}

#[test]
fn answer_that_is_too_short_is_io_and_the_connection_goes_on() {
    let (mut client, mut peer) = client();
    for length in [0, 1, 143] {
        peer.write_all(&frame(Mid::F_STAT, &Raw(&vec![0; length]))).expect("sent");
        assert_eq!(client.call(&Call::WAITING, &FStat { fd: FD }).err(), Some(Errno::Io.into()));
    }
    peer.write_all(&frame(Mid::ERROR, &Raw(&[1, 0, 0]))).expect("sent");
    assert_eq!(client.call(&Call::WAITING, &FStat { fd: FD }).err(), Some(Errno::Io.into()));
    peer.write_all(&answer()).expect("sent");
    assert!(client.call(&Call::WAITING, &FStat { fd: FD }).is_ok());
}

/// Bytes that are no message.
struct Raw<'a>(&'a [u8]);

impl Encode for Raw<'_> {
    fn encode(&self, to: &mut Writer<'_>) -> Result<(), EncodeError> {
        to.bytes(self.0)
    }
}

#[test]
fn descriptors_that_no_answer_may_have_are_closed_and_the_answer_is_one() {
    for count in 1..=8 {
        let (mut client, peer) = client();
        let watched = Watched::new();
        send_with(&peer, &answer(), &watched.fds(count));
        let closed = watched.sent();
        let answer = client.call(&Call::WAITING, &FStat { fd: FD }).expect("an answer");
        assert!(answer.fds.is_empty() && all_closed(&closed), "{count}");
    }
}

#[test]
fn surplus_descriptors_are_closed_and_the_first_is_kept() {
    for count in 2..=8 {
        let (mut client, peer) = client();
        let (kept, surplus) = (Watched::new(), Watched::new());
        let fds = [kept.fds(1), surplus.fds(count - 1)].concat();
        send_with(&peer, &frame(Mid::OPEN_AT, &OpenReply { fd: FD }), &fds);
        let (kept, surplus) = (kept.sent(), surplus.sent());
        let answer = client.call(&Call::WAITING, &OpenAt { fd: FD, flags: 0 }).expect("an answer");
        assert_eq!((answer.fds.len(), all_closed(&kept), all_closed(&surplus)), (1, false, true), "{count}");
        drop(answer);
        assert!(all_closed(&kept));
    }
}

#[test]
fn descriptors_with_every_byte_are_closed_and_the_answer_is_one() {
    let (mut client, peer) = client();
    let watched = Watched::new();
    for byte in answer() {
        send_with(&peer, &[byte], &watched.fds(8));
    }
    let closed = watched.sent();
    assert!(client.call(&Call::WAITING, &FStat { fd: FD }).is_ok());
    assert!(all_closed(&closed));
}

#[test]
fn descriptors_with_an_error_are_closed() {
    let (mut client, peer) = client();
    let watched = Watched::new();
    send_with(&peer, &frame(Mid::ERROR, &ErrorReply::new(Errno::Noent)), &watched.fds(1));
    let closed = watched.sent();
    assert_eq!(client.call(&Call::WAITING, &OpenAt { fd: FD, flags: 0 }).err(), Some(Errno::Noent.into()));
    assert!(all_closed(&closed));
}

#[test]
fn more_descriptors_than_there_is_room_for_end_the_connection_and_are_closed() {
    for count in [12, 64] {
        let (mut client, mut peer) = client();
        let watched = Watched::new();
        send_with(&peer, &answer(), &watched.fds(count));
        let closed = watched.sent();
        ends(&mut client, &mut peer, Violation::Descriptors.into());
        assert!(all_closed(&closed), "{count}");
    }
}

#[test]
fn descriptors_of_an_answer_that_is_wrong_are_closed() {
    let wrong = frame(Mid::OPEN_CREATE_AT, &OpenReply { fd: FD });
    let short = frame(Mid::OPEN_AT, &Raw(&[0; 7]));
    let cut = frame(Mid::OPEN_AT, &OpenReply { fd: FD })[..15].to_vec();
    for bytes in [wrong, short, cut] {
        let (mut client, peer) = client();
        let watched = Watched::new();
        send_with(&peer, &bytes, &watched.fds(1));
        peer.shutdown(Shutdown::Write).expect("shut");
        let closed = watched.sent();
        assert_eq!(client.call(&Call::WAITING, &OpenAt { fd: FD, flags: 0 }).err(), Some(Errno::Io.into()));
        assert!(all_closed(&closed));
    }
}

#[test]
fn mount_with_a_limit_in_which_nothing_fits_ends_the_connection() {
    for max_message in [0, 1, 4095] {
        let (mut client, mut peer) = client();
        let root = Inode::default();
        peer.write_all(&frame(Mid::MOUNT, &MountReply { root: &root, max_message, mids: &[] })).expect("sent");
        assert_eq!(client.mount(&Call::WAITING).err(), Some(Errno::Io.into()));
        assert_eq!(client.ended(), Some(Violation::Limit.into()));
    }
}

#[test]
fn mount_with_a_limit_of_four_gigabytes_has_ours() {
    let (mut client, mut peer) = client();
    let root = Inode::default();
    let reply = MountReply { root: &root, max_message: u32::MAX, mids: &[] };
    peer.write_all(&frame(Mid::MOUNT, &reply)).expect("sent");
    client.mount(&Call::WAITING).expect("mounted");
    read_frame(&mut peer);
    assert_eq!(client.limit(), 4 << 20);
    let header = Header::new(Mid::F_STAT, (4 << 20) + 1).expect("it can be told");
    peer.write_all(&header.to_bytes()).expect("sent");
    ends(&mut client, &mut peer, Violation::Oversized { payload: (4 << 20) + 1 }.into());
}

#[test]
fn answer_with_counts_that_lie_is_io() {
    let (mut client, mut peer) = client();
    let lie = [&[0u8][..], &[255, 255], &payload(&&Inode::default())].concat();
    peer.write_all(&frame(Mid::WALK, &Raw(&lie))).expect("sent");
    let walk = Walk { dir: FD, names: Names::List(&[]) };
    assert_eq!(client.call(&Call::WAITING, &walk).err(), Some(Errno::Io.into()));
    assert_eq!((client.ended(), client.take_orphans()), (None, vec![]));
}

#[test]
fn answer_that_comes_byte_by_byte_without_end_does_not_hold_the_call() {
    let (mut client, mut peer) = client();
    let sending = std::thread::spawn(move || {
        let endless =
            [&Header::new(Mid::READ_LINK_AT, 60_000).expect("a header").to_bytes()[..], &[0; 60_000]].concat();
        for byte in endless.chunks(1) {
            if peer.write_all(byte).is_err() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    });
    for _ in 0..3 {
        assert_eq!(client.call(&short(), &ReadLinkAt { fd: FD }).err(), Some(Errno::Timedout.into()));
    }
    drop(client);
    sending.join().expect("the other end closed");
}
