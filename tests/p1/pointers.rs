//! Pointers out of the memory and misaligned ones end the guest; no bytes at any pointer inside are well.

use crate::kit::{Errno, Guest, Memories, Open, Word, args, at_root, mount};
use wasi_gofer::{MemoryFs, MountOptions};

/// Aligned for everything, and far outside.
const WILD: u32 = 0xffff_fff8;
/// Inside, aligned for everything; where results go.
const GOOD: u32 = 0x20000;
/// Says "file".
const PATH: u32 = 0x30000;
/// An iovec (`GOOD`, 4), and one of (`WILD`, 8).
const IOVEC: u32 = 0x30100;
const WILD_IOVEC: u32 = 0x30200;
/// A subscription: a clock that has run out.
const SUBSCRIPTION: u32 = 0x30300;

fn files() -> MemoryFs {
    MemoryFs::new().with_file("file", "contents").expect("made")
}

/// Every function with one wild pointer at a time; the other arguments are fine. `file` is open for both.
fn calls_with_a_wild_pointer(file: u32) -> Vec<(&'static str, Vec<Word>)> {
    let dir = Guest::ROOT;
    let mut calls: Vec<(&'static str, Vec<Word>)> = Vec::new();
    let mut add = |name, args: &[Word]| calls.push((name, args.to_vec()));
    for (fd, read) in [(file, true), (file, false), (0, true), (1, false)] {
        let name = if read { "fd_read" } else { "fd_write" };
        add(name, args![fd, WILD, 1, GOOD]);
        add(name, args![fd, WILD_IOVEC, 1, GOOD]);
        add(name, args![fd, IOVEC, 1, WILD]);
    }
    for name in ["fd_pread", "fd_pwrite"] {
        add(name, args![file, WILD, 1, 0i64, GOOD]);
        add(name, args![file, WILD_IOVEC, 1, 0i64, GOOD]);
        add(name, args![file, IOVEC, 1, 0i64, WILD]);
    }
    for fd in [file, dir, 1] {
        add("fd_fdstat_get", args![fd, WILD]);
        add("fd_filestat_get", args![fd, WILD]);
    }
    add("fd_prestat_get", args![dir, WILD]);
    add("fd_prestat_dir_name", args![dir, WILD, 1]);
    add("fd_readdir", args![dir, WILD, 64, 0i64, GOOD]);
    add("fd_readdir", args![dir, GOOD, 64, 0i64, WILD]);
    add("fd_seek", args![file, 0i64, 0, WILD]);
    add("fd_tell", args![file, WILD]);
    for name in ["path_create_directory", "path_remove_directory", "path_unlink_file"] {
        add(name, args![dir, WILD, 4]);
    }
    add("path_filestat_get", args![dir, 0, WILD, 4, GOOD]);
    add("path_filestat_get", args![dir, 0, PATH, 4, WILD]);
    add("path_filestat_set_times", args![dir, 0, WILD, 4, 0i64, 0i64, 0]);
    add("path_link", args![dir, 0, WILD, 4, dir, PATH, 4]);
    add("path_link", args![dir, 0, PATH, 4, dir, WILD, 4]);
    add("path_open", args![dir, 0, WILD, 4, 0, 0i64, 0i64, 0, GOOD]);
    add("path_open", args![dir, 0, PATH, 4, 0, 0i64, 0i64, 0, WILD]);
    add("path_readlink", args![dir, WILD, 4, GOOD, 64, GOOD]);
    add("path_rename", args![dir, WILD, 4, dir, PATH, 4]);
    add("path_rename", args![dir, PATH, 4, dir, WILD, 4]);
    add("path_symlink", args![WILD, 4, dir, PATH, 4]);
    add("path_symlink", args![PATH, 4, dir, WILD, 4]);
    add("poll_oneoff", args![WILD, GOOD, 1, GOOD]);
    add("poll_oneoff", args![SUBSCRIPTION, WILD, 1, GOOD]);
    add("poll_oneoff", args![SUBSCRIPTION, GOOD, 1, WILD]);
    add("args_get", args![WILD, GOOD]);
    add("args_get", args![GOOD, WILD]);
    add("args_sizes_get", args![WILD, GOOD]);
    add("args_sizes_get", args![GOOD, WILD]);
    add("environ_get", args![WILD, GOOD]);
    add("environ_get", args![GOOD, WILD]);
    add("environ_sizes_get", args![WILD, GOOD]);
    add("clock_time_get", args![0, 0i64, WILD]);
    add("clock_res_get", args![0, WILD]);
    add("random_get", args![WILD, 8]);
    calls
}

fn guest_with_good_memory(memories: Memories) -> (Guest, u32) {
    let mut guest = Guest::with_memories(memories, mount("/", files(), MountOptions::default()).ctx());
    let file = guest.open("file", Open::READ_WRITE).expect("opened");
    guest.put(PATH, b"file");
    guest.put(IOVEC, &[GOOD.to_le_bytes(), 4u32.to_le_bytes()].concat());
    guest.put(WILD_IOVEC, &[WILD.to_le_bytes(), 8u32.to_le_bytes()].concat());
    (guest, file)
}

#[test]
fn every_function_with_a_pointer_out_of_bounds_traps() {
    let (mut guest, file) = guest_with_good_memory(Memories::Exported);

    for (name, args) in calls_with_a_wild_pointer(file) {
        guest.trap(name, &args);
    }

    assert_eq!(guest.names("."), Ok(vec!["file".to_owned()]));
}

#[test]
fn every_function_with_a_pointer_out_of_bounds_of_a_shared_memory_traps() {
    let (mut guest, file) = guest_with_good_memory(Memories::Shared);

    for (name, args) in calls_with_a_wild_pointer(file) {
        guest.trap(name, &args);
    }

    assert_eq!(guest.names("."), Ok(vec!["file".to_owned()]));
}

#[test]
fn structs_at_a_misaligned_pointer_trap() {
    let (mut guest, file) = guest_with_good_memory(Memories::Exported);
    let dir = Guest::ROOT;

    for by in [1, 2, 3] {
        guest.trap("fd_read", args![file, IOVEC + by, 1, GOOD]);
        guest.trap("fd_write", args![file, IOVEC + by, 1, GOOD]);
        guest.trap("fd_pread", args![file, IOVEC, 1, 0i64, GOOD + by]);
        guest.trap("fd_prestat_get", args![dir, GOOD + by]);
        guest.trap("fd_readdir", args![dir, GOOD, 64, 0i64, GOOD + by]);
        guest.trap("path_open", args![dir, 0, PATH, 4, 0, 0i64, 0i64, 0, GOOD + by]);
        guest.trap("poll_oneoff", args![SUBSCRIPTION, GOOD, 1, GOOD + by]);
    }
    for by in [1, 2, 4, 7] {
        guest.trap("fd_fdstat_get", args![file, GOOD + by]);
        guest.trap("fd_fdstat_get", args![dir, GOOD + by]);
        guest.trap("fd_filestat_get", args![file, GOOD + by]);
        guest.trap("path_filestat_get", args![dir, 0, PATH, 4, GOOD + by]);
        guest.trap("fd_seek", args![file, 0i64, 0, GOOD + by]);
        guest.trap("fd_tell", args![file, GOOD + by]);
        guest.trap("poll_oneoff", args![SUBSCRIPTION + by, GOOD, 1, GOOD]);
        guest.trap("poll_oneoff", args![SUBSCRIPTION, GOOD + by, 1, GOOD]);
    }
}

#[test]
fn structs_that_begin_inside_and_end_outside_trap() {
    let (mut guest, file) = guest_with_good_memory(Memories::Exported);
    let end = Guest::MEMORY;

    guest.trap("fd_filestat_get", args![file, end - 56]);
    guest.trap("fd_fdstat_get", args![file, end - 16]);
    guest.trap("fd_prestat_get", args![Guest::ROOT, end - 4]);
    guest.trap("fd_read", args![file, end - 8, 2, GOOD]);
    guest.trap("fd_readdir", args![Guest::ROOT, end - 63, 64, 0i64, GOOD]);
    guest.trap("path_unlink_file", args![Guest::ROOT, end - 3, 4]);
    guest.trap("poll_oneoff", args![end - 40, GOOD, 1, GOOD]);
    guest.trap("poll_oneoff", args![SUBSCRIPTION, end - 24, 1, GOOD]);

    assert_eq!(guest.answer("fd_filestat_get", args![file, end - 64]), Ok(()));
}

#[test]
fn bytes_at_an_odd_pointer_are_well() {
    let mut guest = at_root(files());
    let fd = guest.open("file", Open::READ).expect("opened");

    assert_eq!(guest.readv(fd, &[(GOOD + 1, 3), (GOOD + 7, 5)]), Ok(8));

    assert_eq!(guest.get(GOOD + 1, 3), b"con");
    assert_eq!(guest.get(GOOD + 7, 5), b"tents");
}

#[test]
fn no_bytes_at_the_end_of_the_memory_are_well() {
    let mut guest = at_root(files());
    let fd = guest.open("file", Open::READ_WRITE).expect("opened");
    let end = Guest::MEMORY;

    assert_eq!(guest.answer("fd_read", args![fd, end, 0, GOOD]), Ok(()));
    assert_eq!(guest.answer("fd_write", args![fd, end, 0, GOOD]), Ok(()));
    assert_eq!(guest.readv(fd, &[(end, 0)]), Ok(0));
    assert_eq!(guest.writev(fd, &[(end, 0)]), Ok(0));
    assert_eq!(guest.answer("fd_readdir", args![Guest::ROOT, end, 0, 0i64, GOOD]), Ok(()));
    assert_eq!(guest.u32_at(GOOD), 0);
    assert_eq!(guest.answer("random_get", args![end, 0]), Ok(()));
    assert_eq!(guest.answer("path_unlink_file", args![Guest::ROOT, end, 0]), Err(Errno::NOENT));
}

#[test]
fn results_that_end_where_the_address_space_does_are_put_there() {
    let mut guest = at_root(files());
    guest.grow(65_536 - u64::from(Guest::MEMORY >> 16));
    // The rest are zeros: a clock that has run out.
    guest.put(SUBSCRIPTION, &7u64.to_le_bytes());

    assert_eq!(guest.answer("fd_readdir", args![Guest::ROOT, 0xffff_ffe0_u32, 32, 0i64, GOOD]), Ok(()));
    assert_eq!(guest.u32_at(GOOD), 32);
    assert_eq!(guest.answer("poll_oneoff", args![SUBSCRIPTION, 0xffff_ffe0_u32, 1, GOOD]), Ok(()));
    assert_eq!(guest.u32_at(GOOD), 1);
    assert_eq!(guest.get(0xffff_ffe0, 8), 7u64.to_le_bytes());
}

#[test]
fn write_with_a_later_room_out_of_bounds_writes_nothing() {
    let mut guest = at_root(files());
    let fd = guest.open("file", Open::READ_WRITE).expect("opened");
    guest.put(GOOD, b"XXXX");
    let (iovecs, n) = guest.iovecs(&[(GOOD, 4), (WILD, 4)]);

    guest.trap("fd_write", args![fd, iovecs, n, GOOD + 64]);

    assert_eq!(guest.contents("file").as_deref(), Ok("contents"));
}

#[test]
fn open_that_cannot_tell_its_number_makes_nothing() {
    let mut guest = at_root(files());
    guest.put(GOOD, b"made");
    let (dir, create, rights) = (Guest::ROOT, 1, 1i64 << 6);

    guest.trap("path_open", args![dir, 0, GOOD, 4, create, rights, rights, 0, WILD]);
    guest.trap("path_open", args![dir, 0, GOOD, 4, create, rights, rights, 0, GOOD + 65]);

    assert_eq!(guest.lstat("made"), Err(Errno::NOENT));
}
