//! What no guest of WASI asks for, and who embeds the backend may: unix sockets and extended attributes.

use crate::runsc::Runsc;
use crate::subjects::serve_with;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use wasi_gofer::abi::{Call, Errno, Error, FileType, Mode, Name, Result, SocketKind};
use wasi_gofer::backend::lisafs::{LisaFs, LisaFsOptions, LisaNode};
use wasi_gofer::backend::{Backend, Found, Location, Object, XattrHow};
use wasi_gofer::sidecar::{HostUds, Server};

const CALL: &Call = &Call::WAITING;

fn name(name: &str) -> Name<'_> {
    Name::new(name.as_bytes()).expect("a name")
}

/// A mounted directory, and its root.
struct Mounted {
    fs: LisaFs,
    root: Found<LisaNode>,
}

impl Mounted {
    fn new(socket: UnixStream) -> Mounted {
        let fs = LisaFs::connect(socket, LisaFsOptions::default()).expect("mounted");
        let root = fs.root(CALL).expect("a root");
        Mounted { fs, root }
    }

    fn ours(dir: &Path, uds: HostUds, xattrs: bool) -> (Server, Mounted) {
        let (server, socket) = serve_with(dir, |export| export.host_uds(uds).xattrs(xattrs));
        (server, Mounted::new(socket))
    }

    /// Asks about what is at `at`.
    fn on<T>(&self, at: &str, ask: impl FnOnce(Object<'_, LisaNode>) -> Result<T>) -> Result<T> {
        let Found { node, stat } = self.fs.lookup(CALL, &self.root.node, name(at))?;
        let location = Some(Location { dir: &self.root.node, name: name(at) });
        ask(Object { node: &node, location, key: stat.key, file_type: stat.file_type })
    }

    fn connect(&self, at: &str, kind: SocketKind) -> Result<OwnedFd> {
        self.on(at, |object| self.fs.connect_to(CALL, object, kind))
    }
}

/// A word goes both ways.
fn talk(one: UnixStream, other: UnixStream) {
    for (mut from, mut to) in [(&one, &other), (&other, &one)] {
        from.set_nonblocking(false).expect("set");
        to.set_nonblocking(false).expect("set");
        from.write_all(b"hello").expect("sent");
        let mut heard = [0; 5];
        to.read_exact(&mut heard).expect("heard");
        assert_eq!(&heard, b"hello");
    }
}

fn is_readable(fd: impl std::os::fd::AsFd) -> bool {
    poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&Timespec { tv_sec: 20, tv_nsec: 0 })) == Ok(1)
}

fn sockets_talk_both_ways(mounted: &Mounted, dir: &Path) {
    let listener = UnixListener::bind(dir.join("there")).expect("bound");
    let connected = mounted.connect("there", SocketKind::Stream).expect("connected");
    talk(connected.into(), listener.accept().expect("accepted").0);
    assert!(mounted.connect("there", SocketKind::SeqPacket).is_err(), "another kind");
    std::fs::write(dir.join("file"), "").expect("written");
    assert_eq!(mounted.connect("file", SocketKind::Stream).err(), Some(Errno::Notsock.into()));

    let bound = mounted.fs.bind_at(CALL, &mounted.root.node, name("made"), SocketKind::Stream, Mode::new(0o600));
    let (found, socket) = bound.expect("bound");
    assert_eq!(found.stat.file_type, FileType::Socket);
    socket.listen(CALL, 4).expect("listens");
    assert_eq!(socket.accept(CALL).err(), Some(Errno::Again.into()));
    let peer = UnixStream::connect(dir.join("made")).expect("connected");
    assert!(is_readable(socket.readiness().expect("handed out")));
    talk(socket.accept(CALL).expect("accepted").into(), peer);
    let again = mounted.fs.bind_at(CALL, &mounted.root.node, name("made"), SocketKind::Stream, Mode::new(0o600));
    assert!(again.is_err(), "the name is taken");
    assert_eq!(socket.listen(&Call { may_wait: false, ..Call::WAITING }, 1), Err(Error::WouldWait));
}

#[test]
fn sockets_over_our_own_server_talk_both_ways() {
    let dir = tempfile::tempdir().expect("a directory");
    let (_server, mounted) = Mounted::ours(dir.path(), HostUds::All, false);
    sockets_talk_both_ways(&mounted, dir.path());
    let bound = mounted.fs.bind_at(CALL, &mounted.root.node, name("mail"), SocketKind::Datagram, Mode::new(0o600));
    let (_, bound) = bound.expect("bound");
    let socket = UnixDatagram::from(bound.readiness().expect("the socket").try_clone_to_owned().expect("duplicated"));
    UnixDatagram::unbound().expect("a socket").send_to(b"hello", dir.path().join("mail")).expect("sent");
    let mut heard = [0; 8];
    assert!(is_readable(&socket));
    assert_eq!(socket.recv(&mut heard).expect("heard"), 5);
}

#[test]
fn sockets_over_gvisors_gofer_talk_both_ways() {
    let Some((runsc, socket)) = Runsc::start("sockets", &["--host-uds=all"]) else { return };
    sockets_talk_both_ways(&Mounted::new(socket), &runsc.root());
    runsc.end();
}

#[test]
fn sockets_of_a_server_that_gives_none_are_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let _listener = UnixListener::bind(dir.path().join("there")).expect("bound");
    let (_server, mounted) = Mounted::ours(dir.path(), HostUds::None, false);
    assert_eq!(mounted.connect("there", SocketKind::Stream).err(), Some(Errno::Perm.into()));
    let bound = mounted.fs.bind_at(CALL, &mounted.root.node, name("made"), SocketKind::Stream, Mode::new(0o600));
    assert_eq!(bound.err(), Some(Errno::Perm.into()));
    assert!(!dir.path().join("made").exists());
}

#[test]
fn extended_attributes_over_our_own_server_are_those_of_the_file() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    std::fs::write(dir.path().join("file"), "").expect("written");
    let (_server, mounted) = Mounted::ours(dir.path(), HostUds::None, true);
    let fs = &mounted.fs;
    let set = |value: &[u8], how| mounted.on("file", |object| fs.set_xattr(CALL, object, (b"user.one", value), how));
    let get = || mounted.on("file", |object| fs.get_xattr(CALL, object, b"user.one"));
    let list = || mounted.on("file", |object| fs.list_xattrs(CALL, object)).expect("listed");
    let nothing = Error::Errno(Errno::Nodata);
    assert_eq!((get(), set(b"x", XattrHow::Replace)), (Err(nothing), Err(nothing)));
    assert_eq!(set(b"value", XattrHow::Create), Ok(()));
    assert_eq!(set(b"x", XattrHow::Create), Err(Errno::Exist.into()));
    assert_eq!((get(), list()), (Ok(b"value".to_vec()), vec![b"user.one".to_vec()]));
    assert_eq!((set(b"", XattrHow::Any), get()), (Ok(()), Ok(Vec::new())));
    assert_eq!(set(&[0; 65_536], XattrHow::Any), Err(Errno::Range.into()));
    let remove = || mounted.on("file", |object| fs.remove_xattr(CALL, object, b"user.one"));
    assert_eq!((remove(), remove(), list()), (Ok(()), Err(nothing), Vec::new()));
    // Nobody's but the users' are served.
    let security = mounted.on("file", |object| fs.set_xattr(CALL, object, (b"security.x", b""), XattrHow::Any));
    assert!(security.is_err());
}

#[test]
fn extended_attributes_of_a_server_that_serves_none_are_not_supported() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("file"), "").expect("written");
    let refused = Error::Errno(Errno::Opnotsupp);
    let (_server, mounted) = Mounted::ours(dir.path(), HostUds::None, false);
    let fs = &mounted.fs;
    let on = |ask: &dyn Fn(Object<'_, LisaNode>) -> Result<()>| mounted.on("file", ask);
    assert_eq!(on(&|object| fs.set_xattr(CALL, object, (b"user.x", b""), XattrHow::Any)), Err(refused));
    assert_eq!(on(&|object| fs.get_xattr(CALL, object, b"user.x").map(|_| ())), Err(refused));
    assert_eq!(on(&|object| fs.list_xattrs(CALL, object).map(|_| ())), Err(refused));
    assert_eq!(on(&|object| fs.remove_xattr(CALL, object, b"user.x")), Err(refused));
}
