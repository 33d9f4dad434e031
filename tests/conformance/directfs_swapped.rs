//! What an outsider can put in the place of an object that the directory backend knows.
//!
//! Every test has a directory that is served and one beside it that must never be reached.

use crate::harness::errno;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;
use wasi_gofer::abi::{
    Call, Errno, Error, FileType, InodeKey, Mode, Name, OpenFlags, Result, SetStat, SetTime, Timespec,
};
use wasi_gofer::backend::directfs::{DirectFs, DirectNode, FdBudget};
use wasi_gofer::backend::{Backend, Found, Handle, Location, Object, Step, WalkEnd};

const CALL: &Call = &Call::WAITING;
const READ: OpenFlags = OpenFlags::READ;
const WRITE: OpenFlags = OpenFlags::WRITE;

pub(crate) struct Served {
    pub(crate) fs: DirectFs,
    pub(crate) root: DirectNode,
    dir: TempDir,
}

pub(crate) fn name(bytes: &str) -> Name<'_> {
    Name::new(bytes.as_bytes()).expect("a name")
}

impl Served {
    /// `inside/` is served, `outside/secret` is not.
    pub(crate) fn new() -> Served {
        let dir = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir(dir.path().join("inside")).expect("made");
        fs::create_dir(dir.path().join("outside")).expect("made");
        fs::write(dir.path().join("outside/secret"), "secret").expect("made");
        let fs = DirectFs::open_ambient(dir.path().join("inside")).expect("there").with_budget(FdBudget::new(16));
        let root = fs.root(CALL).expect("root").node;
        Served { fs, root, dir }
    }

    pub(crate) fn inside(&self, path: &str) -> PathBuf {
        self.dir.path().join("inside").join(path)
    }

    pub(crate) fn outside(&self, path: &str) -> PathBuf {
        self.dir.path().join("outside").join(path)
    }

    pub(crate) fn lookup(&self, path: &str) -> Found<DirectNode> {
        self.fs.lookup(CALL, &self.root, name(path)).expect("there")
    }

    /// An object of the root directory as it was when `found` was.
    pub(crate) fn object<'a>(&'a self, found: &'a Found<DirectNode>, path: &'a str) -> Object<'a, DirectNode> {
        Object {
            node: &found.node,
            location: Some(Location { dir: &self.root, name: name(path) }),
            key: found.stat.key,
            file_type: found.stat.file_type,
        }
    }

    fn walk(&self, names: &[&str]) -> Result<(WalkEnd, Vec<Found<DirectNode>>)> {
        let names: Vec<_> = names.iter().map(|component| name(component)).collect();
        let mut out = Vec::new();
        self.fs.walk_many(CALL, &self.root, &names, &mut out).map(|end| (end, out))
    }

    #[track_caller]
    pub(crate) fn assert_outside_is_untouched(&self) {
        assert_eq!(fs::read(self.outside("secret")).expect("there"), b"secret");
        assert_eq!(fs::read_dir(self.outside("")).expect("there").count(), 1, "something was made outside");
    }
}

#[test]
fn walk_over_a_directory_that_became_a_symlink_ends_at_the_link() {
    let served = Served::new();
    fs::create_dir(served.inside("d")).expect("made");
    fs::rename(served.inside("d"), served.inside("old")).expect("moves");
    for target in [served.outside(""), PathBuf::from("../outside"), PathBuf::from("old"), PathBuf::from("old/")] {
        symlink(target, served.inside("d")).expect("made");
        let (end, found) = served.walk(&["d", "secret"]).expect("walks");
        assert_eq!((end, found.len()), (WalkEnd::NotDirectory, 1));
        assert_eq!(found[0].stat.file_type, FileType::Symlink);
        fs::remove_file(served.inside("d")).expect("there");
    }
}

#[test]
fn operations_in_a_held_directory_that_was_swapped_for_a_symlink_stay_in_the_directory() {
    let served = Served::new();
    fs::create_dir(served.inside("d")).expect("made");
    fs::write(served.inside("d/f"), "inner").expect("made");
    let (_, found) = served.walk(&["d", "f"]).expect("walks");
    let (dir, file) = (&found[0].node, &found[1]);
    fs::rename(served.inside("d"), served.inside("moved")).expect("moves");
    symlink(served.outside(""), served.inside("d")).expect("made");

    served.fs.mkdir(CALL, dir, name("sub"), Mode::new(0o755)).expect("made");
    served.fs.create(CALL, dir, name("new"), WRITE, Mode::new(0o644)).expect("made");
    served.fs.symlink(CALL, dir, name("link"), b"x").expect("made");
    assert_eq!(errno(served.fs.lookup(CALL, dir, name("secret")).map(drop)), Errno::Noent);
    assert_eq!(errno(served.fs.unlink(CALL, dir, name("secret"))), Errno::Noent);
    let at = Location { dir, name: name("f") };
    served.fs.rename(CALL, at, Location { dir, name: name("g") }).expect("moves");
    let object = Object {
        node: &file.node,
        location: Some(Location { dir, name: name("g") }),
        key: file.stat.key,
        file_type: FileType::Regular,
    };
    served.fs.link(CALL, object, dir, name("h")).expect("links");

    served.assert_outside_is_untouched();
    let mut names: Vec<_> = fs::read_dir(served.inside("moved"))
        .expect("there")
        .map(|entry| entry.expect("listed").file_name().as_bytes().to_vec())
        .collect();
    names.sort();
    assert_eq!(names, [&b"g"[..], b"h", b"link", b"new", b"sub"]);
}

#[test]
fn a_held_directory_that_was_moved_is_still_the_same_object() {
    let served = Served::new();
    fs::create_dir_all(served.inside("d/e")).expect("made");
    let (_, found) = served.walk(&["d", "e"]).expect("walks");
    fs::rename(served.inside("d"), served.outside("d")).expect("moves");
    let object = Object { location: None, ..served.object(&found[0], "d") };
    assert_eq!(served.fs.stat(CALL, object).expect("held").key, found[0].stat.key);
    fs::rename(served.outside("d"), served.inside("d")).expect("moves back");
}

#[test]
fn restore_of_what_is_not_the_same_directory_is_stale() {
    let served = Served::new();
    fs::create_dir(served.inside("d")).expect("made");
    let found = served.lookup("d");
    let at = || Location { dir: &served.root, name: name("d") };
    let restore = || served.fs.restore(CALL, &found.node, at(), found.stat.key);

    fs::rename(served.inside("d"), served.inside("old")).expect("moves");
    assert_eq!(errno(restore()), Errno::Stale, "gone");
    symlink("old", served.inside("d")).expect("made");
    assert_eq!(errno(restore()), Errno::Stale, "a symbolic link, to the very directory");
    fs::remove_file(served.inside("d")).expect("there");
    fs::create_dir(served.inside("d")).expect("made");
    assert_eq!(errno(restore()), Errno::Stale, "another directory");
    fs::remove_dir(served.inside("d")).expect("empty");
    fs::write(served.inside("d"), "").expect("made");
    assert_eq!(errno(restore()), Errno::Stale, "a file");
    let lookup = served.fs.lookup(CALL, &found.node, name("x")).map(drop);
    assert_eq!(lookup, Err(Error::Unbound), "still not bound");

    fs::remove_file(served.inside("d")).expect("there");
    fs::rename(served.inside("old"), served.inside("d")).expect("moves");
    assert_eq!(restore(), Ok(()));
    assert_eq!(errno(served.fs.lookup(CALL, &found.node, name("x")).map(drop)), Errno::Noent);
}

/// Opens the file that `f` was before `swap` put something else there; every access must end as `ESTALE`.
fn open_after(swap: impl Fn(&Served)) {
    let served = Served::new();
    fs::write(served.inside("f"), "inner").expect("made");
    let found = served.lookup("f");
    fs::rename(served.inside("f"), served.inside("old")).expect("moves");
    swap(&served);
    for flags in [READ, WRITE, READ | WRITE, WRITE | OpenFlags::TRUNC] {
        let opened = served.fs.open(CALL, served.object(&found, "f"), flags);
        assert_eq!(errno(opened.map(drop)), Errno::Stale, "{flags:?}");
    }
    served.assert_outside_is_untouched();
    assert_eq!(fs::read(served.inside("old")).expect("there"), b"inner");
}

#[test]
fn open_of_a_file_swapped_for_a_symlink_is_stale() {
    open_after(|served| symlink(served.outside("secret"), served.inside("f")).expect("made"));
    open_after(|served| symlink("old", served.inside("f")).expect("made"));
    open_after(|served| symlink("nowhere", served.inside("f")).expect("made"));
}

#[test]
fn open_of_a_file_swapped_for_another_file_is_stale_and_truncates_nothing() {
    open_after(|served| fs::hard_link(served.outside("secret"), served.inside("f")).expect("links"));
}

#[test]
fn open_of_a_file_swapped_for_a_fifo_is_stale_and_does_not_wait() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    open_after(|served| {
        mknodat(CWD, served.inside("f"), FileType::Fifo, Mode::from_raw_mode(0o666), 0).expect("made");
    });
}

#[test]
fn open_of_a_file_swapped_for_a_directory_is_stale() {
    open_after(|served| fs::create_dir(served.inside("f")).expect("made"));
}

#[test]
fn open_of_a_file_swapped_for_a_socket_is_stale() {
    open_after(|served| {
        let _listener = std::os::unix::net::UnixListener::bind(served.inside("f")).expect("binds");
    });
}

#[test]
fn open_of_a_file_whose_name_is_gone_is_noent() {
    let served = Served::new();
    fs::write(served.inside("f"), "inner").expect("made");
    let found = served.lookup("f");
    fs::remove_file(served.inside("f")).expect("there");
    assert_eq!(errno(served.fs.open(CALL, served.object(&found, "f"), READ).map(drop)), Errno::Noent);
    let nameless = Object { location: None, ..served.object(&found, "f") };
    assert_eq!(errno(served.fs.open(CALL, nameless, READ).map(drop)), Errno::Stale);
}

#[test]
fn a_file_with_a_reused_inode_number_is_stale() {
    let served = Served::new();
    let mut reused = false;
    for _ in 0..200 {
        fs::write(served.inside("f"), "first").expect("made");
        let found = served.lookup("f");
        fs::remove_file(served.inside("f")).expect("there");
        fs::write(served.inside("f"), "second").expect("made");
        let now = served.lookup("f").stat.key;
        if now.birth_ns.is_none() {
            eprintln!("skipped: this filesystem has no birth times");
            return;
        }
        reused |= now.ino == found.stat.key.ino;
        assert_ne!(now, found.stat.key);
        let object = || served.object(&found, "f");
        assert_eq!(errno(served.fs.open(CALL, object(), READ).map(drop)), Errno::Stale);
        assert_eq!(errno(served.fs.stat(CALL, object())), Errno::Stale);
        fs::remove_file(served.inside("f")).expect("there");
    }
    eprintln!("inode numbers reused at once: {reused}");
}

#[test]
fn set_stat_of_a_swapped_object_is_stale_and_changes_neither() {
    let served = Served::new();
    fs::write(served.inside("f"), "inner").expect("made");
    let found = served.lookup("f");
    fs::rename(served.inside("f"), served.inside("old")).expect("moves");
    symlink(served.outside("secret"), served.inside("f")).expect("made");
    let before = fs::metadata(served.outside("secret")).expect("there");
    let old = SetTime::At(Timespec { secs: 1, nanos: 0 });
    let set = SetStat { mode: Some(Mode::new(0)), mtime: Some(old), atime: Some(old), ..SetStat::default() };
    assert_eq!(errno(served.fs.set_stat(CALL, served.object(&found, "f"), &set)), Errno::Stale);
    let after = fs::metadata(served.outside("secret")).expect("there");
    assert_eq!((before.permissions(), before.modified().ok()), (after.permissions(), after.modified().ok()));
}

#[test]
fn readlink_of_another_link_is_stale() {
    let served = Served::new();
    symlink("one", served.inside("l")).expect("made");
    let found = served.lookup("l");
    fs::rename(served.inside("l"), served.inside("old")).expect("moves");
    symlink("two", served.inside("l")).expect("made");
    assert_eq!(errno(served.fs.readlink(CALL, served.object(&found, "l"))), Errno::Stale);
    fs::remove_file(served.inside("l")).expect("there");
    fs::write(served.inside("l"), "").expect("made");
    assert_eq!(errno(served.fs.readlink(CALL, served.object(&found, "l"))), Errno::Stale);
}

#[test]
fn link_of_a_swapped_object_is_stale_and_leaves_no_name() {
    let served = Served::new();
    fs::write(served.inside("f"), "inner").expect("made");
    let found = served.lookup("f");
    fs::rename(served.inside("f"), served.inside("old")).expect("moves");
    fs::hard_link(served.outside("secret"), served.inside("f")).expect("links");
    let linked = served.fs.link(CALL, served.object(&found, "f"), &served.root, name("g"));
    assert_eq!(errno(linked), Errno::Stale);
    assert!(!served.inside("g").exists());
}

#[test]
fn revalidate_of_a_swapped_directory_shows_the_link_and_stops() {
    let served = Served::new();
    fs::create_dir(served.inside("d")).expect("made");
    fs::write(served.inside("d/secret"), "inner").expect("made");
    let (_, found) = served.walk(&["d", "secret"]).expect("walks");
    fs::rename(served.inside("d"), served.inside("old")).expect("moves");
    symlink(served.outside(""), served.inside("d")).expect("made");
    let steps = [
        Step { dir: &served.root, name: name("d"), key: found[0].stat.key },
        Step { dir: &found[0].node, name: name("secret"), key: found[1].stat.key },
    ];
    let mut out = Vec::new();
    assert_eq!(served.fs.revalidate_many(CALL, &steps, &mut out), Ok(()));
    assert_eq!(out.iter().map(|stat| stat.file_type).collect::<Vec<_>>(), [FileType::Symlink]);
}

#[test]
fn revalidate_in_a_directory_that_was_given_back_is_unbound_behind_the_steps_before() {
    let served = Served::new();
    fs::create_dir_all(served.inside("d/e")).expect("made");
    let (_, found) = served.walk(&["d", "e"]).expect("walks");
    assert!(served.fs.relieve(usize::MAX) > 0);
    let steps = [
        Step { dir: &served.root, name: name("d"), key: found[0].stat.key },
        Step { dir: &found[0].node, name: name("e"), key: found[1].stat.key },
    ];
    let mut out = Vec::new();
    assert_eq!(served.fs.revalidate_many(CALL, &steps, &mut out), Err(Error::Unbound));
    assert_eq!(out.iter().map(|stat| stat.key).collect::<Vec<_>>(), [found[0].stat.key]);
}

#[test]
fn stat_of_an_unbound_directory_goes_by_its_name_and_without_one_is_unbound() {
    let served = Served::new();
    fs::create_dir(served.inside("d")).expect("made");
    let found = served.lookup("d");
    assert_eq!(served.fs.stat(CALL, served.object(&found, "d")).expect("there").key, found.stat.key);
    let nameless = Object { location: None, ..served.object(&found, "d") };
    assert_eq!(served.fs.stat(CALL, nameless), Err(Error::Unbound));
}

#[test]
fn magic_links_of_proc_are_links_like_any_other() {
    let fs = DirectFs::open_ambient("/proc/self").expect("procfs");
    let root = fs.root(CALL).expect("root").node;
    let mut out = Vec::new();
    let end = fs.walk_many(CALL, &root, &[name("root"), name("etc")], &mut out);
    assert_eq!((end, out.len()), (Ok(WalkEnd::NotDirectory), 1));
    let exe = fs.lookup(CALL, &root, name("exe")).expect("there");
    let object = Object {
        node: &exe.node,
        location: Some(Location { dir: &root, name: name("exe") }),
        key: exe.stat.key,
        file_type: FileType::Symlink,
    };
    assert_eq!(errno(fs.open(CALL, object, READ).map(drop)), Errno::Loop);
    // And if it is taken for a file, the open itself does not go through it.
    let lied = fs.open(CALL, Object { file_type: FileType::Regular, ..object }, READ);
    assert_eq!(errno(lied.map(drop)), Errno::Stale);
}

#[test]
fn names_that_leave_a_directory_cannot_be_asked_for() {
    for bytes in ["..", ".", "a/b", "/", "a/", "/etc", "a/../..", ""] {
        assert!(Name::new(bytes.as_bytes()).is_err(), "{bytes:?}");
    }
}

#[test]
fn set_times_never_reads_a_nanosecond_as_a_word() {
    let served = Served::new();
    fs::write(served.inside("f"), "").expect("made");
    let found = served.lookup("f");
    let handle = served.fs.open(CALL, served.object(&found, "f"), WRITE).expect("opens");
    let before = served.lookup("f").stat;
    for nanos in [rustix::fs::UTIME_NOW, rustix::fs::UTIME_OMIT] {
        let nanos = u32::try_from(nanos).expect("30 bits");
        let word = SetTime::At(Timespec { secs: 5, nanos });
        let set = SetStat { atime: Some(word), mtime: Some(word), ..SetStat::default() };
        for report in [served.fs.set_stat(CALL, served.object(&found, "f"), &set), handle.set_stat(CALL, &set)] {
            assert_eq!(report.expect("reached").errno, Some(Errno::Inval));
        }
    }
    assert_eq!(served.lookup("f").stat, before);
}

#[test]
fn set_owner_never_reads_a_number_as_leave_it() {
    let served = Served::new();
    fs::write(served.inside("f"), "").expect("made");
    let found = served.lookup("f");
    let set = SetStat { uid: Some(u32::MAX), ..SetStat::default() };
    let report = served.fs.set_stat(CALL, served.object(&found, "f"), &set).expect("reached");
    assert_eq!(report.errno, Some(Errno::Inval));
}

#[test]
fn nodes_of_one_backend_can_be_used_by_many_threads() {
    let served = Arc::new(Served::new());
    fs::create_dir(served.inside("d")).expect("made");
    let (_, found) = served.walk(&["d"]).expect("walks");
    let key: InodeKey = found[0].stat.key;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..500 {
                    let object = served.object(&found[0], "d");
                    assert_eq!(served.fs.stat(CALL, object).expect("there").key, key);
                    let at = Location { dir: &served.root, name: name("d") };
                    served.fs.restore(CALL, &found[0].node, at, key).expect("there");
                    served.fs.relieve(1);
                }
            });
        }
    });
}
