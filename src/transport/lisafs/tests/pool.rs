//! A connection for many threads: its socket and channels.

use super::kit::{cancellable, short};
use super::server::handle;
use crate::abi::{Call, CancelToken, Errno, Error};
use crate::proto::lisafs::*;
use crate::transport::lisafs::{Client, Connections, Server};
use crate::transport::{Stream, TransportError};
use rustix::fd::OwnedFd;
use smallvec::SmallVec;
use std::collections::HashSet;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread::{JoinHandle, ThreadId};
use std::time::{Duration, Instant};
use zerocopy::little_endian::U16;

const FD: FdId = FdId::new(7);
const MAX_MESSAGE: u32 = 64 * 1024;

/// A server with so many channels at most, a thread each.
struct Serving {
    most: usize,
    channels: AtomicUsize,
    /// Who answered a stat.
    answered: Mutex<HashSet<ThreadId>>,
    /// What a stat waits at.
    barrier: Option<Barrier>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Ends the channels.
    leave: CancelToken,
}

fn serve(serving: &Arc<Serving>, mut server: Server) {
    let answer = |incoming: crate::transport::lisafs::Incoming<'_>, to: &mut Writer<'_>| {
        let none = || Ok(SmallVec::<[OwnedFd; 2]>::new());
        match incoming.mid {
            Mid::MOUNT => {
                let mids = [Mid::CHANNEL, Mid::F_STAT].map(|mid| U16::new(mid.0));
                let reply = MountReply { root: &Inode::default(), max_message: MAX_MESSAGE, mids: &mids };
                reply.encode(to).map_err(|_| Errno::Overflow).and_then(|()| none())
            }
            Mid::CHANNEL if serving.channels.load(Ordering::Relaxed) == serving.most => Err(Errno::Nomem),
            Mid::CHANNEL => {
                let new = Server::new_channel(MAX_MESSAGE)?;
                serving.channels.fetch_add(1, Ordering::Relaxed);
                let (of_thread, server) = (Arc::clone(serving), new.server);
                let thread = std::thread::spawn(move || serve(&of_thread, server));
                serving.threads.lock().expect("ours").push(thread);
                new.reply.encode(to).map_err(|_| Errno::Overflow)?;
                Ok(new.fds)
            }
            Mid::F_STAT => {
                serving.answered.lock().expect("ours").insert(std::thread::current().id());
                if let Some(barrier) = &serving.barrier {
                    barrier.wait();
                }
                handle(incoming, to)
            }
            _ => handle(incoming, to),
        }
    };
    // A channel's server has what wakes it.
    let call = match server.waker() {
        Some(_) => Call { cancel: Some(serving.leave.clone()), ..Call::WAITING },
        None => Call::WAITING,
    };
    while let Ok(true) = server.serve(&call, answer) {}
}

/// A connection to a server with `most` channels, whose stats wait until `together` of them are under way.
fn connections(most: usize, together: usize) -> (Connections, Arc<Serving>) {
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    let serving = Arc::new(Serving {
        most,
        channels: AtomicUsize::new(0),
        answered: Mutex::default(),
        barrier: (together > 0).then(|| Barrier::new(together)),
        threads: Mutex::default(),
        leave: CancelToken::new(),
    });
    let (of_thread, server) =
        (Arc::clone(&serving), Server::new(Stream::new(theirs.into()).expect("a stream"), MAX_MESSAGE));
    let thread = std::thread::spawn(move || serve(&of_thread, server));
    serving.threads.lock().expect("ours").push(thread);
    let connections = Connections::new(Client::new(Stream::new(ours.into()).expect("a stream")));
    connections.mount(&Call::WAITING).expect("mounted");
    assert!(connections.offers(Mid::CHANNEL) && !connections.offers(Mid::WALK));
    assert_eq!(connections.limit(), MAX_MESSAGE as usize);
    (connections, serving)
}

fn stat(connections: &Connections, call: &Call, fd: u64) -> Result<u64, Error> {
    connections.call(call, &FStat { fd: FdId::new(fd) }, &[], |answer| answer.message.ino.get())
}

/// The end of a connection: every thread of its server's ends.
fn end(connections: Connections, serving: &Serving) {
    drop(connections);
    loop {
        let Some(thread) = serving.threads.lock().expect("ours").pop() else { break };
        thread.join().expect("it ends");
    }
}

#[test]
fn open_channels_asks_until_the_server_has_no_more() {
    for (most, wanted, expected) in [(0, 4, 0), (1, 4, 1), (2, 2, 2), (4, 3, 3)] {
        let (connections, serving) = connections(most, 0);
        assert_eq!(connections.open_channels(&Call::WAITING, wanted), expected);
        assert_eq!((connections.channels(), connections.ended()), (expected, None));
        for fd in 0..10 {
            assert_eq!(stat(&connections, &Call::WAITING, fd), Ok(fd));
        }
        // One after the other, they all go the same way.
        assert_eq!(serving.answered.lock().expect("ours").len(), 1);
        end(connections, &serving);
    }
}

#[test]
fn calls_at_once_go_over_the_channels_and_the_socket_and_more_wait_for_them() {
    let (connections, serving) = connections(2, 3);
    connections.open_channels(&Call::WAITING, 4);
    std::thread::scope(|scope| {
        for fd in 0..9 {
            let connections = &connections;
            // Answered only because two others are under way too.
            scope.spawn(move || assert_eq!(stat(connections, &Call::WAITING, fd), Ok(fd)));
        }
    });
    assert_eq!(serving.answered.lock().expect("ours").len(), 3);
    end(connections, &serving);
}

#[test]
fn call_that_finds_no_way_ends_with_its_deadline_and_a_way_that_owes_is_taken_last() {
    let (connections, serving) = connections(1, 2);
    assert_eq!(connections.open_channels(&Call::WAITING, 4), 1);
    // Nobody answers one alone.
    let soon = || Call { deadline: Some(Instant::now() + Duration::from_millis(30)), ..Call::WAITING };
    assert_eq!(stat(&connections, &soon(), 1), Err(Errno::Timedout.into()));
    // The channel owes an answer, so this goes over the socket, and both are answered.
    assert_eq!(stat(&connections, &Call::WAITING, 2), Ok(2));
    assert_eq!(serving.answered.lock().expect("ours").len(), 2);
    // And the channel serves again.
    std::thread::scope(|scope| {
        let connections = &connections;
        for fd in 3..5 {
            scope.spawn(move || assert_eq!(stat(connections, &Call::WAITING, fd), Ok(fd)));
        }
    });
    std::thread::scope(|scope| {
        // Both ways are held by calls that wait for each other and a third.
        let held: Vec<_> = (0..2).map(|_| scope.spawn(|| stat(&connections, &Call::WAITING, 9))).collect();
        assert!(held.into_iter().all(|held| held.join().expect("it ends") == Ok(9)));
    });
    assert_eq!(connections.call(&Call::NOT_WAITING, &FStat { fd: FD }, &[], |_| ()), Err(Error::WouldWait));
    end(connections, &serving);
}

#[test]
fn call_while_every_way_is_held_ends_with_its_deadline() {
    // Three have to be under way, and there are two ways.
    let (connections, serving) = connections(1, 3);
    connections.open_channels(&Call::WAITING, 1);
    let soon = || Call { deadline: Some(Instant::now() + Duration::from_millis(300)), ..Call::WAITING };
    std::thread::scope(|scope| {
        let held: Vec<_> = (0..2).map(|_| scope.spawn(|| stat(&connections, &soon(), 9))).collect();
        while serving.answered.lock().expect("ours").len() < 2 {
            std::thread::yield_now();
        }
        assert_eq!(stat(&connections, &short(), 1), Err(Errno::Timedout.into()));
        assert!(held.into_iter().all(|held| held.join().expect("it ends") == Err(Errno::Timedout.into())));
    });
    // So that its threads end.
    serving.barrier.as_ref().expect("there is one").wait();
    end(connections, &serving);
}

#[test]
fn server_that_dies_ends_every_way_and_each_call_is_io() {
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    let mut server = Server::new(Stream::new(theirs.into()).expect("a stream"), MAX_MESSAGE);
    let mut channel = None;
    let connections = Connections::new(Client::new(Stream::new(ours.into()).expect("a stream")));
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| connections.open_channels(&Call::WAITING, 1));
        let answer = |_: crate::transport::lisafs::Incoming<'_>, to: &mut Writer<'_>| {
            let new = Server::new_channel(MAX_MESSAGE)?;
            channel = Some(new.server);
            new.reply.encode(to).map_err(|_| Errno::Overflow)?;
            Ok(new.fds)
        };
        assert_eq!(server.serve(&Call::WAITING, answer), Ok(true));
        let mut channel = channel.take().expect("made");
        let (call, cancel) = cancellable();
        let hello = scope.spawn(move || {
            assert!(channel.serve(&call, super::channel::unheard).is_err());
            channel
        });
        let opened = asking.join();
        // Not before: however late it comes to say hello, somebody waits for that.
        cancel.cancel();
        assert_eq!(opened.expect("it ends"), 1);
        drop((server, hello.join().expect("it ends")));
    });
    // The channel's end says that of the connection.
    for _ in 0..2 {
        assert_eq!(stat(&connections, &Call::WAITING, 1), Err(Errno::Io.into()));
        assert_eq!((connections.channels(), connections.ended()), (0, Some(TransportError::Closed)));
    }
}

#[test]
fn channel_that_ended_before_a_request_leaves_it_to_another_way() {
    for channels in 1..=3 {
        let (connections, serving) = connections(channels, 0);
        assert_eq!(connections.open_channels(&Call::WAITING, 4), channels);
        assert_eq!(stat(&connections, &Call::WAITING, 1), Ok(1));
        // As a server does that is to end: those of its channels that have nothing to do go.
        serving.leave.cancel();
        let threads = std::mem::take(&mut *serving.threads.lock().expect("ours"));
        let (socket, of_channels) = split_first(threads);
        of_channels.into_iter().for_each(|thread| thread.join().expect("it ends"));

        assert_eq!(stat(&connections, &Call::WAITING, 2), Ok(2), "{channels}");

        assert_eq!((connections.channels(), connections.ended()), (0, None), "{channels}");
        drop(connections);
        socket.join().expect("it ends");
    }
}

fn split_first(threads: Vec<JoinHandle<()>>) -> (JoinHandle<()>, Vec<JoinHandle<()>>) {
    let mut threads = threads.into_iter();
    (threads.next().expect("of the socket"), threads.collect())
}
