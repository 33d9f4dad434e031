//! What a directory backend can be opened on.

use crate::directfs_swapped::name;
use crate::harness::errno;
use cap_std::ambient_authority;
use std::fs;
use std::io::{IoSlice, IoSliceMut};
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use wasi_gofer::abi::{Call, Errno, Error, FileType, Mode, OpenFlags, SetStat, SetStatReport, Stat};
use wasi_gofer::backend::directfs::{DirectFs, DirectNode};
use wasi_gofer::backend::{Backend, Found, Handle, Object, SharedBackend};

const CALL: &Call = &Call::WAITING;

fn temp() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

/// The root as the object that a cache asks about: it has no location.
fn root_object(found: &Found<DirectNode>) -> Object<'_, DirectNode> {
    Object { node: &found.node, location: None, key: found.stat.key, file_type: found.stat.file_type }
}

fn open_file(path: &std::path::Path) -> (DirectFs, Found<DirectNode>) {
    let fs = DirectFs::open_ambient(path).expect("there");
    let root = fs.root(CALL).expect("root");
    (fs, root)
}

#[test]
fn a_file_as_source_is_the_root_and_can_be_used() {
    let dir = temp();
    fs::write(dir.path().join("f"), "data").expect("made");
    fs::write(dir.path().join("sibling"), "other").expect("made");
    let (fs, root) = open_file(&dir.path().join("f"));
    assert_eq!((root.stat.file_type, root.stat.size), (FileType::Regular, 4));
    assert_eq!(fs.root_key(), root.stat.key);
    let file = fs.open(CALL, root_object(&root), OpenFlags::READ | OpenFlags::WRITE).expect("opens");
    let mut bytes = [0; 8];
    assert_eq!(file.read_at(CALL, &mut [IoSliceMut::new(&mut bytes)], 0), Ok(4));
    assert_eq!(file.append(CALL, &[IoSlice::new(b"!")]), Ok((1, 5)));
    assert_eq!(fs.stat(CALL, root_object(&root)).map(|stat: Stat| stat.size), Ok(5));
    let set = SetStat { mode: Some(Mode::new(0o600)), ..SetStat::default() };
    assert_eq!(fs.set_stat(CALL, root_object(&root), &set), Ok(SetStatReport::DONE));
    assert_eq!(fs.statfs(CALL).expect("figures").name_max, 255);
}

#[test]
fn a_file_as_source_shows_nothing_else_of_its_directory() {
    let dir = temp();
    fs::write(dir.path().join("f"), "data").expect("made");
    fs::write(dir.path().join("sibling"), "other").expect("made");
    let (fs, root) = open_file(&dir.path().join("f"));
    let (node, mode) = (&root.node, Mode::new(0o644));
    assert_eq!(errno(fs.lookup(CALL, node, name("sibling")).map(drop)), Errno::Notdir);
    assert_eq!(errno(fs.walk_many(CALL, node, &[name("sibling")], &mut Vec::new())), Errno::Notdir);
    assert_eq!(errno(fs.create(CALL, node, name("x"), OpenFlags::WRITE, mode).map(drop)), Errno::Notdir);
    assert_eq!(errno(fs.mkdir(CALL, node, name("x"), mode).map(drop)), Errno::Notdir);
    assert_eq!(errno(fs.unlink(CALL, node, name("sibling"))), Errno::Notdir);
    assert_eq!(errno(fs.read_dir(CALL, node, 0, &mut |_| true)), Errno::Notdir);
    assert_eq!(errno(fs.link(CALL, root_object(&root), node, name("x"))), Errno::Notdir);
    assert_eq!(fs::read_dir(dir.path()).expect("there").count(), 2);
}

#[test]
fn a_file_as_source_that_is_replaced_is_stale_until_it_is_found_anew() {
    let dir = temp();
    let path = dir.path().join("f");
    fs::write(&path, "one").expect("made");
    let (fs, old) = open_file(&path);
    fs::write(dir.path().join("new"), "three").expect("made");
    fs::rename(dir.path().join("new"), &path).expect("replaces, as editors do");
    assert_eq!(errno(fs.stat(CALL, root_object(&old))), Errno::Stale);
    assert_eq!(errno(fs.open(CALL, root_object(&old), OpenFlags::READ).map(drop)), Errno::Stale);
    let new = fs.root(CALL).expect("found anew");
    assert_eq!(fs.stat(CALL, root_object(&new)).map(|stat| stat.size), Ok(5));
    fs::remove_file(&path).expect("there");
    symlink("/etc/passwd", &path).expect("made");
    assert_eq!(errno(fs.root(CALL).map(drop)), Errno::Stale);
    fs::remove_file(&path).expect("there");
    fs::create_dir(&path).expect("made");
    assert_eq!(errno(fs.root(CALL).map(drop)), Errno::Stale);
}

#[test]
fn symbolic_links_on_the_way_to_a_source_are_followed_once() {
    let dir = temp();
    fs::create_dir(dir.path().join("d")).expect("made");
    fs::write(dir.path().join("d/f"), "data").expect("made");
    symlink("d", dir.path().join("dir-link")).expect("made");
    symlink("dir-link/f", dir.path().join("file-link")).expect("made");
    let (_, root) = open_file(&dir.path().join("dir-link"));
    assert_eq!(root.stat.file_type, FileType::Directory);
    let (fs, root) = open_file(&dir.path().join("file-link"));
    assert_eq!((root.stat.file_type, root.stat.size), (FileType::Regular, 4));
    fs::remove_file(dir.path().join("file-link")).expect("there");
    assert!(fs.root(CALL).is_ok());
}

#[test]
fn a_source_that_is_missing_or_below_a_file_is_refused() {
    let dir = temp();
    fs::write(dir.path().join("f"), "").expect("made");
    symlink("nowhere", dir.path().join("dangling")).expect("made");
    let open = |path: &str| DirectFs::open_ambient(dir.path().join(path)).map(drop);
    assert_eq!(errno(open("missing")), Errno::Noent);
    assert_eq!(errno(open("dangling")), Errno::Noent);
    assert_eq!(errno(open("f/x")), Errno::Notdir);
    assert_eq!(errno(DirectFs::open_ambient("").map(drop)), Errno::Noent);
}

#[test]
fn a_device_as_source_is_opened_because_its_type_is_known() {
    let (fs, root) = open_file(std::path::Path::new("/dev/null"));
    assert_eq!(root.stat.file_type, FileType::CharDevice);
    assert!(fs.open(CALL, root_object(&root), OpenFlags::WRITE | OpenFlags::TRUNC).is_ok());
}

#[test]
fn a_directory_that_is_held_already_is_a_source() {
    let dir = temp();
    fs::write(dir.path().join("f"), "").expect("made");
    let held = cap_std::fs::Dir::open_ambient_dir(dir.path(), ambient_authority()).expect("there");
    let fs = DirectFs::from_dir(held).expect("a directory");
    let root = fs.root(CALL).expect("root").node;
    assert!(fs.lookup(CALL, &root, name("f")).is_ok());
    let handed = SharedBackend::new(fs);
    assert_eq!(handed.root_type(), Ok(FileType::Directory));
}

#[test]
fn a_source_that_was_moved_is_still_served() {
    let dir = temp();
    fs::create_dir(dir.path().join("d")).expect("made");
    fs::write(dir.path().join("d/f"), "").expect("made");
    let (fs, root) = open_file(&dir.path().join("d"));
    fs::rename(dir.path().join("d"), dir.path().join("e")).expect("moves");
    assert!(fs.lookup(CALL, &root.node, name("f")).is_ok());
    assert_eq!(fs.root(CALL).expect("held").stat.key, root.stat.key);
}

#[test]
fn two_backends_of_one_directory_have_one_root_key() {
    let dir = temp();
    symlink(".", dir.path().join("self")).expect("made");
    let (one, _) = open_file(dir.path());
    let (two, _) = open_file(&dir.path().join("self"));
    assert_eq!(one.root_key(), two.root_key());
}

#[test]
fn lineage_is_the_source_and_all_that_is_above() {
    let dir = temp();
    fs::create_dir_all(dir.path().join("a/b")).expect("made");
    fs::write(dir.path().join("a/b/f"), "").expect("made");
    let lineage = |path: &str| DirectFs::open_ambient(dir.path().join(path)).expect("there").lineage();
    let (top, b, f) = (lineage(""), lineage("a/b"), lineage("a/b/f"));
    assert_eq!((b.len(), f.len()), (top.len() + 2, top.len() + 3));
    assert_eq!((&b[2..], &f[1..]), (top.as_slice(), b.as_slice()));
    let root = DirectFs::open_ambient("/").expect("there");
    assert_eq!((root.lineage(), b.last()), (vec![root.root_key()], Some(&root.root_key())));
}

#[test]
fn lock_tree_is_busy_for_the_second_backend_until_the_first_is_gone() {
    let dir = temp();
    fs::write(dir.path().join("f"), "").expect("made");
    for path in ["", "f"] {
        let open = || DirectFs::open_ambient(dir.path().join(path)).expect("there");
        let (first, second) = (open(), open());
        assert_eq!(first.lock_tree(), Ok(()));
        assert_eq!(errno(second.lock_tree()), Errno::Busy);
        drop(first);
        // A program that another test starts just then has a copy of the descriptor until it runs, and with it the lock.
        let until = Instant::now() + Duration::from_secs(30);
        let mut locked = second.lock_tree();
        while locked == Err(Errno::Busy.into()) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(2));
            locked = second.lock_tree();
        }
        assert_eq!(locked, Ok(()));
    }
}

#[test]
fn capabilities_say_whether_calls_may_block() {
    let dir = temp();
    let fs = DirectFs::open_ambient(dir.path()).expect("there");
    assert!(!fs.capabilities().may_block && !fs.capabilities().read_only);
    assert_eq!(fs.root(&Call::NOT_WAITING).map(drop), Ok(()), "a local directory never waits");
    let fs = fs.assume_blocking(true);
    assert!(fs.capabilities().may_block);
    assert_eq!(fs.root(&Call::NOT_WAITING).map(drop), Err(Error::WouldWait));
}

#[test]
fn a_removed_directory_lists_as_empty() {
    let dir = temp();
    fs::create_dir(dir.path().join("d")).expect("made");
    let (fs, root) = open_file(&dir.path().join("d"));
    fs::remove_dir(dir.path().join("d")).expect("empty");
    assert_eq!(fs.read_dir(CALL, &root.node, 0, &mut |_| true), Ok(true));
}
