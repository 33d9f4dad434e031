//! The change queue of a hard mount whose sidecar is killed: what a guest of a `shared` mount is told is how things are,
//! wherever others change them, and wherever the kill falls.

use crate::kit::{self, READ};
use crate::messages::{directories_are_silent, without_closing};
use crate::sidecar::Served;
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::fs;
use std::io::IoSliceMut;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use wasi_gofer::abi::{Call, Errno, Error, FileType, Stat};
use wasi_gofer::backend::lisafs::{HardLisaFs, LisaFsOptions, RpcCounts};
use wasi_gofer::sidecar::{Export, Limits, Server};
use wasi_gofer::vfs::{OpenDirectory, OpenFile};
use wasi_gofer::{CachePolicy, FsOptions, Gofer, MountOptions};

const CALL: &Call = &Call::WAITING;

/// Every place that a step touches.
const PATHS: &[&str] = &[
    "a", "a/b", "a/b/f", "a/b/c", "a/b/d", "a/b/n", "a/b/l", "a/z", "a/z/f", "a/z/c", "a/z/d", "a/z/n", "a/z/l", "l",
    "away", "away/f", "away/d",
];

/// Directories among them, the root too.
const DIRS: &[&str] = &["", "a", "a/b", "a/b/c", "a/z", "away"];

/// Who makes a change.
enum By {
    Others(fn(&Path)),
    Guest(fn(&OpenDirectory)),
}

fn rename(root: &Path, from: &str, to: &str) {
    fs::rename(root.join(from), root.join(to)).expect("moved");
}

fn write(root: &Path, path: &str, text: &str) {
    fs::write(root.join(path), text).expect("written");
}

const STEPS: &[(&str, By)] = &[
    ("a file is written", By::Others(|root| write(root, "a/b/f", "longer than before"))),
    ("a missing name is made", By::Others(|root| write(root, "a/b/n", "new"))),
    ("a missing directory is made", By::Others(|root| fs::create_dir(root.join("a/b/c")).expect("made"))),
    ("a directory is moved", By::Others(|root| rename(root, "a/b/c", "a/b/d"))),
    ("a name is removed", By::Others(|root| fs::remove_file(root.join("a/b/n")).expect("removed"))),
    ("a watched directory is moved", By::Others(|root| rename(root, "a/b", "a/z"))),
    (
        "another has its place",
        By::Others(|root| {
            fs::create_dir(root.join("a/b")).expect("made");
            write(root, "a/b/f", "another");
        }),
    ),
    ("a file is replaced", By::Others(|root| rename(root, "a/z/f", "a/b/f"))),
    ("a directory is removed", By::Others(|root| fs::remove_dir_all(root.join("a/b")).expect("removed"))),
    ("a directory is moved back", By::Others(|root| rename(root, "a/z", "a/b"))),
    (
        "the guest makes and moves",
        By::Guest(|root| {
            root.create_directory_at(CALL, b"a/b/c").expect("made");
            root.rename_at(CALL, b"a/b/c", root, b"a/z").expect("moved");
        }),
    ),
    ("what the guest made is removed", By::Others(|root| fs::remove_dir(root.join("a/z")).expect("removed"))),
    ("a file comes", By::Others(|root| write(root, "a/b/f", "text"))),
    ("it is linked", By::Others(|root| fs::hard_link(root.join("a/b/f"), root.join("l")).expect("linked"))),
    ("its link is written", By::Others(|root| write(root, "l", "a longer text"))),
    (
        "modes change",
        By::Others(|root| {
            fs::set_permissions(root.join("a/b"), fs::Permissions::from_mode(0o711)).expect("changed");
            fs::set_permissions(root.join("a/b/f"), fs::Permissions::from_mode(0o640)).expect("changed");
        }),
    ),
    ("one name is a link now", By::Others(|root| std::os::unix::fs::symlink("f", root.join("a/b/l")).expect("made"))),
    ("the way moves", By::Others(|root| rename(root, "a", "away"))),
    (
        "another way has its place",
        By::Others(|root| {
            fs::create_dir_all(root.join("a/b")).expect("made");
            write(root, "a/b/d", "a file where a directory was");
        }),
    ),
    (
        "and comes back",
        By::Others(|root| {
            fs::remove_dir_all(root.join("a")).expect("removed");
            rename(root, "away", "a");
        }),
    ),
];

/// A guest of a hard mount, and the directory as others see it.
struct Guest {
    served: Served,
    gofer: Gofer,
    counts: Arc<RpcCounts>,
    root: OpenDirectory,
    held: OpenDirectory,
    held_ino: u64,
    open: OpenFile,
    open_ino: u64,
    killed: bool,
}

fn make_tree(root: &Path) {
    fs::create_dir_all(root.join("a/b")).expect("made");
    write(root, "a/b/f", "short");
}

fn mounted(backend: HardLisaFs) -> Gofer {
    let mut builder = Gofer::builder();
    let fs = FsOptions::with_policy(CachePolicy::Shared);
    builder.mount("/", backend, MountOptions { read_only: false, fs });
    builder.build().expect("mounted")
}

impl Guest {
    fn new() -> Guest {
        let served = Served::new();
        make_tree(served.dir.path());
        let backend = served.backend(LisaFsOptions::default());
        let counts = backend.rpc_counts();
        let gofer = mounted(backend);
        let root = kit::root(&gofer).1;
        let held = kit::open_dir(CALL, &root, "a/b").expect("it opens");
        let open = kit::open(CALL, &root, "a/b/f", READ).expect("it opens");
        let ino = |path: &str| fs::metadata(served.dir.path().join(path)).expect("there").ino();
        let (held_ino, open_ino) = (ino("a/b"), ino("a/b/f"));
        let guest = Guest { served, gofer, counts, root, held, held_ino, open, open_ino, killed: false };
        // Until everything is watched that is worth it.
        (0..3).for_each(|_| guest.look("at first"));
        guest
    }

    fn kill(&mut self) {
        assert!(self.served.kill() > 0, "there is a sidecar");
        self.killed = true;
    }

    fn step(&self, step: &By) {
        match step {
            By::Others(step) => step(self.served.dir.path()),
            By::Guest(step) => step(&self.root),
        }
    }

    /// Looks at everything in every way.
    fn look(&self, when: &str) {
        let host = self.served.dir.path();
        for path in PATHS {
            same_stat(self.root.stat_at(CALL, path.as_bytes(), false), &host.join(path), when);
        }
        for path in DIRS {
            same_names(&self.root, path, host, when);
        }
        self.look_at_what_is_open(when);
    }

    /// What is open is what it was, wherever it is now.
    fn look_at_what_is_open(&self, when: &str) {
        let host = self.served.dir.path();
        let places = ["a/b", "a/z", "away/b", "away/z"].map(|path| host.join(path));
        let held = places.iter().find(|path| fs::metadata(path).is_ok_and(|there| there.ino() == self.held_ino));
        match names(&self.held) {
            Ok(told) => assert_eq!(told, held.map(|path| host_names(path)).unwrap_or_default(), "{when}: held"),
            // It may have moved where nobody was who saw it.
            Err(Error::Errno(Errno::Stale | Errno::Noent)) if self.killed => {}
            Err(error) => panic!("{when}: held: {error}"),
        }
        let files = places.iter().map(|path| path.join("f")).chain([host.join("l")]);
        let mut files = files.filter(|path| fs::metadata(path).is_ok_and(|there| there.ino() == self.open_ino));
        if let Some(path) = files.next() {
            let mut room = [0; 100];
            let count = self.open.read_at(CALL, &mut [IoSliceMut::new(&mut room)], 0).expect("read");
            assert_eq!(&room[..count], fs::read(path).expect("read"), "{when}: open");
        }
    }

    /// At the end it is as if nothing had been: what is known is known without a message.
    fn ends(self, when: &str) {
        (0..4).for_each(|_| self.look(when));
        self.gofer.check_invariants().expect("sound");
        if directories_are_silent(&self.gofer, self.served.dir.path()) {
            return;
        }
        // A directory whose watch did not pay is asked about for a while before it has one again.
        let look = || {
            for path in ["a", "a/b", "a/none", "a/b/none"].repeat(50) {
                same_stat(self.root.stat_at(CALL, path.as_bytes(), false), &self.served.dir.path().join(path), when);
            }
        };
        look();
        let before = without_closing(&self.counts);
        look();
        assert_eq!(without_closing(&self.counts), before, "{when}");
    }
}

#[track_caller]
fn same_stat(told: Result<Stat, Error>, there: &Path, when: &str) {
    let at = || format!("{when}: {}", there.display());
    match (told, fs::symlink_metadata(there)) {
        (Ok(told), Ok(there)) => {
            let told_of = (told.key.ino, told.size, told.nlink, told.mode.bits() & 0o7777, told.mtime.secs);
            let is = (there.ino(), there.size(), there.nlink(), there.mode() & 0o7777, there.mtime());
            assert_eq!(told_of, is, "{}", at());
            assert_eq!(told.file_type == FileType::Directory, there.is_dir(), "{}", at());
        }
        (Err(Error::Errno(Errno::Noent | Errno::Notdir)), Err(_)) => {}
        (told, there) => panic!("{}: {told:?}, and there is {there:?}", at()),
    }
}

fn names(dir: &OpenDirectory) -> Result<BTreeSet<String>, Error> {
    let mut names = BTreeSet::new();
    dir.read_dir(CALL, 0, &mut |entry| {
        names.insert(String::from_utf8_lossy(entry.name).into_owned());
        true
    })?;
    names.remove(".");
    names.remove("..");
    Ok(names)
}

fn host_names(path: &Path) -> BTreeSet<String> {
    let listed = fs::read_dir(path).into_iter().flatten().flatten();
    listed.map(|entry| entry.file_name().into_string().expect("UTF-8")).collect()
}

#[track_caller]
fn same_names(root: &OpenDirectory, path: &str, host: &Path, when: &str) {
    let told = match path {
        "" => names(root),
        path => kit::open_dir(CALL, root, path).and_then(|dir| names(&dir)),
    };
    match (told, host.join(path).is_dir()) {
        (Ok(told), true) => assert_eq!(told, host_names(&host.join(path)), "{when}: {path}"),
        (Err(Error::Errno(Errno::Noent | Errno::Notdir)), false) => {}
        (told, there) => panic!("{when}: {path}: {told:?}, and is there: {there}"),
    }
}

/// Where the kill falls.
#[derive(Clone, Copy, Debug)]
enum Kill {
    Never,
    /// Before a step, and nobody looks between.
    Before(usize),
    /// Behind a step, before anybody looks.
    Behind(usize),
    /// Before a step and the one behind it, both made before anybody looks.
    BeforeTwo(usize),
    /// While a guest looks: half was told before.
    While(usize),
    BeforeEach,
    BehindEach,
}

fn run(kill: Kill) {
    let mut guest = Guest::new();
    let (mut at, mut pending) = (0, false);
    while let Some((what, by)) = STEPS.get(at) {
        let when = format!("{kill:?}, {what}");
        match kill {
            Kill::Before(place) | Kill::BeforeTwo(place) if place == at => guest.kill(),
            Kill::BeforeEach => guest.kill(),
            Kill::While(place) if place == at => {
                PATHS[..PATHS.len() / 2].iter().for_each(|path| {
                    same_stat(
                        guest.root.stat_at(CALL, path.as_bytes(), false),
                        &guest.served.dir.path().join(path),
                        &when,
                    );
                });
                guest.kill();
            }
            _ => {}
        }
        guest.step(by);
        match kill {
            Kill::Behind(place) if place == at => guest.kill(),
            Kill::BehindEach => guest.kill(),
            Kill::BeforeTwo(place) => pending = place == at && at + 1 < STEPS.len(),
            _ => {}
        }
        at += 1;
        if !pending {
            guest.look(&when);
            guest.look(&when);
        }
    }
    guest.ends(&format!("{kill:?}, the end"));
}

#[test]
fn what_a_guest_is_told_without_a_kill_is_how_things_are() {
    run(Kill::Never);
}

#[test]
fn what_a_guest_is_told_beside_a_kill_before_any_change_is_how_things_are() {
    (0..STEPS.len()).for_each(|place| run(Kill::Before(place)));
    run(Kill::BeforeEach);
}

#[test]
fn what_a_guest_is_told_beside_a_kill_behind_any_change_is_how_things_are() {
    (0..STEPS.len()).for_each(|place| run(Kill::Behind(place)));
    run(Kill::BehindEach);
}

#[test]
fn what_a_guest_is_told_beside_a_kill_before_any_two_changes_is_how_things_are() {
    (0..STEPS.len()).for_each(|place| run(Kill::BeforeTwo(place)));
}

#[test]
fn what_a_guest_is_told_beside_a_kill_while_it_looks_is_how_things_are() {
    (0..STEPS.len()).for_each(|place| run(Kill::While(place)));
}

/// A mount over servers of which each but the first grants so many watches; `end` ends the present one.
fn over_servers(dir: &Path, watches: usize) -> (HardLisaFs, impl Fn()) {
    let present = Arc::new(Mutex::new(None::<Server>));
    let (made, dir) = (Arc::clone(&present), dir.to_owned());
    let grants = Mutex::new(Limits::default());
    let connect = move || {
        let limits = std::mem::replace(&mut *grants.lock(), Limits { watches, ..Limits::default() });
        let export = Export::open_ambient(&dir).expect("an export").limits(limits);
        let server = Server::lisafs(export).expect("a server");
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().expect("a pair");
        server.serve(wasi_gofer::transport::Stream::new(theirs.into()).expect("a stream")).expect("served");
        *made.lock() = Some(server);
        Ok(OwnedFd::from(ours))
    };
    // The end of the server's thread of a channel is seen a moment later than the socket's.
    let options = LisaFsOptions { channels: 0, ..LisaFsOptions::default() };
    let backend = HardLisaFs::connect(connect, options).expect("mounted");
    (backend, move || drop(present.lock().take()))
}

#[test]
fn watches_that_the_next_server_does_not_grant_leave_every_look_to_it() {
    for watches in [0, 1] {
        let dir = tempfile::tempdir().expect("a directory");
        make_tree(dir.path());
        let (backend, end) = over_servers(dir.path(), watches);
        let counts = backend.rpc_counts();
        let gofer = mounted(backend);
        let root = kit::root(&gofer).1;
        let look = |when: &str| {
            for path in PATHS {
                same_stat(root.stat_at(CALL, path.as_bytes(), false), &dir.path().join(path), when);
            }
            DIRS.iter().for_each(|path| same_names(&root, path, dir.path(), when));
        };
        (0..4).for_each(|_| look("at first"));
        if gofer.stats()[0].fs.watches == 0 {
            eprintln!("the test directory's filesystem announces nothing: SKIPPED");
            return;
        }

        end();

        for (what, by) in STEPS {
            match by {
                By::Others(step) => step(dir.path()),
                By::Guest(step) => step(&root),
            }
            (0..2).for_each(|_| look(what));
        }
        let asked = counts.total();
        (0..4).for_each(|_| look("at the end"));
        assert!(gofer.stats()[0].fs.watches <= watches as u64 && counts.total() > asked, "{watches}: {counts}");
        gofer.check_invariants().expect("sound");
    }
}
