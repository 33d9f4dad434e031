//! What a guest can make the host allocate with one call, and what it can make it keep.

use crate::kit::abi::{Subscription, oflags};
use crate::kit::allocated::allocated_by;
use crate::kit::{Errno, Guest, Memories, Open, args, at_root, mount, options};
use wasi_gofer::{CachePolicy, FsOptions, MemoryFs, MountOptions};

const ROOM: u32 = 0x20000;
const OUT: u32 = 64;
/// More than any single call of these needs.
const MUCH: usize = 4 << 20;
/// What a call needs that only looks at its arguments.
const LITTLE: usize = 64 << 10;

fn guest() -> Guest {
    at_root(MemoryFs::new().max_bytes(1 << 20).with_file("file", vec![b'x'; 1 << 18]).expect("made"))
}

#[test]
fn read_into_four_gigabytes_of_rooms_allocates_no_more_than_a_buffer() {
    for memories in [Memories::Exported, Memories::Shared] {
        let files = MemoryFs::new().with_file("file", vec![b'x'; 1 << 18]).expect("made");
        let mut guest = Guest::with_memories(memories, mount("/", files, MountOptions::default()).ctx());
        let fd = guest.open("file", Open::READ).expect("opened");
        let (list, n) = guest.iovecs(&[(0, Guest::MEMORY); 1024]);

        let (result, allocated) = allocated_by(|| guest.answer("fd_pread", args![fd, list, n, 0i64, OUT]));

        assert_eq!(result, Ok(()));
        assert!(allocated.total < MUCH, "{memories:?}: {allocated:?}");
    }
}

#[test]
fn write_of_four_gigabytes_of_rooms_allocates_no_more_than_the_filesystem_may_hold() {
    for memories in [Memories::Exported, Memories::Shared] {
        let files = MemoryFs::new().max_bytes(1 << 20);
        let mut guest = Guest::with_memories(memories, mount("/", files, MountOptions::default()).ctx());
        let fd = guest.open("new", Open::CREATE).expect("opened");
        let (list, n) = guest.iovecs(&[(0, Guest::MEMORY); 1024]);

        let (_, allocated) = allocated_by(|| guest.answer("fd_write", args![fd, list, n, OUT]));

        assert!(allocated.total < 2 * MUCH, "{memories:?}: {allocated:?}");
        assert!(guest.fstat(fd).expect("stat").size <= 1 << 20);
    }
}

#[test]
fn a_list_longer_than_the_memory_allocates_nothing_for_what_is_not_there() {
    let mut guest = guest();
    let fd = guest.open("file", Open::READ).expect("opened");

    let (_, allocated) = allocated_by(|| guest.call("fd_read", args![fd, 0x40000, u32::MAX, OUT]));

    assert!(allocated.total < LITTLE, "{allocated:?}");
}

#[test]
fn readdir_into_a_huge_buffer_allocates_for_the_entries_alone() {
    let mut guest = guest();
    guest.names(".").expect("listed");

    let (result, allocated) =
        allocated_by(|| guest.answer("fd_readdir", args![Guest::ROOT, ROOM, Guest::MEMORY - ROOM, 0i64, OUT]));

    assert_eq!(result, Ok(()));
    assert!(allocated.total < LITTLE, "{allocated:?}");
}

#[test]
fn readdir_into_a_buffer_larger_than_the_memory_traps_and_allocates_nothing() {
    let mut guest = guest();
    let dir = guest.open(".", Open::DIRECTORY).expect("opened");

    let (result, allocated) = allocated_by(|| guest.call("fd_readdir", args![dir, ROOM, u32::MAX, 0i64, OUT]));

    assert!(result.is_err());
    assert!(allocated.largest < MUCH, "{allocated:?}");
}

#[test]
fn paths_of_megabytes_are_nametoolong_and_allocate_nothing() {
    for memories in [Memories::Exported, Memories::Shared] {
        let mut guest = Guest::with_memories(memories, mount("/", MemoryFs::new(), MountOptions::default()).ctx());
        let (dir, len) = (Guest::ROOT, 3u32 << 20);
        let calls = [
            ("path_create_directory", args![dir, ROOM, len].to_vec()),
            ("path_filestat_get", args![dir, 0, ROOM, len, OUT].to_vec()),
            ("path_open", args![dir, 0, ROOM, len, 0, 0i64, 0i64, 0, OUT].to_vec()),
            ("path_symlink", args![ROOM, len, dir, ROOM, 4].to_vec()),
            ("path_rename", args![dir, ROOM, 4, dir, ROOM, len].to_vec()),
            ("path_readlink", args![dir, ROOM, len, ROOM, 64, OUT].to_vec()),
        ];
        guest.put(ROOM, b"name");

        for (name, args) in calls {
            let (result, allocated) = allocated_by(|| guest.answer(name, &args));
            assert_eq!(result, Err(Errno::NAMETOOLONG), "{name}");
            assert!(allocated.total < LITTLE, "{name} {memories:?}: {allocated:?}");
        }
    }
}

#[test]
fn readlink_into_a_huge_buffer_allocates_for_the_target_alone() {
    let mut guest = guest();
    guest.symlink("target", "link").expect("linked");
    guest.put(ROOM, b"link");

    let (result, allocated) = allocated_by(|| {
        guest.answer("path_readlink", args![Guest::ROOT, ROOM, 4, ROOM + 64, Guest::MEMORY - ROOM - 64, OUT])
    });

    assert_eq!(result, Ok(()));
    assert!(allocated.total < LITTLE, "{allocated:?}");
}

#[test]
fn polls_allocate_in_proportion_to_what_the_memory_holds() {
    let mut guest = guest();
    let fd = guest.open("file", Open::READ).expect("opened");
    let subscription = Subscription::of(1, Subscription::READ, fd).encode();
    let n: u32 = 32_768;
    for index in 0..n {
        guest.put(ROOM + index * 48, &subscription);
    }

    let (result, allocated) = allocated_by(|| guest.answer("poll_oneoff", args![ROOM, 0x240000, n, OUT]));

    assert_eq!(result, Ok(()));
    assert!(allocated.largest < 2 * MUCH, "{allocated:?}");
}

#[test]
fn a_million_distinct_missing_names_stay_within_the_budget_of_a_directory() {
    let fs = FsOptions { negative_limit: 1_000, ..FsOptions::with_policy(CachePolicy::Exclusive) };
    let gofer = mount("/", MemoryFs::new(), MountOptions { fs, ..MountOptions::default() });
    let mut guest = Guest::new(gofer.ctx());

    guest.put(ROOM, b"0000000");
    assert_eq!(guest.answer("probe", args![ROOM, 1_000_000]), Err(Errno::NOENT));
    assert_eq!(guest.get(ROOM, 7), b"1000000");

    let stats = &gofer.stats()[0].fs;
    assert!(stats.dentries <= 1_001, "{stats:?}");
    assert_eq!(gofer.check_invariants(), Ok(()));
}

#[test]
fn missing_names_in_many_directories_stay_within_the_budget_of_the_cache() {
    let fs = FsOptions { dentry_cache_limit: 500, ..FsOptions::with_policy(CachePolicy::Exclusive) };
    let gofer = mount("/", MemoryFs::new(), MountOptions { fs, ..MountOptions::default() });
    let mut guest = Guest::new(gofer.ctx());
    for dir in 0..100 {
        guest.mkdir(format!("{dir}")).expect("made");
    }

    for n in 0..20_000 {
        assert_eq!(guest.lstat(format!("{}/missing-{n}", n % 100)), Err(Errno::NOENT));
    }

    let stats = &gofer.stats()[0].fs;
    assert!(stats.dentries <= 502, "{stats:?}");
    assert_eq!(gofer.check_invariants(), Ok(()));
}

#[test]
fn long_missing_names_stay_within_the_bytes_of_the_cache() {
    let fs = FsOptions { dentry_cache_bytes: 1 << 20, ..FsOptions::with_policy(CachePolicy::Exclusive) };
    let gofer = mount("/", MemoryFs::new(), MountOptions { fs, ..MountOptions::default() });
    let mut guest = Guest::new(gofer.ctx());

    for n in 0..20_000 {
        assert_eq!(guest.lstat(format!("{n:0>250}")), Err(Errno::NOENT));
    }

    let stats = &gofer.stats()[0].fs;
    assert!(stats.cache_bytes <= (1 << 20) + 4096, "{stats:?}");
}

#[test]
fn files_that_come_and_go_leave_nothing_in_the_cache() {
    for policy in CachePolicy::ALL {
        let gofer = mount("/", MemoryFs::new().max_inodes(16), options(policy));
        let mut guest = Guest::new(gofer.ctx());

        for n in 0..5_000 {
            let name = format!("file-{n}");
            guest.make(&name, "x").unwrap_or_else(|errno| panic!("{policy}: {n}: {errno:?}"));
            guest.unlink(&name).expect("unlinked");
        }

        let stats = &gofer.stats()[0].fs;
        assert!(stats.dentries <= 4_097, "{policy}: {stats:?}");
        assert_eq!(gofer.check_invariants(), Ok(()), "{policy}");
    }
}

#[test]
fn listings_of_many_directories_stay_within_the_bytes_of_the_cache() {
    let fs = FsOptions { list_cache_bytes: 64 << 10, ..FsOptions::with_policy(CachePolicy::Exclusive) };
    let gofer = mount("/", MemoryFs::new(), MountOptions { fs, ..MountOptions::default() });
    let mut guest = Guest::new(gofer.ctx());
    for dir in 0..50 {
        guest.mkdir(format!("{dir}")).expect("made");
        for file in 0..50 {
            guest.make(format!("{dir}/{file:0>200}"), "").expect("made");
        }
    }
    gofer.drop_caches();
    let before = gofer.stats()[0].fs.cache_bytes;

    for dir in 0..50 {
        assert_eq!(guest.names(format!("{dir}")).map(|names| names.len()), Ok(50));
    }

    let stats = &gofer.stats()[0].fs;
    // The directories' dentries come on top of the lists.
    assert!(stats.cache_bytes <= before + (64 << 10) + 50 * 1024, "{before} {stats:?}");
    let fd = guest.open("0", Open::READ.and(oflags::DIRECTORY)).expect("opened");
    assert_eq!(guest.entries(fd, 0).map(|entries| entries.len()), Ok(52));
}
