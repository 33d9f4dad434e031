//! Waits for a server that does not come back, or comes back as another.

use crate::sidecar::Served;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use wasi_gofer::abi::{Call, CancelToken, Errno, Error};
use wasi_gofer::backend::lisafs::{HardLisaFs, LisaFsOptions};
use wasi_gofer::backend::{Backend, Object, XattrHow};
use wasi_gofer::sidecar::{Export, Server};
use wasi_gofer::transport::Stream;

/// A connection to a server of `dir` that ends when the server is dropped.
fn serve(dir: &std::path::Path) -> (Server, OwnedFd) {
    let server = Server::lisafs(Export::open_ambient(dir).expect("an export").xattrs(true)).expect("a server");
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    server.serve(Stream::new(theirs.into()).expect("a stream")).expect("served");
    (server, ours.into())
}

/// A mount whose server has gone, of which `back` makes further connections.
fn gone(back: impl Fn() -> Option<OwnedFd> + Send + Sync + 'static) -> (Served, HardLisaFs) {
    let served = Served::new();
    let (server, socket) = serve(served.dir.path());
    let first = parking_lot::Mutex::new(Some(socket));
    let connect = move || first.lock().take().or_else(&back).ok_or(Errno::Connrefused.into());
    // The end of the server's thread of a channel is seen a moment later than the socket's.
    let options = LisaFsOptions { channels: 0, ..LisaFsOptions::default() };
    let backend = HardLisaFs::connect(connect, options).expect("mounted");
    drop(server);
    (served, backend)
}

#[test]
fn waiting_for_a_server_ends_with_the_call_s_deadline() {
    let (_served, backend) = gone(|| None);
    let call = Call { deadline: Instant::now().checked_add(Duration::from_millis(100)), ..Call::WAITING };
    assert_eq!(backend.statfs(&call).err(), Some(Errno::Timedout.into()));
}

#[test]
fn waiting_for_a_server_ends_with_the_call_s_cancel() {
    let (_served, backend) = gone(|| None);
    let cancel = CancelToken::new();
    let call = Call { cancel: Some(cancel.clone()), ..Call::WAITING };
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| backend.statfs(&call).err());
        std::thread::sleep(Duration::from_millis(50));
        cancel.cancel();
        assert_eq!(waiting.join().expect("it ends"), Some(Errno::Canceled.into()));
    });
}

#[test]
fn a_call_that_may_not_wait_says_so() {
    let (_served, backend) = gone(|| None);
    let call = Call { may_wait: false, ..Call::WAITING };
    assert_eq!(backend.statfs(&call).err(), Some(Error::WouldWait));
}

#[test]
fn a_server_that_comes_back_late_is_waited_for() {
    let tries = Arc::new(AtomicUsize::new(0));
    let dir = Arc::new(parking_lot::Mutex::new(None::<std::path::PathBuf>));
    let servers = parking_lot::Mutex::new(Vec::new());
    let (counted, place) = (Arc::clone(&tries), Arc::clone(&dir));
    let (served, backend) = gone(move || {
        if counted.fetch_add(1, Ordering::Relaxed) < 5 {
            return None;
        }
        let (server, socket) = serve(place.lock().as_ref()?);
        servers.lock().push(server);
        Some(socket)
    });
    *dir.lock() = Some(served.dir.path().to_owned());

    backend.statfs(&Call::WAITING).expect("it is back");

    assert_eq!((tries.load(Ordering::Relaxed), backend.reattached()), (6, 1));
}

#[test]
fn a_server_that_comes_back_with_another_directory_is_stale() {
    let other = tempfile::TempDir::new().expect("a directory");
    let servers = parking_lot::Mutex::new(Vec::new());
    let path = other.path().to_owned();
    let (_served, backend) = gone(move || {
        let (server, socket) = serve(&path);
        servers.lock().push(server);
        Some(socket)
    });

    assert_eq!(backend.statfs(&Call::WAITING).err(), Some(Errno::Stale.into()));
    let root = backend.root(&Call::WAITING).err();
    assert_eq!(root, Some(Errno::Stale.into()));
}

#[test]
fn waiting_for_a_server_that_takes_no_connection_ends_with_the_call_s_deadline() {
    let place = tempfile::TempDir::new().expect("a directory");
    let path = place.path().join("socket");
    let address = rustix::net::SocketAddrUnix::new(&path).expect("it fits");
    let socket = rustix::net::socket(rustix::net::AddressFamily::UNIX, rustix::net::SocketType::STREAM, None);
    let listener = socket.expect("a socket");
    rustix::net::bind(&listener, &address).expect("bound");
    rustix::net::listen(&listener, 0).expect("it listens");
    // The one that may wait.
    let _waits = Stream::connect(&path).expect("there is room");
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    let (_served, backend) = gone(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        match Stream::connect(&path) {
            Err(Errno::Again) => None,
            other => panic!("{other:?}"),
        }
    });
    // It tries again within the time, if it has a processor in it.
    let tried = [200, 2_000, 20_000].into_iter().any(|millis| {
        tries.store(0, Ordering::Relaxed);
        let call = Call { deadline: Instant::now().checked_add(Duration::from_millis(millis)), ..Call::WAITING };
        assert_eq!(backend.statfs(&call).err(), Some(Errno::Timedout.into()));
        tries.load(Ordering::Relaxed) > 1
    });
    assert!(tried, "it tries once");
}

#[test]
fn attributes_that_are_changed_behind_an_end_while_nothing_was_under_way_are_changed_once() {
    let dir = tempfile::TempDir::new().expect("a directory");
    let path = dir.path().to_owned();
    let present = Arc::new(parking_lot::Mutex::new(None));
    let made = Arc::clone(&present);
    let connect = move || {
        let (server, socket) = serve(&path);
        *made.lock() = Some(server);
        Ok(socket)
    };
    let options = LisaFsOptions { channels: 0, ..LisaFsOptions::default() };
    let backend = HardLisaFs::connect(connect, options).expect("mounted");
    let root = backend.root(&Call::WAITING).expect("there");
    let object = || Object { node: &root.node, location: None, key: root.stat.key, file_type: root.stat.file_type };
    // As a cache does, which has nothing to restore of the root.
    let again = |change: &dyn Fn() -> Result<(), Error>| {
        let mut answers = (0..8).map(|_| change()).skip_while(|answer| *answer == Err(Error::Unbound));
        answers.next().expect("it is answered in the end")
    };
    let how = XattrHow::Create;
    let set = || backend.set_xattr(&Call::WAITING, object(), (b"user.one", b"1"), how);
    drop(present.lock().take());
    match again(&set) {
        Err(Error::Errno(Errno::Opnotsupp)) => {
            eprintln!("the test directory's filesystem has no attributes: SKIPPED");
            return;
        }
        answer => assert_eq!(answer, Ok(())),
    }
    drop(present.lock().take());
    assert_eq!(again(&|| backend.remove_xattr(&Call::WAITING, object(), b"user.one")), Ok(()));
    assert_eq!((backend.undecided(), backend.reattached()), (0, 2));
}
