//! Channels with peers that do what the protocol does not have.

use super::channel::unheard;
use super::kit::{Watched, all_closed, frame, payload, read_frame, short};
use super::raw::{CLIENT, HELLO, NOBODY, Raw, SERVER, WINDOW, asked, channel, data, memory, served, sockets};
use super::server::{Handled, handle};
use crate::abi::{Call, Errno, Error};
use crate::proto::lisafs::*;
use crate::transport::lisafs::{Client, Incoming, Server};
use crate::transport::{TransportError, Violation};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{SealFlags, fcntl_add_seals, ftruncate};
use rustix::io::Errno as OsErrno;
use rustix::net::SocketType;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const FD: FdId = FdId::new(7);

/// What is answered to a stat, by a thread that has the server's end.
fn answers(raw: Raw, answer: impl FnOnce(&Raw) + Send + 'static) -> std::thread::JoinHandle<Raw> {
    std::thread::spawn(move || {
        raw.message();
        answer(&raw);
        raw
    })
}

/// Asks for a stat that ends the channel: as every later request it is `EIO`, and nothing more is passed.
fn ends(expected: impl Into<TransportError>, answer: impl FnOnce(&Raw) + Send + 'static) {
    let expected = expected.into();
    let (mut client, raw) = channel();
    let serving = answers(raw, answer);
    for _ in 0..2 {
        let error = client.call(&Call::WAITING, &FStat { fd: FD }).err();
        assert_eq!((error, client.ended()), (Some(Error::Errno(Errno::Io)), Some(expected)));
    }
    assert_eq!(serving.join().expect("it answered").word(), NOBODY);
}

#[test]
fn request_that_a_server_left_unread_had_not_begun_and_any_other_had() {
    const LEFT: u32 = 3;
    for (state, begun) in [(0, true), (1, true), (2, true), (LEFT, false)] {
        let (mut client, raw) = channel();
        let memory = Arc::clone(&raw.memory);
        let leaving = std::thread::spawn(move || {
            raw.wait();
            memory.word(12).expect("a word").store(state, Ordering::SeqCst);
            raw.set_word(NOBODY);
        });
        assert_eq!(client.call(&Call::WAITING, &FStat { fd: FD }).err(), Some(Errno::Io.into()));
        assert_eq!((client.has_begun(), client.ended()), (begun, Some(TransportError::Closed)), "{state}");
        leaving.join().expect("it left");
    }
}

#[test]
fn server_that_leaves_says_whether_it_left_a_request_unread() {
    for reads in [false, true] {
        let (mut server, raw, _memory) = served();
        raw.pass_whole(HELLO);
        assert!(server.serve(&short(), super::channel::unheard).is_err());
        raw.wait();
        raw.pass_whole(&data(Mid::F_STAT, 0, &payload(&FStat { fd: FD })));
        if reads {
            let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                let answer = |_: Incoming<'_>, _: &mut Writer<'_>| -> Handled { panic!("it dies in the middle") };
                server.serve(&Call::WAITING, answer)
            }));
            assert!(died.is_err());
        }
        drop(server);
        let state = raw.memory.word(12).expect("a word").load(Ordering::SeqCst);
        assert_eq!((raw.word(), state == 3), (NOBODY, !reads));
    }
}

#[test]
fn word_that_is_nobodys_turn_ends_the_channel() {
    for word in [3, 77, 1 << 31, u32::MAX] {
        ends(Violation::State { word }, move |raw| raw.set_word(word));
        let (mut server, raw, _fd) = served();
        raw.set_word(word);
        for _ in 0..2 {
            assert_eq!(server.serve(&Call::WAITING, unheard), Err(Violation::State { word }.into()));
        }
        assert_eq!(raw.word(), NOBODY);
    }
}

#[test]
fn turn_that_was_taken_back_before_the_message_ends_the_channel() {
    let (mut client, raw) = channel();
    raw.set_word(SERVER);
    assert_eq!(client.call(&Call::WAITING, &FStat { fd: FD }).err(), Some(Errno::Io.into()));
    assert_eq!(client.ended(), Some(Violation::State { word: SERVER }.into()));
    let (mut server, raw, _fd) = greet();
    raw.pass_whole(&data(Mid::F_STAT, 0, &payload(&FStat { fd: FD })));
    let ended = server.serve(&Call::WAITING, |incoming, to| {
        raw.set_word(CLIENT);
        handle(incoming, to)
    });
    assert_eq!(ended, Err(Violation::State { word: CLIENT }.into()));
    assert_eq!(raw.word(), NOBODY);
}

#[test]
fn length_that_is_more_than_the_window_has_or_less_than_a_head_ends_the_channel() {
    for length in [65_541, 69_632, 69_633, 1 << 31, u32::MAX] {
        ends(Violation::Oversized { payload: length }, move |raw| raw.pass(&[], length));
    }
    for bytes in 0..4 {
        ends(Violation::Undersized { bytes }, move |raw| raw.pass(&[], bytes));
        let (mut server, raw, _fd) = greet();
        raw.pass(&[], bytes);
        assert_eq!(server.serve(&Call::WAITING, unheard), Err(Violation::Undersized { bytes }.into()));
    }
    for length in [65_541, u32::MAX] {
        let (mut server, raw, _fd) = served();
        raw.pass(HELLO, length);
        assert_eq!(server.serve(&Call::WAITING, unheard), Err(Violation::Oversized { payload: length }.into()));
    }
}

/// A server that was greeted.
fn greet() -> (Server, Raw, OwnedFd) {
    let (mut server, raw, fd) = served();
    raw.pass_whole(HELLO);
    let soon = Call { deadline: Some(Instant::now()), ..Call::WAITING };
    assert!(server.serve(&soon, unheard).is_err());
    assert_eq!(raw.word(), CLIENT);
    (server, raw, fd)
}

#[test]
fn answer_to_another_request_ends_the_channel() {
    for mid in (1..=40).chain([255, 256, 65_535]).filter(|mid| Mid(*mid) != Mid::F_STAT) {
        ends(Violation::WrongMessage { mid }, move |raw| raw.pass_whole(&data(Mid(mid), 0, &[0; 144])));
    }
}

#[test]
fn answer_that_is_too_short_is_io_and_the_channel_goes_on() {
    let (mut client, mut raw) = channel();
    for length in [0, 1, 143] {
        let serving = answers(raw, move |raw| raw.pass_whole(&data(Mid::F_STAT, 0, &vec![0; length])));
        assert_eq!(client.call(&Call::WAITING, &FStat { fd: FD }).err(), Some(Errno::Io.into()));
        raw = serving.join().expect("it answered");
    }
    let serving = answers(raw, |raw| raw.pass_whole(&data(Mid::F_STAT, 0, &[0; 144])));
    assert!(client.call(&Call::WAITING, &FStat { fd: FD }).is_ok());
    drop(serving.join());
}

/// An open whose answer has `count` as the number of descriptors, beside what `send` sends.
fn open(count: u8, send: impl FnOnce(&Raw) + Send + 'static) -> (Client, Raw, Result<usize, Error>) {
    let (mut client, raw) = channel();
    let serving = answers(raw, move |raw| {
        send(raw);
        raw.pass_whole(&data(Mid::OPEN_AT, count, &payload(&OpenReply { fd: FD })));
    });
    let opened = client.call(&Call::WAITING, &OpenAt { fd: FD, flags: 0 }).map(|answer| answer.fds.len());
    (client, serving.join().expect("it answered"), opened)
}

#[test]
fn descriptors_that_are_announced_and_did_not_come_are_none() {
    for count in [1, 2, 8] {
        let (client, _raw, opened) = open(count, |_| ());
        assert_eq!((opened, client.ended()), (Ok(0), None), "{count}");
    }
    // A socket at its end has none, either. (One that is closed is a peer that has gone.)
    let (mut client, raw) = channel();
    rustix::net::shutdown(&raw.socket, rustix::net::Shutdown::Write).expect("its end");
    let serving = answers(raw, |raw| {
        raw.pass_whole(&data(Mid::OPEN_AT, 2, &payload(&OpenReply { fd: FD })));
    });
    let opened = client.call(&Call::WAITING, &OpenAt { fd: FD, flags: 0 }).map(|answer| answer.fds.len());
    assert_eq!(opened, Ok(0));
    drop(serving.join());
}

#[test]
fn more_descriptors_announced_than_any_message_has_end_the_channel() {
    for count in [9, 100, 255] {
        let (client, _raw, opened) = open(count, |_| ());
        assert_eq!((opened, client.ended()), (Err(Errno::Io.into()), Some(Violation::Descriptors.into())));
    }
}

#[test]
fn descriptors_in_a_flood_are_closed_and_end_the_channel_where_they_are_too_many_at_once() {
    for (at_once, expected) in [(8, Ok(1)), (64, Err(Errno::Io.into()))] {
        let watched = Watched::new();
        let (read, fds) = (watched.fds(1)[0].try_clone_to_owned().expect("duplicated"), watched);
        let closed = {
            let (client, raw, opened) = open(2, move |raw| {
                // As many as the socket takes: nobody takes them but with answers.
                while raw.send_fds(&vec![read.as_fd(); at_once]).is_ok() {}
            });
            assert_eq!((opened, client.ended().is_none()), (expected, expected.is_ok()), "{at_once}");
            drop((client, raw));
            fds.sent()
        };
        assert!(all_closed(&closed), "{at_once}");
    }
}

#[test]
fn channel_of_memory_or_sockets_that_are_none_is_refused_and_the_connection_goes_on() {
    let (good, seals) = (WINDOW as u64, SealFlags::SHRINK);
    let memories: Vec<(OwnedFd, i64, u64)> = vec![
        (memory(WINDOW, SealFlags::empty()), 0, good),
        (memory(WINDOW, SealFlags::GROW), 0, good),
        (memory(WINDOW - 4096, seals), 0, good),
        (memory(0, seals), 0, good),
        (memory(WINDOW, seals), 4096, good),
        (memory(2 * WINDOW, seals), 100, good),
        (memory(WINDOW, seals), -4096, good),
        (memory(WINDOW, seals), i64::MIN, good),
        (memory(WINDOW, seals), i64::MAX, good),
        (memory(WINDOW, seals), i64::MAX - 4095, u64::MAX),
        (memory(WINDOW, seals), 0, good - 1),
        (memory(WINDOW, seals), 0, 0),
        (memory(WINDOW, seals | SealFlags::WRITE), 0, good),
        (memory(WINDOW, seals | SealFlags::FUTURE_WRITE), 0, good),
        (tempfile::tempfile().expect("a file").into(), 0, good),
        (std::io::pipe().expect("a pipe").0.into(), 0, good),
        (std::fs::File::open("/dev/zero").expect("open").into(), 0, good),
        (std::fs::File::open("/").expect("open").into(), 0, good),
    ];
    for (index, (fd, offset, length)) in memories.iter().enumerate() {
        let (_ours, theirs) = sockets(SocketType::SEQPACKET);
        refused(ChannelReply { offset: *offset, length: *length }, &[fd.as_fd(), theirs.as_fd()], index);
    }
    let fd = memory(WINDOW, seals);
    let reply = ChannelReply { offset: 0, length: good };
    let (stream, _other) = sockets(SocketType::STREAM);
    let (datagram, _other) = sockets(SocketType::DGRAM);
    let pipe = std::io::pipe().expect("a pipe").0;
    for (index, other) in [stream.as_fd(), datagram.as_fd(), pipe.as_fd(), fd.as_fd()].into_iter().enumerate() {
        refused(reply, &[fd.as_fd(), other], index);
    }
    refused(reply, &[fd.as_fd()], 0);
    refused(reply, &[], 0);
    let (_ours, theirs) = sockets(SocketType::SEQPACKET);
    refused(reply, &[theirs.as_fd(), fd.as_fd()], 0);
}

/// An answer that gives no channel, of a connection that goes on.
fn refused(reply: ChannelReply, fds: &[rustix::fd::BorrowedFd<'_>], which: usize) {
    let (channel, mut client, mut peer) = asked(reply, fds, || Call::WAITING);
    assert_eq!((channel.err(), client.ended()), (Some(Errno::Io.into()), None), "case {which}");
    peer.write_all(&frame(Mid::F_STAT, &&Statx::default())).expect("sent");
    assert!(client.call(&Call::WAITING, &FStat { fd: FD }).is_ok());
    assert_eq!(read_frame(&mut peer).0, Mid::F_STAT);
}

#[test]
fn window_that_is_announced_larger_than_messages_are_is_mapped_no_further() {
    // The memory is no longer than a message takes, whatever is said of it.
    let fd = memory(WINDOW, SealFlags::SHRINK);
    let (_ours, theirs) = sockets(SocketType::SEQPACKET);
    let reply = ChannelReply { offset: 0, length: 1 << 40 };
    let soon = || Call { deadline: Some(Instant::now() + Duration::from_millis(20)), ..Call::WAITING };
    let window = crate::sys::SharedMemory::map(fd.as_fd(), 0, WINDOW).expect("mapped");
    // Until the window was used: a call can end before its answer is looked at.
    while window.word(0).expect("a word").load(Ordering::SeqCst) == CLIENT {
        let (channel, ..) = asked(reply, &[fd.as_fd(), theirs.as_fd()], soon);
        assert_eq!(channel.err(), Some(Errno::Timedout.into()));
    }
}

#[test]
fn memory_of_a_server_can_be_neither_cut_off_nor_grown_nor_sealed_by_its_client() {
    let (_server, _raw, fd) = served();
    for length in [0, 1, 4096, WINDOW as u64 - 1, WINDOW as u64 + 1, 1 << 40] {
        assert_eq!(ftruncate(&fd, length), Err(OsErrno::PERM));
    }
    assert_eq!(fcntl_add_seals(&fd, SealFlags::FUTURE_WRITE), Err(OsErrno::PERM));
}

#[test]
fn request_that_announces_descriptors_ends_the_channel() {
    let (mut server, raw, _fd) = greet();
    raw.pass_whole(&data(Mid::F_STAT, 1, &payload(&FStat { fd: FD })));
    assert_eq!(server.serve(&Call::WAITING, unheard), Err(Violation::Descriptors.into()));
}

#[test]
fn descriptors_of_a_client_stay_in_its_socket_and_are_closed_with_the_channel() {
    let (mut server, raw, _fd) = greet();
    let watched = Watched::new();
    let mut sent = 0;
    while raw.send_fds(&watched.fds(60)).is_ok() {
        sent += 60;
    }
    assert!((60..100_000).contains(&sent), "{sent}");
    raw.pass_whole(&data(Mid::F_STAT, 0, &payload(&FStat { fd: FD })));
    assert_eq!(server.serve(&Call::WAITING, handle), Ok(true));
    let closed = watched.sent();
    assert!(!all_closed(&closed));
    drop(server);
    assert!(all_closed(&closed));
}

#[test]
fn client_that_takes_no_descriptors_ends_its_channel() {
    let (mut server, raw, _fd) = greet();
    let watched = Watched::new();
    let mut served = Ok(true);
    let mut rounds = 0;
    while served == Ok(true) {
        raw.pass_whole(&data(Mid::OPEN_AT, 0, &payload(&OpenAt { fd: FD, flags: 0 })));
        served = server.serve(&Call::WAITING, |_, to| {
            OpenReply { fd: FD }.encode(to).map_err(|_| Errno::Overflow)?;
            Ok(watched.fds(1).into_iter().collect())
        });
        rounds += 1;
        assert!(rounds < 100_000, "somebody takes them");
    }
    assert_eq!(served, Err(TransportError::Os(Errno::Again)));
    assert_eq!(raw.word(), NOBODY);
    drop(raw);
    assert!(all_closed(&watched.sent()));
}

/// A simple generator (xorshift), so that a failing run can be repeated by its seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// Writes anything anywhere into a window until it is told to stop: mostly into its head, where it does most harm.
fn scribble(memory: &crate::sys::SharedMemory, seed: u64, stop: &AtomicBool) {
    let mut random = Random(seed);
    while !stop.load(Ordering::Relaxed) {
        let (what, value) = (random.next(), random.next());
        let small = u32::try_from(value % 200).expect("small");
        match what % 16 {
            0 => memory.word(0).expect("a word").store(small % 4, Ordering::Relaxed),
            1..=3 => memory.word(4).expect("a word").store(small, Ordering::Relaxed),
            4 => memory.word(4).expect("a word").store(u32::try_from(value >> 32).expect("half"), Ordering::Relaxed),
            5..=9 => assert!(memory.write(16, &value.to_le_bytes()[..4])),
            _ => assert!(memory.write(16 + (what >> 8) as usize % 300, &value.to_le_bytes())),
        }
        for _ in 0..what % 64 {
            std::hint::spin_loop();
        }
    }
}

#[test]
fn both_ends_with_a_third_one_that_writes_anything_end_with_errnos_and_neither_hangs() {
    let (mut answers, mut errors) = (0u64, 0u64);
    for round in 0..100 {
        let (mut client, mut peer) = super::kit::client();
        let new = Server::new_channel(super::raw::LIMIT).expect("a channel");
        let memory = crate::sys::SharedMemory::map(new.fds[0].as_fd(), 0, WINDOW).expect("mapped");
        super::kit::send_with(&peer, &frame(Mid::CHANNEL, &new.reply), &[new.fds[0].as_fd(), new.fds[1].as_fd()]);
        drop(new.fds);
        let mut server = new.server;
        let (go, stop) = (Arc::new(AtomicBool::new(round % 4 == 0)), Arc::new(AtomicBool::new(false)));
        let serving = std::thread::spawn(move || while let Ok(true) = server.serve(&Call::WAITING, handle) {});
        let (going, stopped) = (Arc::clone(&go), Arc::clone(&stop));
        let scribbling = std::thread::spawn(move || {
            // Mostly behind the hello, of which little is left else.
            while !going.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            scribble(&memory, 0x9e37_79b9 + round, &stopped);
        });
        let soon = || Call { deadline: Some(Instant::now() + Duration::from_millis(20)), ..Call::WAITING };
        let opened = client.open_channel(&soon());
        go.store(true, Ordering::Relaxed);
        if let Ok(mut channel) = opened {
            for _ in 0..200 {
                let stat = channel.call(&soon(), &FStat { fd: FD }).map(|_| ());
                let read = channel.call(&soon(), &PRead { offset: 0, fd: FD, count: 1000 }).map(|_| ());
                for outcome in [stat, read] {
                    match outcome {
                        Ok(()) => answers += 1,
                        Err(Error::Errno(_)) => errors += 1,
                        Err(other) => panic!("{other:?}"),
                    }
                }
            }
        }
        read_frame(&mut peer);
        stop.store(true, Ordering::Relaxed);
        scribbling.join().expect("it stops");
        // The client's end is closed: the server sees that, whatever the window says.
        serving.join().expect("it ends");
    }
    // Else nobody wrote into anything.
    assert!(answers > 0 && errors > 0, "{answers} answers, {errors} errors");
    eprintln!("{answers} answers, {errors} errors");
}
