//! The connection: messages and descriptors go through it, and what is opened inside serves outside.

use crate::escapes::world::{at, call, number, path};
use crate::start::{Place, Who};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Stdio;
use std::sync::{Mutex, OnceLock};
use wasi_gofer::abi::{Call, Errno};
use wasi_gofer::proto::lisafs::{Encode, FStat, FdId, Mid, OpenAt, OpenReply, Statx, Writer};
use wasi_gofer::transport::Stream;
use wasi_gofer::transport::lisafs::{Client, Incoming, Server};

/// The connection, which came as the standard input, under a number of its own.
static KEPT: OnceLock<OwnedFd> = OnceLock::new();

/// The library's end of the connection, for which it is prepared outside.
static SERVER: OnceLock<Mutex<Server>> = OnceLock::new();

const MAX_MESSAGE: u32 = 64 * 1024;

/// In the child, before it enters: the descriptor that is to be kept.
pub(crate) fn prepare(act: &str) -> Option<BorrowedFd<'static>> {
    use std::os::fd::AsFd;
    if !["answer", "accept", "channel"].contains(&act) {
        return None;
    }
    let stdin = std::io::stdin();
    let kept = stdin.as_fd().try_clone_to_owned().expect("duplicated");
    if act == "channel" {
        let stream = Stream::new(kept).expect("a connection");
        let number = stream.as_fd().as_raw_fd();
        SERVER.set(Mutex::new(Server::new(stream, MAX_MESSAGE))).expect("once");
        // SAFETY: what is in there is never closed.
        return Some(unsafe { BorrowedFd::borrow_raw(number) });
    }
    Some(KEPT.get_or_init(|| kept).as_fd())
}

/// `struct msghdr` of one buffer, and one descriptor or none.
fn message(io: &[usize; 2], control: &mut [usize; 3]) -> [usize; 7] {
    let length = if control[0] == 0 { 0 } else { size_of_val(control) };
    [0, 0, io.as_ptr() as usize, 1, control.as_mut_ptr() as usize, length, 0]
}

/// `struct cmsghdr` of one descriptor (`SOL_SOCKET`, `SCM_RIGHTS`).
fn rights(fd: i32) -> [usize; 3] {
    [20, 1 | (1 << 32), number(fd)]
}

fn receive(socket: i32) -> (Vec<u8>, Option<i32>) {
    let mut bytes = [0u8; 64];
    let io = [bytes.as_mut_ptr() as usize, bytes.len()];
    let mut control = rights(-1);
    let mut header = message(&io, &mut control);
    let flags = number(libc::MSG_CMSG_CLOEXEC);
    let length = call(libc::SYS_recvmsg, &[number(socket), header.as_mut_ptr() as usize, flags]).expect("received");
    // The kernel says how much of it there is.
    let came = (header[5] > 0).then(|| i32::try_from(control[2] & 0xffff_ffff).expect("a descriptor"));
    (bytes[..length].to_vec(), came)
}

fn send(socket: i32, bytes: &[u8], fd: Option<i32>) {
    let io = [bytes.as_ptr() as usize, bytes.len()];
    let mut control = fd.map_or([0; 3], rights);
    let mut header = message(&io, &mut control);
    let flags = number(libc::MSG_NOSIGNAL);
    let sent = call(libc::SYS_sendmsg, &[number(socket), header.as_mut_ptr() as usize, flags]);
    assert_eq!(sent, Ok(bytes.len()));
}

/// In the jail: opens what it is asked for, and gives it out; then memory that both share.
pub(crate) fn answer(root: &OwnedFd) {
    let socket = KEPT.get().expect("prepared").as_raw_fd();
    let poll = [number(socket) | (1 << 32)];
    assert_eq!(call(libc::SYS_ppoll, &[poll.as_ptr() as usize, 1, 0, 0, 8]), Ok(1));
    let (name, _) = receive(socket);
    let name = path(name);
    let flags = number(libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW | libc::O_CLOEXEC);
    let file = call(libc::SYS_openat, &[number(root.as_raw_fd()), at(&name), flags, 0o644]).expect("made");
    let inside = b"from inside";
    assert_eq!(call(libc::SYS_pwrite64, &[file, inside.as_ptr() as usize, inside.len(), 0]), Ok(inside.len()));
    send(socket, b"file", Some(i32::try_from(file).expect("a descriptor")));

    let name = path("channel");
    // MFD_CLOEXEC | MFD_ALLOW_SEALING; F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW.
    let memory = call(libc::SYS_memfd_create, &[at(&name), 3]).expect("made");
    call(libc::SYS_ftruncate, &[memory, 4096]).expect("set");
    call(libc::SYS_fcntl, &[memory, number(libc::F_ADD_SEALS), 7]).expect("sealed");
    let (both, shared) = (number(libc::PROT_READ | libc::PROT_WRITE), number(libc::MAP_SHARED));
    let window = call(libc::SYS_mmap, &[0, 4096, both, shared, memory, 0]).expect("mapped");
    // FUTEX_WAKE without the private flag, as for another process.
    assert_eq!(call(libc::SYS_futex, &[window, 1, 1, 0, 0, 0]), Ok(0));
    send(socket, b"memory", Some(i32::try_from(memory).expect("a descriptor")));
    println!("answered: both");
}

fn file(fd: Option<i32>) -> File {
    // SAFETY: it has just come with a message, and nobody else knows of it.
    unsafe { File::from_raw_fd(fd.expect("one came")) }
}

fn a_connection_that_is_kept_carries_messages_and_descriptors() {
    for who in Who::all() {
        for without in ["", "namespaces"] {
            let place = Place::new(*who);
            let (ours, theirs) = UnixStream::pair().expect("made");
            let mut start = place.child("answer");
            start.command.stdin(Stdio::from(OwnedFd::from(theirs)));
            let start = if without.is_empty() { start } else { start.with("WITHOUT", without) };
            let child = start.spawn();
            send(ours.as_raw_fd(), b"wanted", None);
            let (word, fd) = receive(ours.as_raw_fd());
            let mut given = file(fd);
            let mut text = String::new();
            given.read_to_string(&mut text).expect("readable outside");
            assert_eq!((word.as_slice(), text.as_str()), (&b"file"[..], "from inside"), "{who:?}");
            // What landlock says of a file stays with its descriptor: it may be written and cut.
            given.write_all(b", and outside").expect("writable");
            given.set_len(4).expect("cut");
            assert_eq!(std::fs::read(place.export().join("wanted")).expect("there"), b"from");
            let (word, fd) = receive(ours.as_raw_fd());
            assert_eq!((word.as_slice(), file(fd).metadata().expect("open").len()), (&b"memory"[..], 4096));
            let output = child.wait_with_output().expect("ours");
            assert!(output.status.success(), "{output:?}");
        }
    }
}

/// In the jail: makes the channels that it is asked for, and serves each by a thread.
pub(crate) fn channel(root: &'static OwnedFd) {
    let mut server = SERVER.get().expect("prepared").lock().expect("ours");
    let mut threads = Vec::new();
    let make = |_: Incoming<'_>, to: &mut Writer<'_>| {
        let new = Server::new_channel(MAX_MESSAGE)?;
        let mut channel = new.server;
        threads.push(std::thread::spawn(move || {
            while channel.serve(&Call::WAITING, |incoming, to| answer_stat_or_open(root, incoming, to)) == Ok(true) {}
        }));
        new.reply.encode(to).map_err(|_| Errno::Overflow)?;
        Ok(new.fds)
    };
    let mut make = make;
    while server.serve(&Call::WAITING, &mut make) == Ok(true) {}
    let served = threads.len();
    threads.into_iter().for_each(|thread| thread.join().expect("it ends with its client"));
    println!("channels: {served}");
}

/// To a stat the number that was asked about, to an open the root.
fn answer_stat_or_open(
    root: &'static OwnedFd,
    incoming: Incoming<'_>,
    to: &mut Writer<'_>,
) -> Result<smallvec::SmallVec<[&'static OwnedFd; 2]>, Errno> {
    let overflow = |_| Errno::Overflow;
    if incoming.mid == Mid::OPEN_AT {
        OpenReply { fd: FdId::new(5) }.encode(to).map_err(overflow)?;
        return Ok([root].into_iter().collect());
    }
    let asked = wasi_gofer::proto::lisafs::decode::<FStat>(incoming.payload).map_err(|error| error.answer())?;
    (&Statx { ino: asked.fd.get().into(), ..Statx::default() }).encode(to).map_err(overflow)?;
    Ok(smallvec::SmallVec::new())
}

fn channels_that_are_made_in_the_jail_carry_messages_and_descriptors() {
    for who in Who::all() {
        let place = Place::new(*who);
        let (ours, theirs) = UnixStream::pair().expect("made");
        let mut start = place.child("channel").with("THREADS", 4);
        start.command.stdin(Stdio::from(OwnedFd::from(theirs)));
        let child = start.spawn();
        let mut client = Client::new(Stream::new(ours.into()).expect("a connection"));
        let mut channels: Vec<_> = (0..2).map(|_| client.open_channel(&Call::WAITING).expect("a channel")).collect();
        // Long enough for the threads in the jail to look whether their client is still there.
        std::thread::sleep(std::time::Duration::from_millis(120));
        for (number, channel) in (0..100).flat_map(|number| [(number, 0), (number, 1)]) {
            let stat = channels[channel].call(&Call::WAITING, &FStat { fd: FdId::new(number) }).expect("answered");
            assert_eq!(stat.message.ino.get(), number);
        }
        let opened = channels[1].call(&Call::WAITING, &OpenAt { fd: FdId::new(1), flags: 0 }).expect("opened");
        assert_eq!(opened.fds.len(), 1);
        drop((client, channels));
        let output = child.wait_with_output().expect("ours");
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && told.contains("channels: 2"), "{who:?}: {output:?}");
    }
}

/// In the jail: accepts a connection, and says who it is.
pub(crate) fn accept() {
    let listener = KEPT.get().expect("prepared").as_raw_fd();
    let flags = number(libc::SOCK_CLOEXEC);
    let socket = call(libc::SYS_accept4, &[number(listener), 0, 0, flags]).expect("accepted");
    let (mut peer, mut length) = ([0u32; 3], 12u32);
    let pointers = (peer.as_mut_ptr() as usize, &raw mut length as usize);
    let of = number(libc::SOL_SOCKET);
    call(libc::SYS_getsockopt, &[socket, of, number(libc::SO_PEERCRED), pointers.0, pointers.1]).expect("told");
    let slice = [0usize, 50_000];
    let timeout = number(libc::SO_RCVTIMEO);
    call(libc::SYS_setsockopt, &[socket, of, timeout, slice.as_ptr() as usize, 16]).expect("set");
    println!("peer: {}", peer[1]);
}

fn a_listener_that_is_kept_accepts_and_tells_who_it_is() {
    for who in Who::all() {
        let place = Place::new(*who);
        let name = place.outside().join("socket");
        let listener = UnixListener::bind(&name).expect("made");
        let _client = UnixStream::connect(&name).expect("it listens");
        let mut start = place.child("accept").with("LISTENS", 1);
        start.command.stdin(Stdio::from(OwnedFd::from(listener)));
        let ran = start.run();
        let us = rustix::process::geteuid().as_raw();
        // Ids that a namespace has no map for are those of nobody.
        let seen = if *who == Who::User && us == 0 { 65_534 } else { us };
        assert_eq!(ran.told("peer"), Some(seen.to_string().as_str()), "{who:?}: {ran:#?}");
    }
}

crate::tests! {
    a_connection_that_is_kept_carries_messages_and_descriptors
    channels_that_are_made_in_the_jail_carry_messages_and_descriptors
    a_listener_that_is_kept_accepts_and_tells_who_it_is
}
