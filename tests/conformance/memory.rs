//! What is particular to the filesystem in memory.

use crate::directfs_swapped::name;
use crate::harness::errno;
use std::io::{IoSlice, IoSliceMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use wasi_gofer::abi::{Call, Errno, FileType, Mode, OpenFlags, SetStat, Stat, Timespec};
use wasi_gofer::backend::memory::{MemoryFs, MemoryNode};
use wasi_gofer::backend::{Backend, Found, Handle, Location, Object, WalkEnd};

const CALL: &Call = &Call::WAITING;

fn root(fs: &MemoryFs) -> MemoryNode {
    fs.root(CALL).expect("root").node
}

fn walk(fs: &MemoryFs, path: &[&str]) -> Found<MemoryNode> {
    let names: Vec<_> = path.iter().map(|component| name(component)).collect();
    let mut found = Vec::new();
    assert_eq!(fs.walk_many(CALL, &root(fs), &names, &mut found), Ok(WalkEnd::Complete));
    found.pop().expect("one a name")
}

fn object(found: &Found<MemoryNode>) -> Object<'_, MemoryNode> {
    Object { node: &found.node, location: None, key: found.stat.key, file_type: found.stat.file_type }
}

fn contents(fs: &MemoryFs, path: &[&str]) -> Vec<u8> {
    let file = fs.open(CALL, object(&walk(fs, path)), OpenFlags::READ).expect("opens");
    let mut bytes = vec![0; 1 << 20];
    let length = file.read_at(CALL, &mut [IoSliceMut::new(&mut bytes)], 0).expect("reads");
    bytes.truncate(length);
    bytes
}

#[test]
fn with_file_makes_what_is_missing_on_the_way() {
    let long = vec![7; 200_000];
    let fs = MemoryFs::new().with_file("a/b/one", "1").and_then(|fs| fs.with_file("/a//b/two/", &long)).expect("built");
    assert_eq!((contents(&fs, &["a", "b", "one"]), contents(&fs, &["a", "b", "two"])), (b"1".to_vec(), long));
    let modes = [walk(&fs, &["a"]), walk(&fs, &["a", "b", "one"])].map(|found| found.stat.mode.bits());
    assert_eq!(modes, [0o755, 0o644]);
}

#[test]
fn with_file_of_an_impossible_path_is_refused() {
    let with = |path: &str| MemoryFs::new().with_file("f", "").and_then(|fs| fs.with_file(path, "")).map(drop);
    assert_eq!(errno(with("f")), Errno::Exist);
    assert_eq!(errno(with("f/g")), Errno::Notdir);
    assert_eq!(errno(with("")), Errno::Isdir);
    assert_eq!(errno(with("/")), Errno::Isdir);
    assert_eq!(errno(with("a/../b")), Errno::Inval);
    assert_eq!(errno(MemoryFs::new().max_bytes(10).with_file("f", [0; 200]).map(drop)), Errno::Nospc);
}

#[test]
fn times_come_from_the_clock_that_was_given() {
    let now = Arc::new(AtomicI64::new(1000));
    let clock = Arc::clone(&now);
    let fs = MemoryFs::new().with_clock(move || Timespec { secs: clock.load(Ordering::Relaxed), nanos: 7 });
    let at = |secs| Timespec { secs, nanos: 7 };
    let times = |stat: Stat| (stat.atime, stat.mtime, stat.ctime);
    assert_eq!(times(fs.root(CALL).expect("root").stat), (at(1000), at(1000), at(1000)));
    now.store(2000, Ordering::Relaxed);
    let made =
        fs.create(CALL, &root(&fs), name("f"), OpenFlags::READ | OpenFlags::WRITE, Mode::new(0o644)).expect("made");
    now.store(3000, Ordering::Relaxed);
    made.handle.write_at(CALL, &[IoSlice::new(b"x")], 0).expect("writes");
    assert_eq!(times(made.handle.stat(CALL).expect("open")), (at(2000), at(3000), at(3000)));
    now.store(4000, Ordering::Relaxed);
    let mut byte = [0];
    made.handle.read_at(CALL, &mut [IoSliceMut::new(&mut byte)], 0).expect("reads");
    now.store(5000, Ordering::Relaxed);
    made.handle.read_at(CALL, &mut [IoSliceMut::new(&mut byte)], 0).expect("reads");
    // Once after each change, as relatime.
    assert_eq!(times(made.handle.stat(CALL).expect("open")), (at(4000), at(3000), at(3000)));
    assert_eq!(times(fs.root(CALL).expect("root").stat), (at(1000), at(2000), at(2000)));
}

#[test]
fn two_filesystems_never_share_a_key() {
    let keys = [(); 3].map(|()| MemoryFs::new().root(CALL).expect("root").stat.key);
    assert!(keys[0] != keys[1] && keys[1] != keys[2] && keys[0] != keys[2]);
    assert!(keys.iter().all(|key| key.dev > u64::from(u32::MAX)));
}

#[test]
fn an_object_without_a_name_lives_while_it_has_a_node() {
    let fs = MemoryFs::new().with_file("f", "data").expect("built");
    let found = walk(&fs, &["f"]);
    fs.unlink(CALL, &root(&fs), name("f")).expect("there");
    let file = fs.open(CALL, object(&found), OpenFlags::READ).expect("opens by its node");
    assert_eq!(file.stat(CALL).expect("open").nlink, 0);
}

#[test]
fn a_removed_directory_lists_as_empty_and_takes_nothing_in() {
    let fs = MemoryFs::new();
    let dir = fs.mkdir(CALL, &root(&fs), name("d"), Mode::new(0o755)).expect("made");
    fs.rmdir(CALL, &root(&fs), name("d")).expect("empty");
    assert_eq!(fs.read_dir(CALL, &dir.node, 0, &mut |_| true), Ok(true));
    assert_eq!(errno(fs.mkdir(CALL, &dir.node, name("x"), Mode::new(0o755)).map(drop)), Errno::Noent);
    assert_eq!(fs.stat(CALL, object(&dir)).expect("a node keeps it").nlink, 0);
}

#[test]
fn the_sink_of_a_listing_may_use_the_filesystem() {
    let fs = MemoryFs::new().with_file("a", "").and_then(|fs| fs.with_file("b", "")).expect("built");
    let root = root(&fs);
    let end = fs.read_dir(CALL, &root, 0, &mut |entry| fs.unlink(CALL, &root, entry.name).is_ok());
    assert_eq!(end, Ok(true));
    assert_eq!(fs.read_dir(CALL, &root, 0, &mut |_| panic!("nothing is left")), Ok(true));
}

#[test]
fn names_of_one_object_count_against_the_bound_of_inodes() {
    let fs = MemoryFs::new().max_inodes(4).with_file("f", "").expect("built");
    let (root, found) = (root(&fs), walk(&fs, &["f"]));
    for new in ["g", "h"] {
        fs.link(CALL, object(&found), &root, name(new)).expect("fits");
    }
    assert_eq!(errno(fs.link(CALL, object(&found), &root, name("i"))), Errno::Nospc);
    fs.unlink(CALL, &root, name("f")).expect("there");
    fs.link(CALL, object(&found), &root, name("i")).expect("room again");
    let (from, to) = (Location { dir: &root, name: name("i") }, Location { dir: &root, name: name("g") });
    fs.rename(CALL, from, to).expect("does nothing");
    assert_eq!(fs.statfs(CALL).expect("figures").files_free, 0);
}

#[test]
fn a_full_filesystem_refuses_and_has_room_again() {
    let fs = MemoryFs::new().max_bytes(1 << 16);
    let root = root(&fs);
    let made = fs.create(CALL, &root, name("f"), OpenFlags::WRITE, Mode::new(0o644)).expect("made");
    assert_eq!(made.handle.write_at(CALL, &[IoSlice::new(&[1; 1 << 17])], 0), Ok(1 << 16));
    assert_eq!(errno(made.handle.write_at(CALL, &[IoSlice::new(b"x")], 1 << 16)), Errno::Nospc);
    assert_eq!(made.handle.write_at(CALL, &[IoSlice::new(b"x")], 5), Ok(1), "within the file there is room");
    assert_eq!(errno(fs.symlink(CALL, &root, name("l"), b"target").map(drop)), Errno::Nospc);
    let smaller = SetStat { size: Some(0), ..SetStat::default() };
    made.handle.set_stat(CALL, &smaller).expect("open");
    fs.symlink(CALL, &root, name("l"), b"target").expect("room again");
}

#[test]
fn a_new_entry_inherits_from_a_set_group_id_directory() {
    let fs = MemoryFs::new();
    let dir = fs.mkdir(CALL, &root(&fs), name("d"), Mode::new(0o755)).expect("made");
    let set = SetStat { gid: Some(42), mode: Some(Mode::new(0o2755)), ..SetStat::default() };
    fs.set_stat(CALL, object(&dir), &set).expect("set");
    let file = fs.create(CALL, &dir.node, name("f"), OpenFlags::WRITE, Mode::new(0o644)).expect("made").found.stat;
    let sub = fs.mkdir(CALL, &dir.node, name("s"), Mode::new(0o755)).expect("made").stat;
    assert_eq!((file.gid, file.mode.bits(), sub.gid, sub.mode.bits()), (42, 0o644, 42, 0o2755));
}

#[test]
fn a_very_deep_tree_is_dropped_and_searched_without_recursion() {
    let fs = MemoryFs::new();
    let mut dir = root(&fs);
    for _ in 0..100_000 {
        dir = fs.mkdir(CALL, &dir, name("d"), Mode::new(0o755)).expect("made").node;
    }
    let (top, bottom) = (root(&fs), dir);
    let moved = fs.rename(CALL, Location { dir: &top, name: name("d") }, Location { dir: &bottom, name: name("x") });
    assert_eq!(errno(moved), Errno::Inval);
    drop((bottom, top));
    drop(fs);
}

#[test]
fn many_threads_change_one_tree() {
    let fs = MemoryFs::new();
    let root = root(&fs);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (fs, root) = (&fs, &root);
            scope.spawn(move || {
                let own = format!("t{thread}");
                for _ in 0..300 {
                    let made = fs.create(CALL, root, name(&own), OpenFlags::WRITE, Mode::new(0o644)).expect("made");
                    made.handle.write_at(CALL, &[IoSlice::new(b"x")], 0).expect("writes");
                    let (from, to) =
                        (Location { dir: root, name: name(&own) }, Location { dir: root, name: name("all") });
                    fs.rename(CALL, from, to).expect("replaces");
                    fs.read_dir(CALL, root, 0, &mut |_| true).expect("lists");
                }
            });
        }
    });
    let mut left = Vec::new();
    fs.read_dir(CALL, &root, 0, &mut |entry| {
        left.push((entry.name.as_bytes().to_vec(), entry.file_type));
        true
    })
    .expect("lists");
    assert_eq!(left, [(b"all".to_vec(), Some(FileType::Regular))]);
    let figures = fs.statfs(CALL).expect("figures");
    assert_eq!(figures.files - figures.files_free, 2, "all others were given back");
}
