//! What is answered without waiting, and what a call that would wait leaves as it was.

use crate::kit::{Mounted, NOT_WAITING, READ_WRITE, WAITING, names, open, open_dir};
use std::io::{IoSlice, IoSliceMut};
use wasi_gofer::CachePolicy;
use wasi_gofer::abi::{Errno, Error};
use wasi_gofer::vfs::{OpenHow, SeekFrom};

/// Asserts that what `ask` asks is answered without the backend and without waiting.
fn is_a_hit<T: std::fmt::Debug + PartialEq>(mounted: &Mounted, mut ask: impl FnMut(bool) -> Result<T, Error>) {
    let warm = ask(true);
    mounted.plan.set_would_wait(true);
    let before = mounted.asked();
    let hit = ask(false);
    mounted.plan.set_would_wait(false);
    assert_eq!((hit, mounted.asked() - before), (warm, 0));
}

fn call(may_wait: bool) -> &'static wasi_gofer::Call {
    if may_wait { WAITING } else { NOT_WAITING }
}

#[test]
fn stat_of_a_known_name_in_exclusive_is_a_hit() {
    let mounted = Mounted::new(CachePolicy::Exclusive);
    let root = mounted.root();
    is_a_hit(&mounted, |wait| root.stat_at(call(wait), b"dir/sub/deep", true));
    is_a_hit(&mounted, |wait| root.stat_at(call(wait), b"dir/../dir/sub/", true));
}

#[test]
fn stat_of_a_missing_name_in_exclusive_is_a_hit() {
    let mounted = Mounted::new(CachePolicy::Exclusive);
    let root = mounted.root();
    is_a_hit(&mounted, |wait| root.stat_at(call(wait), b"dir/missing", true));
    is_a_hit(&mounted, |wait| root.stat_at(call(wait), b"dir/one/missing", true));
}

#[test]
fn list_of_a_listed_directory_in_exclusive_is_a_hit() {
    let mounted = Mounted::new(CachePolicy::Exclusive);
    let dir = open_dir(&mounted.root(), WAITING, "dir").expect("there");
    is_a_hit(&mounted, |wait| names(&dir, call(wait)));
}

#[test]
fn readlink_of_a_read_link_in_exclusive_is_a_hit() {
    let mounted = Mounted::new(CachePolicy::Exclusive);
    let root = mounted.root();
    root.symlink_at(WAITING, b"dir/one", b"link").expect("made");
    is_a_hit(&mounted, |wait| root.readlink_at(call(wait), b"link"));
    is_a_hit(&mounted, |wait| root.stat_at(call(wait), b"link", true));
}

#[test]
fn open_of_a_file_closed_before_in_exclusive_is_a_hit() {
    let mounted = Mounted::new(CachePolicy::Exclusive);
    let root = mounted.root();
    is_a_hit(&mounted, |wait| {
        let file = open(&root, call(wait), "dir/one", READ_WRITE)?;
        let stat = file.stat(call(wait));
        file.close(call(wait)).expect("closed");
        stat
    });
}

#[test]
fn open_of_a_known_directory_in_exclusive_is_a_hit() {
    let mounted = Mounted::new(CachePolicy::Exclusive);
    let root = mounted.root();
    is_a_hit(&mounted, |wait| open_dir(&root, call(wait), "dir/sub")?.stat(call(wait)));
}

#[test]
fn everything_in_shared_would_wait() {
    let mounted = Mounted::new(CachePolicy::Shared);
    let root = mounted.root();
    let file = open(&root, WAITING, "dir/one", READ_WRITE).expect("there");
    root.stat_at(WAITING, b"dir/sub/deep", true).expect("there");
    mounted.plan.set_would_wait(true);
    assert_eq!(root.stat_at(NOT_WAITING, b"dir/sub/deep", true), Err(Error::WouldWait));
    assert_eq!(names(&root, NOT_WAITING), Err(Error::WouldWait));
    assert_eq!(file.stat(NOT_WAITING), Err(Error::WouldWait));
    assert_eq!(open(&root, NOT_WAITING, "dir/one", READ_WRITE).map(drop), Err(Error::WouldWait));
}

#[test]
fn read_and_write_that_would_wait_leave_the_position() {
    let mounted = Mounted::new(CachePolicy::Exclusive);
    let file = open(&mounted.root(), WAITING, "dir/one", READ_WRITE).expect("there");
    file.seek(WAITING, 3, SeekFrom::Start).expect("moved");
    mounted.plan.set_would_wait(true);
    let mut buf = [0; 4];
    assert_eq!(file.read(NOT_WAITING, &mut [IoSliceMut::new(&mut buf)]), Err(Error::WouldWait));
    let large = vec![b'x'; 1 << 16];
    assert_eq!(file.write(NOT_WAITING, &[IoSlice::new(&large)]), Err(Error::WouldWait));
    file.set_append(true);
    assert_eq!(file.write(NOT_WAITING, &[IoSlice::new(&large)]), Err(Error::WouldWait));
    assert_eq!(file.tell(), 3);
    assert_eq!(file.read(WAITING, &mut [IoSliceMut::new(&mut buf)]), Ok(4));
    assert_eq!(&buf, b"/one");
}

#[test]
fn read_and_write_of_pages_in_exclusive_are_hits() {
    let writeback = std::time::Duration::from_secs(3_600);
    let options = wasi_gofer::FsOptions { writeback, ..wasi_gofer::FsOptions::with_policy(CachePolicy::Exclusive) };
    let mounted = Mounted::with(options);
    let file = open(&mounted.root(), WAITING, "dir/one", READ_WRITE).expect("there");
    is_a_hit(&mounted, |wait| {
        let mut buf = [0; 16];
        let read = file.read_at(call(wait), &mut [IoSliceMut::new(&mut buf)], 0)?;
        file.write_at(call(wait), &[IoSlice::new(b"x")], 2)?;
        let written = file.write_at(call(wait), &[IoSlice::new(b"beyond")], 3_000)?;
        Ok((read > 0, written, file.stat(call(wait))?.size))
    });
}

#[test]
fn read_of_which_only_the_start_is_cached_would_wait_for_the_rest() {
    let mounted = Mounted::new(CachePolicy::Exclusive);
    let file = open(&mounted.root(), WAITING, "dir/one", READ_WRITE).expect("there");
    file.set_size(WAITING, 0).expect("cut");
    file.set_size(WAITING, 20).expect("a hole");
    file.write_at(WAITING, &[IoSlice::new(b"start")], 0).expect("a part of a page");
    mounted.plan.set_would_wait(true);
    let mut buf = [9; 4];
    assert_eq!(file.read_at(NOT_WAITING, &mut [IoSliceMut::new(&mut buf)], 4), Err(Error::WouldWait));
    assert_eq!(file.read_at(WAITING, &mut [IoSliceMut::new(&mut buf)], 4), Ok(4));
    assert_eq!(&buf, b"t\0\0\0");
}

#[test]
fn write_in_writethrough_that_would_wait_changes_nothing() {
    let mounted = Mounted::new(CachePolicy::Writethrough);
    let file = open(&mounted.root(), WAITING, "dir/one", READ_WRITE).expect("there");
    mounted.plan.set_would_wait(true);
    assert_eq!(file.write_at(NOT_WAITING, &[IoSlice::new(b"x")], 0), Err(Error::WouldWait));
    assert_eq!(file.set_size(NOT_WAITING, 1), Err(Error::WouldWait));
    let mut buf = [0; 1];
    assert_eq!(file.read_at(WAITING, &mut [IoSliceMut::new(&mut buf)], 0), Ok(1));
    assert_ne!(buf, *b"x");
}

#[test]
fn list_that_would_wait_at_a_later_part_goes_on_there() {
    let options = wasi_gofer::FsOptions { list_limit: 0, ..Default::default() };
    let mounted = Mounted::with(options);
    let dir = open_dir(&mounted.root(), WAITING, "dir").expect("there");
    let (mut seen, mut cookie) = (Vec::new(), 0);
    let mut answers = Vec::new();
    for _ in 0..20 {
        mounted.plan.set_would_wait(answers.len() % 2 == 1);
        let mut one = None;
        let answer = dir.read_dir(NOT_WAITING, cookie, &mut |entry| {
            let first = one.is_none();
            one.get_or_insert_with(|| (entry.name.to_vec(), entry.next));
            first
        });
        if let Some((name, next)) = one {
            seen.push(name);
            cookie = next;
        }
        answers.push(answer);
    }
    assert!(answers.contains(&Err(Error::WouldWait)), "{answers:?}");
    seen.sort();
    assert_eq!(seen, [&b"."[..], b"..", b"one", b"sub", b"two"]);
}

#[test]
fn exclusive_create_that_would_wait_makes_nothing() {
    let mounted = Mounted::new(CachePolicy::Exclusive);
    let root = mounted.root();
    let how = OpenHow { create: true, exclusive: true, ..READ_WRITE };
    mounted.plan.set_would_wait(true);
    assert_eq!(open(&root, NOT_WAITING, "dir/new", how).map(drop), Err(Error::WouldWait));
    assert_eq!(root.create_directory_at(NOT_WAITING, b"dir/new"), Err(Error::WouldWait));
    mounted.plan.set_would_wait(false);
    assert_eq!(root.stat_at(WAITING, b"dir/new", true), Err(Errno::Noent.into()));
    assert!(open(&root, WAITING, "dir/new", how).is_ok());
    assert_eq!(open(&root, WAITING, "dir/new", how).map(drop), Err(Errno::Exist.into()));
}
