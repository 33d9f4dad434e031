//! The change queue of a server of our own: what is known is known without asking.

use crate::messages::{directories_are_silent, without_closing};
use crate::subjects::{Start as _, serve};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use wasi_gofer::abi::{Call, Errno, Error, Mode, Name};
use wasi_gofer::backend::lisafs::{LisaFs, LisaFsOptions, RpcCounts};
use wasi_gofer::backend::{Backend, Change, ChangeQueue, WatchId};
use wasi_gofer::sidecar::Server;
use wasi_gofer::vfs::{OpenDirectory, OpenHow};
use wasi_gofer::{CachePolicy, FsOptions, Gofer, MountOptions};

const CALL: &Call = &Call::WAITING;

fn name(name: &str) -> Name<'_> {
    Name::new(name.as_bytes()).expect("a name")
}

/// A backend over a server of our own, and the directory that it serves.
fn own(options: LisaFsOptions) -> (LisaFs, Server, tempfile::TempDir) {
    let dir = tempfile::tempdir().expect("a directory");
    let (server, socket): (Server, UnixStream) = serve(dir.path());
    (LisaFs::connect(socket, options).expect("mounted"), server, dir)
}

/// What is announced, by the names of what it is.
fn drained<N>(queue: &dyn ChangeQueue<N>) -> Vec<(Option<WatchId>, String)> {
    let mut seen = Vec::new();
    queue
        .drain(&mut |change| {
            seen.push(match change {
                Change::Name { watch, name } => (Some(watch), String::from_utf8_lossy(name.as_bytes()).into_owned()),
                Change::Directory { watch } => (Some(watch), "(directory)".into()),
                Change::Lost { watch } => (Some(watch), "(lost)".into()),
                Change::Overflow => (None, "(overflow)".into()),
            });
        })
        .expect("read");
    seen
}

#[test]
fn watch_announces_changes_of_others_and_of_the_client_itself_until_it_is_given_back() {
    let (backend, _server, dir) = own(LisaFsOptions::default());
    std::fs::create_dir(dir.path().join("below")).expect("made");
    let queue = backend.change_queue().expect("a server of ours offers one");
    let root = backend.root(CALL).expect("there").node;
    let below = backend.lookup(CALL, &root, name("below")).expect("there").node;
    assert_eq!(queue.watch(&Call::NOT_WAITING, &root), Err(Error::WouldWait));
    let watched = queue.watch(CALL, &root).expect("watched");
    assert_eq!(queue.watch(CALL, &root), Ok(watched));
    let inner = queue.watch(CALL, &below).expect("watched");
    assert!(queue.is_empty() && watched.id != inner.id);
    std::fs::write(dir.path().join("name"), "").expect("written");
    assert!(!queue.is_empty());
    assert!(drained(&*queue).contains(&(Some(watched.id), "name".into())));
    // Our own changes are the server's, and announced as everybody's.
    backend.mkdir(CALL, &below, name("made"), Mode::new(0o755)).expect("made");
    assert!(drained(&*queue).contains(&(Some(inner.id), "made".into())));
    backend.rmdir(CALL, &below, name("made")).expect("removed");
    std::fs::remove_dir(dir.path().join("below")).expect("removed");
    // The server holds it still, so it is its name that went.
    assert!(drained(&*queue).contains(&(Some(watched.id), "below".into())));
    queue.unwatch(watched.id);
    assert_eq!(drained(&*queue), [(Some(watched.id), "(lost)".into())]);
    std::fs::write(dir.path().join("unheard"), "").expect("written");
    assert!(queue.is_empty());
    let file = backend.lookup(CALL, &root, name("name")).expect("there").node;
    assert_eq!(queue.watch(CALL, &file), Err(Errno::Notdir.into()));
}

#[test]
fn watches_that_are_given_back_make_room_at_the_server() {
    let dir = tempfile::tempdir().expect("a directory");
    let limits = wasi_gofer::sidecar::Limits { watches: 4, ..wasi_gofer::sidecar::Limits::default() };
    let (server, socket) = crate::subjects::serve_with(dir.path(), |export| export.limits(limits));
    let backend = LisaFs::connect(socket, LisaFsOptions::default()).expect("mounted");
    let queue = backend.change_queue().expect("a queue");
    let root = backend.root(CALL).expect("there").node;
    let made = |index: usize| {
        let name = format!("dir-{index}");
        backend.mkdir(CALL, &root, self::name(&name), Mode::new(0o755)).expect("made").node
    };
    // Far more than there may be at once, and than one message tells of.
    for index in 0..300 {
        let node = made(index);
        let watch = queue.watch(CALL, &node).expect("there is room");
        assert!(drained(&*queue).iter().all(|(_, what)| what == "(lost)"), "{index}");
        queue.unwatch(watch.id);
    }
    let kept: Vec<_> = (300..304).map(&made).collect();
    kept.iter().for_each(|node| assert!(queue.watch(CALL, node).is_ok()));
    assert_eq!(queue.watch(CALL, &made(304)), Err(Errno::Nospc.into()));
    drop((queue, backend, server));
}

#[test]
fn queue_of_the_server_without_room_for_one_is_no_space() {
    let (backend, _server, _dir) = own(LisaFsOptions::default());
    let root = backend.root(CALL).expect("there").node;
    let queues: Vec<_> = (0..5).map(|_| backend.change_queue().expect("offered")).collect();
    for (index, queue) in queues.iter().enumerate() {
        let watched = queue.watch(CALL, &root).map(|_| ());
        assert_eq!(watched, if index < 4 { Ok(()) } else { Err(Errno::Nospc.into()) }, "{index}");
    }
}

#[test]
fn gvisor_offers_no_queue() {
    let Some(subject) = crate::subjects::Gvisor::start("queue") else { return };
    use crate::harness::Subject as _;
    assert!(subject.backend().change_queue().is_none());
}

/// A guest's view of a directory that a server of ours serves, shared with others.
struct Guest {
    root: OpenDirectory,
    counts: Arc<RpcCounts>,
    gofer: Gofer,
    _server: Server,
    dir: tempfile::TempDir,
}

impl Guest {
    fn new() -> Guest {
        let (backend, server, dir) = own(LisaFsOptions::default());
        let counts = backend.rpc_counts();
        let mut builder = Gofer::builder();
        let fs = FsOptions::with_policy(CachePolicy::Shared);
        builder.mount("/", backend, MountOptions { read_only: false, fs });
        let gofer = builder.build().expect("mounted");
        let ctx = gofer.ctx();
        let root = ctx.open_preopen(CALL, &ctx.preopens()[0]).expect("the preopen opens");
        Guest { root, counts, gofer, _server: server, dir }
    }

    /// How many messages it takes, closing left out.
    fn messages(&self, act: impl FnOnce(&OpenDirectory)) -> u64 {
        let total = || -> u64 { without_closing(&self.counts).iter().map(|count| count.count).sum() };
        let before = total();
        act(&self.root);
        total() - before
    }
}

fn is_there(root: &OpenDirectory, path: &str) -> bool {
    match root.stat_at(CALL, path.as_bytes(), true) {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error, Errno::Noent.into());
            false
        }
    }
}

#[test]
fn stat_of_an_open_file_by_its_name_takes_no_message_and_is_never_old() {
    use std::os::unix::fs::PermissionsExt;
    let guest = Guest::new();
    let made = |path: &str| guest.dir.path().join(path);
    std::fs::create_dir_all(made("a/b")).expect("made");
    std::fs::write(made("a/b/f"), "1").expect("written");
    let look = |root: &OpenDirectory| {
        let stat = root.stat_at(CALL, b"a/b/f", true)?;
        Ok((stat.size, stat.mode.bits() & 0o777, stat.nlink))
    };
    std::fs::set_permissions(made("a/b/f"), PermissionsExt::from_mode(0o640)).expect("changed");
    let how = OpenHow { follow: true, read: true, ..OpenHow::default() };
    let file = guest.root.open_at(CALL, b"a/b/f", how).expect("opened");
    (0..4).for_each(|_| assert_eq!(look(&guest.root), Ok((1, 0o640, 1))));
    let warm = guest.messages(|root| (0..100).for_each(|_| assert_eq!(look(root), Ok((1, 0o640, 1)))));
    if directories_are_silent(&guest.gofer, guest.dir.path()) {
        return;
    }
    assert_eq!(warm, 0, "{}", guest.counts);
    for round in 2..20 {
        // Changes of the object, by its name and by another, of which no watched directory tells.
        std::fs::write(made("a/b/f"), vec![b'x'; round]).expect("written");
        let size = u64::try_from(round).expect("small");
        assert_eq!(look(&guest.root), Ok((size, 0o640, 1)), "{round}");
        std::fs::hard_link(made("a/b/f"), made("other")).expect("linked");
        assert_eq!(look(&guest.root), Ok((size, 0o640, 2)), "{round}");
        std::fs::set_permissions(made("other"), PermissionsExt::from_mode(0o600)).expect("changed");
        assert_eq!(look(&guest.root), Ok((size, 0o600, 2)), "{round}");
        std::fs::write(made("other"), "1").expect("written");
        assert_eq!(look(&guest.root), Ok((1, 0o600, 2)), "{round}");
        // Changes of the name, while the object that is open stays as it is.
        std::fs::write(made("new"), "another").expect("written");
        std::fs::rename(made("new"), made("a/b/f")).expect("moved");
        assert_eq!(look(&guest.root).map(|told| told.0), Ok(7), "{round}");
        std::fs::remove_file(made("a/b/f")).expect("removed");
        assert_eq!(look(&guest.root), Err(Error::Errno(Errno::Noent)), "{round}");
        std::fs::rename(made("a"), made("moved")).expect("moved");
        std::fs::create_dir_all(made("a/b")).expect("made");
        std::fs::write(made("a/b/f"), "four").expect("written");
        assert_eq!(look(&guest.root).map(|told| told.0), Ok(4), "{round}");
        std::fs::remove_dir_all(made("a")).expect("removed");
        std::fs::rename(made("moved"), made("a")).expect("moved");
        std::fs::rename(made("other"), made("a/b/f")).expect("moved");
        std::fs::set_permissions(made("a/b/f"), PermissionsExt::from_mode(0o640)).expect("changed");
        assert_eq!(look(&guest.root), Ok((1, 0o640, 1)), "{round}");
    }
    guest.gofer.check_invariants().expect("the cache is in order");
    drop(file);
}

#[test]
fn warm_look_ups_of_directories_and_missing_names_take_no_message_and_are_never_old() {
    let guest = Guest::new();
    let made = |path: &str| guest.dir.path().join(path);
    std::fs::create_dir_all(made("a/b/c")).expect("made");
    let look = |root: &OpenDirectory| (is_there(root, "a/b/c"), is_there(root, "a/b/none"));
    for _ in 0..4 {
        assert_eq!(look(&guest.root), (true, false));
    }
    let warm = guest.messages(|root| (0..100).for_each(|_| assert_eq!(look(root), (true, false))));
    if directories_are_silent(&guest.gofer, guest.dir.path()) {
        return;
    }
    assert_eq!(warm, 0, "{}", guest.counts);
    for round in 0..20 {
        std::fs::create_dir(made("a/b/none")).expect("made");
        assert_eq!(look(&guest.root), (true, true), "{round}");
        std::fs::remove_dir(made("a/b/none")).expect("removed");
        std::fs::rename(made("a/b/c"), made("a/b/d")).expect("moved");
        assert_eq!(look(&guest.root), (false, false), "{round}");
        std::fs::rename(made("a/b/d"), made("a/b/c")).expect("moved");
        assert_eq!(look(&guest.root), (true, false), "{round}");
    }
    guest.gofer.check_invariants().expect("the cache is in order");
}
