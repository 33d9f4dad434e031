//! Unix sockets of the export: connecting to the host's, and making some that the host connects to. What gVisor's gofer
//! does too is asserted over it, over the server in this process, and over the program in its jail.

use crate::gofer::{Gofer, name, soon};
use crate::programs::{is_root, of_nobody};
use crate::subject::{Here, Program, Subject, eventually, mounted, start};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::Stdio;
use wasi_gofer::abi::{Errno, Error, FileType, Mode};
use wasi_gofer::proto::lisafs::*;
use wasi_gofer::sidecar::{HostUds, Limits};
use wasi_gofer::transport::Stream;

const STREAM: u32 = 1;
const DATAGRAM: u32 = 2;
const SEQPACKET: u32 = 5;

pub(crate) fn with_sockets() -> Here {
    Here::over(tempfile::tempdir().expect("a directory"), |export| export.host_uds(HostUds::All))
}

fn in_jail(options: &[&str]) -> Program {
    Program::with(&[&["--jail", "require", "--host-uds"], options].concat())
}

/// Binds a socket in the root.
fn bind<S: Subject>(s: &mut S, socket_type: u32, at: &str) -> Result<(Inode, FdId, OwnedFd), Error> {
    let common = CreateCommon::new(s.root(), None, Mode::new(0o751));
    let bind = BindAt { common, socket_type, name: name(at) };
    let ((inode, socket), fds) = s.ask_with_fds(&bind, |reply| (*reply.inode, reply.socket))?;
    let [given] = <[_; 1]>::try_from(fds).expect("one descriptor");
    Ok((inode, socket, given))
}

/// Connects to a name in the root.
fn connect<S: Subject>(s: &mut S, socket_type: u32, at: &str) -> Result<OwnedFd, Error> {
    let fd = s.control(&[at]);
    let connected = s.ask_with_fds(&Connect { fd, socket_type }, |()| ());
    s.done(&Close { fds: &[fd] }).expect("closed");
    let [connected] = <[_; 1]>::try_from(connected?.1).expect("one descriptor");
    Ok(connected)
}

fn accept<S: Subject>(s: &mut S, socket: FdId) -> Result<OwnedFd, Error> {
    let (peer, fds) = s.ask_with_fds(&Accept { socket }, |peer| peer.0.to_vec())?;
    let [taken] = <[_; 1]>::try_from(fds).expect("one descriptor");
    assert!(peer.is_empty());
    Ok(taken)
}

/// Whether a descriptor is readable within some time, which is 0 for what is not to come.
fn is_readable(fd: impl AsFd, milliseconds: i64) -> bool {
    let wait = Timespec { tv_sec: milliseconds / 1000, tv_nsec: milliseconds % 1000 * 1_000_000 };
    let mut polled = [PollFd::new(&fd, PollFlags::IN)];
    poll(&mut polled, Some(&wait)).expect("polled");
    polled[0].revents().contains(PollFlags::IN)
}

/// Waits until nobody listens at a path any more. A process that another test starts has a copy of each descriptor of
/// this one until it runs its program, and with it, for that moment, the listeners that were closed here.
fn nobody_listens(path: &Path) {
    let refused = |error: &std::io::Error| error.kind() == std::io::ErrorKind::ConnectionRefused;
    eventually("the end of a listener", || UnixStream::connect(path).as_ref().is_err_and(refused));
}

/// A name that a program left, which listened there.
fn left_behind(path: &Path) {
    drop(UnixListener::bind(path).expect("bound"));
    nobody_listens(path);
}

fn says(from: OwnedFd, to: OwnedFd) {
    let (from, to) = (UnixStream::from(from), UnixStream::from(to));
    for (mut one, mut other) in [(&from, &to), (&to, &from)] {
        one.set_nonblocking(false).expect("set");
        other.set_nonblocking(false).expect("set");
        one.write_all(b"hello").expect("sent");
        let mut read = [0; 5];
        other.read_exact(&mut read).expect("read");
        assert_eq!(&read, b"hello");
    }
}

/// A socket of packets that listens.
fn packets_at(path: &Path) -> OwnedFd {
    let socket =
        net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).expect("made");
    net::bind(&socket, &SocketAddrUnix::new(path).expect("short")).expect("bound");
    net::listen(&socket, 4).expect("listens");
    socket
}

fn connect_of_each_type_hands_out_the_connection<S: Subject>(s: &mut S) {
    let listener = UnixListener::bind(s.host("stream")).expect("bound");
    let connected = connect(s, STREAM, "stream").expect("connected");
    says(connected, listener.accept().expect("accepted").0.into());
    let packets = packets_at(&s.host("packets"));
    let connected = connect(s, SEQPACKET, "packets").expect("connected");
    says(connected, net::accept(&packets).expect("accepted"));
    let datagrams = UnixDatagram::bind(s.host("datagrams")).expect("bound");
    let connected = UnixDatagram::from(connect(s, DATAGRAM, "datagrams").expect("connected"));
    connected.send(b"hello").expect("sent");
    let mut read = [0; 9];
    assert_eq!(datagrams.recv(&mut read).expect("read"), 5);
    for (kind, at) in [(DATAGRAM, "stream"), (SEQPACKET, "stream"), (STREAM, "datagrams"), (STREAM, "packets")] {
        assert_eq!(connect(s, kind, at).err(), Some(Errno::Prototype.into()), "{kind} {at}");
    }
    assert!(!is_readable(&listener, 0) && !is_readable(&packets, 0));
}

fn connect_to_what_takes_none_is_refused<S: Subject>(s: &mut S) {
    left_behind(&s.host("left"));
    assert_eq!(connect(s, STREAM, "left").err(), Some(Errno::Connrefused.into()));
    std::fs::write(s.host("file"), "").expect("written");
    std::fs::create_dir(s.host("dir")).expect("made");
    symlink("left", s.host("link")).expect("made");
    for at in ["file", "dir", "link"] {
        assert_eq!(connect(s, STREAM, at).err(), Some(Errno::Notsock.into()), "{at}");
    }
    for kind in [0, 3, 4, 6, 10, STREAM | 0o4000, STREAM | 0o2_000_000, u32::MAX] {
        assert_eq!(connect(s, kind, "left").err(), Some(Errno::Nxio.into()), "{kind}");
    }
    // One that was removed is none any more.
    let fd = s.control(&["left"]);
    s.done(&UnlinkAt { dir: s.root(), flags: 0, name: name("left") }).expect("removed");
    assert_eq!(s.done(&Connect { fd, socket_type: STREAM }), Err(Errno::Inval.into()));
}

fn bind_listen_and_accept_take_connections_of_the_host<S: Subject>(s: &mut S) {
    for (kind, at) in [(STREAM, "stream"), (SEQPACKET, "packets")] {
        let (inode, socket, given) = bind(s, kind, at).expect("bound");
        let path = s.host(at);
        let host = path.symlink_metadata().expect("there");
        assert!(host.file_type().is_socket());
        assert_eq!((inode.stat.mode.get(), host.mode() & 0o7777), (0o140_751, 0o751));
        let again = s.stat(inode.control).expect("attributes");
        assert_eq!(again.mode, inode.stat.mode);
        // gVisor's tells of the socket here, and of its name there.
        assert!(!S::IS_OURS || (again.ino.get(), inode.stat.ino.get()) == (host.ino(), host.ino()));
        let socket_type = if kind == STREAM { SocketType::STREAM } else { SocketType::SEQPACKET };
        let from_host = || {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            let ours = net::socket_with(AddressFamily::UNIX, socket_type, flags, None).expect("made");
            net::connect(&ours, &SocketAddrUnix::new(&*path).expect("short")).map(|()| ours)
        };
        // It does not listen yet.
        assert_eq!(from_host().err(), Some(rustix::io::Errno::CONNREFUSED));
        assert_eq!(accept(s, socket).err(), Some(Errno::Inval.into()));
        s.done(&Listen { socket, backlog: 8 }).expect("listens");
        s.done(&Listen { socket, backlog: 4 }).expect("listens as before");
        assert_eq!(accept(s, socket).err(), Some(Errno::Again.into()));
        assert!(!is_readable(&given, 0));
        for _ in 0..3 {
            let ours = from_host().expect("connected");
            assert!(is_readable(&given, 60_000), "a connection is told of");
            says(ours, accept(s, socket).expect("accepted"));
            assert!(!is_readable(&given, 0));
        }
        assert_eq!(accept(s, socket).err(), Some(Errno::Again.into()));
        drop(given);
        s.done(&Close { fds: &[socket, inode.control] }).expect("closed");
        // The name stays, and nobody is there. (gVisor's goes on taking connections, which nobody accepts.)
        let refused = || from_host().err() == Some(rustix::io::Errno::CONNREFUSED);
        match S::IS_OURS {
            true => eventually("the end of a listener", refused),
            false => assert!(!refused()),
        }
        assert!(path.symlink_metadata().expect("there").file_type().is_socket());
        s.done(&UnlinkAt { dir: s.root(), flags: 0, name: name(at) }).expect("removed");
        assert!(path.symlink_metadata().is_err());
    }
}

fn datagrams_of_the_host_come_to_who_bound<S: Subject>(s: &mut S) {
    let (_, socket, given) = bind(s, DATAGRAM, "datagrams").expect("bound");
    UnixDatagram::unbound().expect("made").send_to(b"hello", s.host("datagrams")).expect("sent");
    assert!(is_readable(&given, 60_000));
    let mut read = [0; 9];
    assert_eq!(UnixDatagram::from(given).recv(&mut read).expect("read"), 5);
    assert_eq!(s.done(&Listen { socket, backlog: 1 }), Err(Errno::Opnotsupp.into()));
    assert_eq!(accept(s, socket).err(), Some(Errno::Opnotsupp.into()));
}

fn bind_of_what_cannot_be_makes_nothing<S: Subject>(s: &mut S) {
    for kind in [0, 3, 4, 6, 10, STREAM | 0o4000, STREAM | 0o2_000_000, u32::MAX] {
        assert_eq!(bind(s, kind, "new").err(), Some(Errno::Nxio.into()), "{kind}");
    }
    // No address has room for it.
    assert_eq!(bind(s, STREAM, &"n".repeat(200)).err(), Some(Errno::Inval.into()));
    std::fs::write(s.host("file"), "kept").expect("written");
    let file = s.control(&["file"]);
    let common = CreateCommon::new(file, None, Mode::new(0o700));
    assert_eq!(s.done(&BindAt { common, socket_type: STREAM, name: name("new") }), Err(Errno::Notdir.into()));
    std::fs::create_dir(s.host("dir")).expect("made");
    symlink("new", s.host("dangling")).expect("made");
    for at in ["file", "dir", "dangling"] {
        // gVisor's answers as bind(2) does: EADDRINUSE, which no filesystem has.
        let expected = if S::IS_OURS { Errno::Exist } else { Errno::Io };
        assert_eq!(bind(s, STREAM, at).err(), Some(expected.into()), "{at}");
    }
    let dir = s.control(&["dir"]);
    s.done(&UnlinkAt { dir: s.root(), flags: UNLINK_DIRECTORY, name: name("dir") }).expect("removed");
    let common = CreateCommon::new(dir, None, Mode::new(0o700));
    assert_eq!(s.done(&BindAt { common, socket_type: STREAM, name: name("new") }), Err(Errno::Inval.into()));
    assert_eq!(std::fs::read_dir(s.host("")).expect("listed").count(), 2);
    assert_eq!(std::fs::read(s.host("file")).expect("read"), b"kept");
}

macro_rules! everywhere {
    ($($case:ident)*) => {
        mod here {
            $(#[test]
            fn $case() {
                use super::Subject as _;
                let mut here = super::with_sockets();
                super::$case(&mut here);
                here.finish();
            })*
        }
        mod program {
            $(#[test]
            fn $case() {
                use super::Subject as _;
                let mut program = super::in_jail(&["all"]);
                super::$case(&mut program);
                program.finish();
            })*
        }
        mod user {
            $(#[test]
            fn $case() {
                use super::Subject as _;
                // The other tests are then of such a user.
                if !super::is_root() {
                    return;
                }
                for jail in ["require", "off"] {
                    let mut program = super::of_nobody(&["--jail", jail, "--host-uds=all"]);
                    super::$case(&mut program);
                    program.finish();
                }
            })*
        }
        mod gvisor {
            $(#[test]
            fn $case() {
                use super::Subject as _;
                let Some(mut gofer) = super::Gofer::begin(stringify!($case)) else { return };
                super::$case(&mut gofer);
                gofer.finish();
            })*
        }
    };
}

everywhere! {
    connect_of_each_type_hands_out_the_connection
    connect_to_what_takes_none_is_refused
    bind_listen_and_accept_take_connections_of_the_host
    datagrams_of_the_host_come_to_who_bound
    bind_of_what_cannot_be_makes_nothing
}

#[test]
fn connect_where_as_many_wait_as_may_is_again_at_once() {
    let mut s = with_sockets();
    let listener = UnixListener::bind(s.host("full")).expect("bound");
    net::listen(&listener, 1).expect("listens");
    let mut waiting = Vec::new();
    let refused = loop {
        match connect(&mut s, STREAM, "full") {
            Ok(connected) => waiting.push(connected),
            Err(error) => break error,
        }
        assert!(waiting.len() < 10);
    };
    assert_eq!(refused, Errno::Again.into());
    let root = s.root;
    assert!(s.stat(root).is_ok());
    s.finish();
}

#[test]
fn pipe_where_a_socket_was_is_no_socket_and_nothing_waits() {
    let mut here = with_sockets();
    left_behind(&here.host("s"));
    let fd = here.control(&["s"]);
    std::fs::remove_file(here.host("s")).expect("removed");
    rustix::fs::mknodat(rustix::fs::CWD, here.host("s"), rustix::fs::FileType::Fifo, 0o600.into(), 0).expect("made");
    assert_eq!(here.done(&Connect { fd, socket_type: STREAM }), Err(Errno::Stale.into()));
    assert_eq!(connect(&mut here, STREAM, "s").err(), Some(Errno::Notsock.into()));
    here.finish();
}

#[test]
fn accept_never_waits_whatever_its_client_does_to_what_it_was_given() {
    let mut here = with_sockets();
    let (_, socket, given) = bind(&mut here, STREAM, "s").expect("bound");
    here.done(&Listen { socket, backlog: 8 }).expect("listens");
    let flags = fcntl_getfl(&given).expect("told");
    fcntl_setfl(&given, flags - OFlags::NONBLOCK).expect("set");
    // It is no socket, so there is nothing else to be changed about one.
    assert_eq!(net::accept(&given).err(), Some(rustix::io::Errno::NOTSOCK));
    assert_eq!(net::listen(&given, 1 << 30).err(), Some(rustix::io::Errno::NOTSOCK));
    for _ in 0..1000 {
        assert_eq!(accept(&mut here, socket).err(), Some(Errno::Again.into()));
    }
    let mut channel = here.client.open_channel(&soon()).expect("a channel");
    assert_eq!(channel.call(&soon(), &Accept { socket }).err(), Some(Errno::Again.into()));
    drop(channel);
    here.finish();
}

#[test]
fn listen_with_a_huge_backlog_has_no_more_wait_than_the_bound() {
    // A client has a descriptor for each connection that waits.
    let descriptors = crate::descriptors::raise_limit();
    if descriptors < 2048 {
        return eprintln!("no more than {descriptors} descriptors: the bound of backlogs is SKIPPED");
    }
    let somaxconn = std::fs::read_to_string("/proc/sys/net/core/somaxconn").expect("told");
    let most = somaxconn.trim().parse::<usize>().expect("a number").min(1024) + 1;
    let mut here = with_sockets();
    for (at, backlog) in [("most", i32::MAX), ("negative", -1)] {
        let (_, socket, _given) = bind(&mut here, STREAM, at).expect("bound");
        here.done(&Listen { socket, backlog }).expect("listens");
        let address = SocketAddrUnix::new(here.host(at)).expect("short");
        let mut waiting = Vec::new();
        let refused = loop {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            let ours = net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).expect("made");
            match net::connect(&ours, &address) {
                Ok(()) => waiting.push(ours),
                Err(error) => break error,
            }
            assert!(waiting.len() <= most);
        };
        assert_eq!((refused, waiting.len()), (rustix::io::Errno::AGAIN, most));
    }
    here.finish();
}

#[test]
fn flood_of_bound_sockets_is_mfile_at_the_bound_of_a_connection_and_nfile_at_that_of_all() {
    let budget = wasi_gofer::backend::directfs::FdBudget::new(10);
    let mut here = Here::over(tempfile::tempdir().expect("a directory"), |export| {
        let limits = Limits { opens: 6, ..Limits::default() };
        export.limits(limits).budget(budget.clone()).host_uds(HostUds::All)
    });
    let bound: Vec<_> = (0..6).map(|at| bind(&mut here, STREAM, &format!("s{at}")).expect("bound")).collect();
    assert_eq!(bind(&mut here, STREAM, "more").err(), Some(Errno::Mfile.into()));
    assert_eq!(bind(&mut here, DATAGRAM, "more").err(), Some(Errno::Mfile.into()));
    let root = here.root;
    assert_eq!(here.done(&OpenAt { fd: root, flags: 0 }), Err(Errno::Mfile.into()));
    assert_eq!(here.server.taken(), "6 nodes, 12 open files");
    // Twice the budget are for all; those that listen have two descriptors each.
    let (mut other, root) = here.another();
    let common = CreateCommon::new(root, None, Mode::new(0o700));
    let mut results = Vec::new();
    for at in 0..5 {
        let at = format!("t{at}");
        let request = BindAt { common, socket_type: STREAM, name: name(&at) };
        results.push(other.call(&soon(), &request).map(|_| ()));
    }
    assert!(results[..4].iter().all(Result::is_ok) && results[4] == Err(Errno::Nfile.into()), "{results:?}");
    assert_eq!(std::fs::read_dir(here.host("")).expect("listed").count(), 10);
    here.done(&Close { fds: &[bound[0].1] }).expect("closed");
    assert!(other.call(&soon(), &BindAt { common, socket_type: STREAM, name: name("room") }).is_ok());
    drop(other);
    here.finish();
}

#[test]
fn sockets_of_a_connection_that_ends_end_with_it() {
    let mut here = with_sockets();
    let stream = here.server.connect().expect("connected");
    let (mut other, root) = mounted(stream);
    let common = CreateCommon::new(root, None, Mode::new(0o700));
    let bind = BindAt { common, socket_type: STREAM, name: name("s") };
    let answer = other.call(&soon(), &bind).expect("bound");
    let (socket, given) = (answer.message.socket, answer.fds.into_iter().next().expect("one"));
    other.call(&soon(), &Listen { socket, backlog: 4 }).expect("listens");
    // A number of one connection is nothing to another.
    assert_eq!(here.done(&Accept { socket }), Err(Errno::Badf.into()));
    let mut waiting = UnixStream::connect(here.host("s")).expect("connected");
    assert!(is_readable(&given, 60_000));
    drop(other);
    // Also for who keeps what he was given.
    assert!(waiting.read(&mut [0]).map_or(true, |length| length == 0));
    eventually("the end", || here.server.taken() == "0 nodes, 0 open files");
    nobody_listens(&here.host("s"));
    assert!(!is_readable(&given, 0));
    here.finish();
}

#[test]
fn name_that_looks_abstract_is_a_name_in_the_directory() {
    // Without a network namespace of its own, so that the names of it would be seen here.
    let mut program = in_jail(&["all", "--jail", "off"]);
    let (_, socket, _given) = bind(&mut program, STREAM, "@wasi-gofer-abstract").expect("bound");
    program.done(&Listen { socket, backlog: 4 }).expect("listens");
    let name = SocketAddrUnix::new_abstract_name(b"wasi-gofer-abstract").expect("short");
    let ours = net::socket(AddressFamily::UNIX, SocketType::STREAM, None).expect("made");
    assert_eq!(net::connect(&ours, &name), Err(rustix::io::Errno::CONNREFUSED));
    UnixStream::connect(program.host("@wasi-gofer-abstract")).expect("connected");
    program.finish();
}

/// What a connection is told by `who` is at its other end.
fn answers_as(listener: UnixListener, who: &'static [u8]) {
    std::thread::spawn(move || {
        for peer in listener.incoming() {
            // One that has gone does not hear it.
            let _ = peer.expect("accepted").write_all(who);
        }
    });
}

/// Connects to `export/s` while somebody swaps it for a link, and looks who is there.
fn connects_while_swapped<S: Subject>(s: &mut S, link_to: &Path) {
    answers_as(UnixListener::bind(s.host("s")).expect("bound"), b"right");
    symlink(link_to, s.host("l")).expect("made");
    let (one, other) = (s.host("s"), s.host("l"));
    let stop = std::sync::atomic::AtomicBool::new(false);
    let (mut right, mut refused) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let swap = rustix::fs::RenameFlags::EXCHANGE;
                rustix::fs::renameat_with(rustix::fs::CWD, &one, rustix::fs::CWD, &other, swap).expect("swapped");
            }
        });
        let tried = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut attempts = crate::races::Attempts::default();
            while attempts.go_on(right > 0 && refused > 0) {
                let Ok((WalkStatus::Complete, found)) = s.walk(s.root(), &["s"]) else { continue };
                let fd = found[0].control;
                match s.ask_with_fds(&Connect { fd, socket_type: STREAM }, |()| ()) {
                    Ok((_, fds)) => {
                        let peer = UnixStream::from(fds.into_iter().next().expect("one"));
                        peer.set_nonblocking(false).expect("set");
                        let mut word = [0; 5];
                        (&peer).read_exact(&mut word).expect("told");
                        assert_eq!(&word, b"right");
                        right += 1;
                    }
                    Err(error) => {
                        let expected = [Errno::Notsock, Errno::Stale, Errno::Loop, Errno::Again];
                        assert!(expected.iter().any(|errno| error == (*errno).into()), "{error:?}");
                        refused += 1;
                    }
                }
                s.done(&Close { fds: &[fd] }).expect("closed");
            }
        }));
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        tried.unwrap_or_else(|failure| std::panic::resume_unwind(failure));
    });
    assert!(right > 0 && refused > 0, "{right} {refused}");
}

#[test]
fn connect_to_a_socket_swapped_for_a_link_never_follows_it() {
    let outside = tempfile::tempdir().expect("a directory");
    let path = outside.path().join("secret");
    answers_as(UnixListener::bind(&path).expect("bound"), b"wrong");
    let mut here = with_sockets();
    connects_while_swapped(&mut here, &path);
    here.finish();
    // In the jail there is no such path; there the link leads to another socket of the export.
    for inside in [false, true] {
        let mut program = in_jail(&["all"]);
        answers_as(UnixListener::bind(program.host("other")).expect("bound"), b"wrong");
        connects_while_swapped(&mut program, if inside { Path::new("other") } else { &path });
        program.finish();
    }
}

#[test]
fn bind_below_a_directory_swapped_for_a_link_never_leaves() {
    crate::races::while_swapped(
        |export| export.host_uds(HostUds::All),
        |here, outside| {
            let (root, mut made) = (here.root, 0);
            let mut attempts = crate::races::Attempts::default();
            while attempts.go_on(made > 0) {
                let Ok((WalkStatus::Complete, found)) = here.walk(root, &["d"]) else { continue };
                let dir = found[0].control;
                let common = CreateCommon::new(dir, None, Mode::new(0o700));
                let bind = BindAt { common, socket_type: STREAM, name: name("x") };
                if let Ok(bound) = here.ask(&bind, |reply| (reply.inode.control, reply.socket)) {
                    here.done(&Close { fds: &[bound.0, bound.1] }).expect("closed");
                    made += 1;
                }
                let _ = here.done(&UnlinkAt { dir, flags: 0, name: name("x") });
                here.done(&Close { fds: &[dir] }).expect("closed");
                assert!(!outside.join("x").exists());
            }
            assert!(made > 0);
        },
    );
}

#[test]
fn options_give_what_they_say_and_the_jail_has_the_calls_for_that() {
    for (option, opens, creates) in
        [("none", false, false), ("open", true, false), ("create", false, true), ("all", true, true)]
    {
        for read_only in [false, true] {
            let dir = tempfile::tempdir().expect("a directory");
            let listener = UnixListener::bind(dir.path().join("s")).expect("bound");
            let ro: &[&str] = if read_only { &["--ro"] } else { &[] };
            let options = [&["--jail", "require", "--host-uds", option], ro].concat();
            let (child, socket) = start(dir.path(), &options, Stdio::null());
            let mut client = wasi_gofer::transport::lisafs::Client::new(Stream::new(socket.into()).expect("a stream"));
            let mount = client.mount(&soon()).expect("mounted");
            let root = mount.root.control;
            let offered = client.offered();
            let mut program = Program { client, root, child, dir };
            let creates_here = creates && !read_only;
            // What is refused is offered too.
            for mid in [Mid::CONNECT, Mid::BIND_AT, Mid::LISTEN, Mid::ACCEPT] {
                assert!(offered.has(mid), "{option} {mid:?}");
            }
            assert!(!offered.has(Mid::CONNECT_WITH_CREDS));
            let connected = connect(&mut program, STREAM, "s").map(|_| ());
            assert_eq!(connected, if opens { Ok(()) } else { Err(Errno::Perm.into()) }, "{option}");
            assert_eq!(is_readable(&listener, if opens { 60_000 } else { 0 }), opens);
            let bound = bind(&mut program, STREAM, "new").map(|_| ());
            let expected = match (read_only, creates) {
                (true, _) => Err(Errno::Rofs.into()),
                (false, false) => Err(Errno::Perm.into()),
                (false, true) => Ok(()),
            };
            assert_eq!(bound, expected, "{option}");
            assert_eq!(program.host("new").exists(), creates_here);
            let fd = program.control(&["s"]);
            let as_another = ConnectWithCreds { connect: Connect { fd, socket_type: STREAM }, uid: 0, gid: 0 };
            assert_eq!(program.done(&as_another), Err(Errno::Opnotsupp.into()));
            program.finish();
        }
    }
}

#[test]
fn bound_socket_has_the_owner_that_is_asked_for_or_is_not_there() {
    if !is_root() {
        return;
    }
    let mut program = in_jail(&["create"]);
    let common = CreateCommon { uid: 12, gid: 34, ..CreateCommon::new(program.root, None, Mode::new(0o600)) };
    let bind = BindAt { common, socket_type: STREAM, name: name("s") };
    let stat = program.ask(&bind, |reply| reply.inode.stat).expect("bound").to_stat().expect("attributes");
    assert_eq!((stat.file_type, stat.uid, stat.gid), (FileType::Socket, 12, 34));
    program.finish();
    let mut program = of_nobody(&["--jail=require", "--host-uds=create"]);
    let common = CreateCommon { uid: 0, ..CreateCommon::new(program.root, None, Mode::new(0o600)) };
    assert!(program.done(&BindAt { common, socket_type: STREAM, name: name("s") }).is_err());
    assert!(program.host("s").symlink_metadata().is_err());
    program.finish();
}

#[test]
fn longest_name_of_a_socket_in_the_jail_is_106_bytes() {
    let mut program = in_jail(&["all"]);
    let (longest, longer) = ("n".repeat(106), "n".repeat(107));
    let (_, socket, _given) = bind(&mut program, STREAM, &longest).expect("bound");
    program.done(&Listen { socket, backlog: 1 }).expect("listens");
    let connected = connect(&mut program, STREAM, &longest).expect("connected");
    says(connected, accept(&mut program, socket).expect("accepted"));
    assert_eq!(bind(&mut program, STREAM, &longer).err(), Some(Errno::Inval.into()));
    assert!(program.host(&longer).symlink_metadata().is_err());
    program.finish();
}
