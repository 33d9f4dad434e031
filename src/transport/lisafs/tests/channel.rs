//! Channels with peers that keep to the protocol, and both ends with each other.

use super::kit::{Watched, all_closed, cancellable, short};
use super::raw::{LIMIT, Raw, SERVER, channel, data, greeted, served};
use super::server::{Handled, handle};
use crate::abi::{Call, Errno, Error};
use crate::proto::lisafs::*;
use crate::transport::TransportError;
use crate::transport::lisafs::{Client, Incoming, Server};
use rustix::fd::BorrowedFd;
use smallvec::SmallVec;
use std::time::Duration;

const FD: FdId = FdId::new(7);

fn stat_bytes() -> Vec<u8> {
    super::kit::payload(&&Statx::default())
}

/// Both ends of a channel, the server's on a thread.
fn both(fds: usize) -> (Client, std::thread::JoinHandle<rustix::fd::OwnedFd>) {
    let (mut client, mut peer) = super::kit::client();
    let new = Server::new_channel(LIMIT).expect("a channel");
    let borrowed: Vec<BorrowedFd<'_>> = new.fds.iter().map(rustix::fd::AsFd::as_fd).collect();
    super::kit::send_with(&peer, &super::kit::frame(Mid::CHANNEL, &new.reply), &borrowed);
    let mut server = new.server;
    let watched = Watched::new();
    let serving = std::thread::spawn(move || {
        let answer = |incoming: Incoming<'_>, to: &mut Writer<'_>| -> Result<SmallVec<[BorrowedFd<'_>; 2]>, Errno> {
            if incoming.mid != Mid::OPEN_AT {
                return handle(incoming, to).map(|_| SmallVec::new());
            }
            OpenReply { fd: FdId::new(4) }.encode(to).map_err(|_| Errno::Overflow)?;
            Ok(watched.fds(fds).into_iter().collect())
        };
        while server.serve(&Call::WAITING, answer).expect("served") {}
        watched.sent()
    });
    let channel = client.open_channel(&Call::WAITING).expect("a channel");
    assert_eq!(super::kit::read_frame(&mut peer).0, Mid::CHANNEL);
    (channel, serving)
}

#[test]
fn both_ends_exchange_messages_of_any_size_and_a_descriptor() {
    let (mut client, serving) = both(1);
    let opened = client.call(&Call::WAITING, &OpenAt { fd: FD, flags: 0 }).expect("opened");
    assert_eq!((opened.message.fd.get(), opened.fds.len()), (4, 1));
    let fds = opened.fds;
    for count in [0, 1, 7, 8, 9, 4096, LIMIT - 8] {
        let read = client.call(&Call::WAITING, &PRead { offset: 0, fd: FD, count }).expect("read");
        assert!(read.message.data.len() == count as usize && read.message.data.iter().all(|byte| *byte == 1));
    }
    let too_much = PRead { offset: 0, fd: FD, count: LIMIT - 7 };
    assert_eq!(client.call(&Call::WAITING, &too_much).err(), Some(Errno::Overflow.into()));
    assert_eq!(client.call(&Call::WAITING, &Flush { fd: FD }).err(), Some(Errno::Opnotsupp.into()));
    for ino in 0..1000 {
        let stat = client.call(&Call::WAITING, &FStat { fd: FdId::new(ino) }).expect("attributes");
        assert_eq!(stat.message.ino.get(), ino);
    }
    drop(client);
    let closed = serving.join().expect("served");
    assert!(!all_closed(&closed));
    drop(fds);
    assert!(all_closed(&closed));
}

#[test]
fn descriptors_that_an_answer_may_not_have_are_taken_and_closed() {
    let (mut client, serving) = both(2);
    for _ in 0..10 {
        let opened = client.call(&Call::WAITING, &OpenAt { fd: FD, flags: 0 }).expect("opened");
        assert_eq!(opened.fds.len(), 1);
    }
    drop(client);
    assert!(all_closed(&serving.join().expect("served")));
}

#[test]
fn write_with_its_bytes_from_elsewhere_is_one_message() {
    let (mut client, raw) = channel();
    let bytes: Vec<u8> = (0..=255).cycle().take(60_001).collect();
    let serving = std::thread::spawn(move || {
        let (mid, payload) = raw.message();
        raw.pass_whole(&data(mid, 0, &super::kit::payload(&PWriteReply { count: 60_001 })));
        (mid, payload)
    });
    let head = PWriteHead { offset: 3, fd: FD, count: 60_001 };
    let written = client.call_with(&Call::WAITING, &head, &bytes).expect("written");
    assert_eq!(written.message.count, 60_001);
    let (mid, payload) = serving.join().expect("served");
    let write = decode::<PWrite<'_>>(&payload).expect("a write");
    assert!(mid == Mid::P_WRITE && write.offset == 3 && write.data == bytes);
    let too_long = PWriteHead { count: LIMIT, ..head };
    let error = client.call_with(&Call::WAITING, &too_long, &vec![0; LIMIT as usize]).err();
    assert_eq!((error, client.ended()), (Some(Errno::Overflow.into()), None));
}

/// A request that ended before its answer came.
fn abandon<R: Request>(client: &mut Client, raw: &Raw, request: &R) {
    // A deadline can pass before there was time to send.
    while raw.word() != SERVER {
        assert_eq!(client.call(&short(), request).err(), Some(Error::Errno(Errno::Timedout)));
    }
    assert!(client.is_owed());
}

#[test]
fn call_that_ends_before_its_answer_leaves_the_next_one_right_and_its_files_are_orphans() {
    let (mut client, raw) = channel();
    abandon(&mut client, &raw, &OpenAt { fd: FD, flags: 0 });
    assert_eq!(raw.message().0, Mid::OPEN_AT);
    // The next one waits for the answer that is owed, and ends too.
    assert_eq!(client.call(&short(), &FStat { fd: FD }).err(), Some(Errno::Timedout.into()));
    let watched = Watched::new();
    raw.send_fds(&watched.fds(1)).expect("sent");
    raw.pass_whole(&data(Mid::OPEN_AT, 1, &super::kit::payload(&OpenReply { fd: FdId::new(44) })));
    let closed = watched.sent();
    let serving = std::thread::spawn(move || {
        assert_eq!(raw.message().0, Mid::F_STAT);
        raw.pass_whole(&data(Mid::F_STAT, 0, &stat_bytes()));
        raw
    });
    assert!(client.call(&Call::WAITING, &FStat { fd: FD }).is_ok());
    assert_eq!((client.take_orphans(), client.is_owed()), (vec![FdId::new(44)], false));
    assert!(all_closed(&closed));
    drop(serving.join().expect("served"));
}

#[test]
fn call_that_is_cancelled_ends_while_the_server_does_not_answer() {
    let (mut client, raw) = channel();
    let (call, cancel) = cancellable();
    let cancelling = std::thread::spawn(move || {
        raw.message();
        cancel.cancel();
        raw
    });
    assert_eq!(client.call(&call, &FStat { fd: FD }).err(), Some(Errno::Canceled.into()));
    assert_eq!(client.ended(), None);
    drop(cancelling.join().expect("cancelled"));
}

#[test]
fn hello_that_never_comes_ends_with_the_call_and_the_connection_goes_on() {
    let (server, raw, fd) = served();
    let socket = raw.socket.try_clone().expect("duplicated");
    let reply = ChannelReply { offset: 0, length: super::raw::WINDOW as u64 };
    use rustix::fd::AsFd;
    // Until hello was said, for which there is no time where the deadline has passed before.
    while raw.word() == super::raw::CLIENT {
        let (channel, client, _peer) = super::raw::asked(reply, &[fd.as_fd(), socket.as_fd()], short);
        assert_eq!((channel.err(), client.ended()), (Some(Errno::Timedout.into()), None));
    }
    drop((server, raw));
}

#[test]
fn server_that_waits_ends_with_its_call_and_answers_a_later_request() {
    let (mut server, raw, _fd) = served();
    assert_eq!(server.serve(&short(), handle), Err(TransportError::Ended(Errno::Timedout)));
    raw.pass_whole(super::raw::HELLO);
    // Hello is said, and no request came.
    assert_eq!(server.serve(&short(), handle), Err(TransportError::Ended(Errno::Timedout)));
    assert_eq!(raw.data(), super::raw::HELLO);
    let stat = super::kit::payload(&FStat { fd: FdId::new(9) });
    raw.pass_whole(&data(Mid::F_STAT, 0, &stat));
    assert_eq!(server.serve(&Call::WAITING, handle), Ok(true));
    let (mid, payload) = raw.message();
    assert_eq!((mid, decode::<&Statx>(&payload).expect("attributes").ino.get()), (Mid::F_STAT, 9));
}

#[test]
fn server_that_is_woken_behind_its_cancel_ends() {
    let (mut server, raw, _fd) = served();
    raw.pass_whole(super::raw::HELLO);
    let (call, cancel) = cancellable();
    let waker = server.waker().expect("a channel has one");
    let serving = std::thread::spawn(move || server.serve(&call, handle));
    raw.wait();
    // It waits in the kernel by then; if not, it looks by itself.
    std::thread::sleep(Duration::from_millis(20));
    cancel.cancel();
    waker.wake();
    assert_eq!(serving.join().expect("it ends"), Err(TransportError::Ended(Errno::Canceled)));
    // The server is gone with its thread, and says so.
    assert_eq!(raw.word(), super::raw::NOBODY);
}

#[test]
fn server_of_a_client_that_shuts_the_channel_or_dies_ends_without_an_error() {
    for greets in [false, true] {
        for dies in [false, true] {
            let (mut server, raw, _fd) = served();
            if greets {
                raw.pass_whole(super::raw::HELLO);
            }
            let serving = std::thread::spawn(move || (server.serve(&Call::WAITING, handle), server));
            if greets {
                raw.wait();
            }
            if dies {
                drop(raw)
            } else {
                raw.set_word(super::raw::NOBODY)
            }
            assert_eq!(serving.join().expect("it ends").0, Ok(false), "{greets} {dies}");
        }
    }
}

#[test]
fn client_of_a_server_that_shuts_the_channel_or_dies_is_io() {
    for dies in [false, true] {
        let (mut client, raw) = channel();
        let serving = std::thread::spawn(move || {
            raw.message();
            if dies { drop(raw) } else { raw.set_word(super::raw::NOBODY) }
        });
        assert_eq!(client.call(&Call::WAITING, &FStat { fd: FD }).err(), Some(Errno::Io.into()));
        assert_eq!(client.ended(), Some(TransportError::Closed), "{dies}");
        serving.join().expect("it went");
        assert_eq!(client.call(&Call::WAITING, &FStat { fd: FD }).err(), Some(Errno::Io.into()));
    }
}

#[test]
fn answer_of_a_server_that_went_behind_it_is_taken() {
    let (mut client, raw) = channel();
    let serving = std::thread::spawn(move || {
        raw.message();
        raw.pass_whole(&data(Mid::F_STAT, 0, &stat_bytes()));
    });
    assert!(client.call(&Call::WAITING, &FStat { fd: FD }).is_ok());
    serving.join().expect("it went");
    assert_eq!(client.call(&Call::WAITING, &FStat { fd: FD }).err(), Some(Errno::Io.into()));
}

/// What an end says of itself: the client at 8, the server at 12.
fn state(raw: &Raw, at: usize) -> u32 {
    raw.memory.word(at).expect("a word").load(std::sync::atomic::Ordering::SeqCst)
}

#[test]
fn end_that_sleeps_says_so_and_one_that_came_back_is_awake() {
    let (mut client, raw) = channel();
    assert_eq!((state(&raw, 8), state(&raw, 12)), (1, 0));
    let serving = std::thread::spawn(move || {
        raw.message();
        while state(&raw, 8) != 2 {
            std::thread::yield_now();
        }
        raw.pass_whole(&data(Mid::F_STAT, 0, &stat_bytes()));
        raw
    });
    assert!(client.call(&Call::WAITING, &FStat { fd: FD }).is_ok());
    let raw = serving.join().expect("it answered");
    assert_eq!(state(&raw, 8), 1);
    let short = short();
    assert_eq!(client.call(&short, &FStat { fd: FD }).err(), Some(Errno::Timedout.into()));
    assert_eq!(state(&raw, 8), 1, "nor does it sleep when its call has ended");
}

#[test]
fn client_whose_server_does_not_wake_it_finds_its_answer_all_the_same() {
    let (mut client, raw) = channel();
    let serving = std::thread::spawn(move || {
        raw.message();
        while state(&raw, 8) != 2 {
            std::thread::yield_now();
        }
        // As a server does that takes the client for awake: the turn changes, and nobody is woken.
        let answer = data(Mid::F_STAT, 0, &stat_bytes());
        assert!(raw.memory.write(16, &answer));
        let word = |at| raw.memory.word(at).expect("a word");
        word(4).store(u32::try_from(answer.len()).expect("short"), std::sync::atomic::Ordering::SeqCst);
        word(0).store(super::raw::CLIENT, std::sync::atomic::Ordering::SeqCst);
    });
    assert!(client.call(&Call::WAITING, &FStat { fd: FD }).is_ok());
    serving.join().expect("it answered");
}

#[test]
fn ends_that_sleep_and_look_by_turns_lose_no_message() {
    let (mut client, serving) = both(1);
    for round in 0..5_000u64 {
        // Around the time that one looks before he sleeps.
        if round % 8 == 0 {
            std::thread::sleep(Duration::from_micros(round % 97));
        }
        assert!(client.call(&Call::WAITING, &FStat { fd: FD }).is_ok(), "{round}");
    }
    drop(client);
    serving.join().expect("it ended");
}

#[test]
fn hello_that_is_another_ends_the_channel_and_the_connection_goes_on() {
    for hello in [&b"[]\n"[..], b"", b"{}", b"{}\n{}\n"] {
        let (channel, raw, client, _peer) = greeted(hello);
        assert_eq!((channel.err(), client.ended()), (Some(Errno::Io.into()), None));
        assert_eq!(raw.word(), super::raw::NOBODY);
    }
}

/// The handler of a server that nobody asks anything.
pub(super) fn unheard(_: Incoming<'_>, _: &mut Writer<'_>) -> Handled {
    unreachable!("no request came")
}
