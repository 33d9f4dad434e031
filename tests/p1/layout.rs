//! Structs in memory: bytes that no field has are zero, so that nothing of the host's memory shows through.

use crate::kit::abi::{DIRENT, Event, Subscription, dirents, u32_at, u64_at};
use crate::kit::{Filetype, Guest, Open, args, at_root, mount};
use wasi_gofer::{MemoryFs, MountOptions};

const OUT: u32 = 0x20000;

fn guest() -> Guest {
    at_root(MemoryFs::new().with_file("file", "contents").expect("made").with_file("dir/x", "").expect("made"))
}

/// What a call writes at `OUT` over memory full of ones.
#[track_caller]
fn written(guest: &mut Guest, name: &str, fd: u32, len: usize) -> Vec<u8> {
    guest.put(OUT, &[0xff; 128]);
    guest.answer(name, args![fd, OUT]).expect("answered");
    let bytes = guest.get(OUT, 128);
    assert!(bytes[len..].iter().all(|byte| *byte == 0xff), "{name} wrote behind its struct");
    bytes[..len].to_vec()
}

#[test]
fn fdstat_of_files_and_directories_has_zero_padding() {
    let mut guest = guest();
    let file = guest.open("file", Open::APPEND).expect("opened");
    let dir = guest.open("dir", Open::DIRECTORY).expect("opened");

    for (fd, filetype, flags) in [(file, 4, 1), (dir, 3, 0), (Guest::ROOT, 3, 0)] {
        let fdstat = written(&mut guest, "fd_fdstat_get", fd, 24);
        assert_eq!(fdstat[..8], [filetype, 0, flags, 0, 0, 0, 0, 0]);
    }
}

#[test]
fn filestat_has_zero_padding_behind_its_type() {
    let mut guest = guest();
    let file = guest.open("file", Open::READ).expect("opened");

    for (fd, filetype) in [(file, 4), (Guest::ROOT, 3)] {
        let filestat = written(&mut guest, "fd_filestat_get", fd, 64);
        assert_eq!(filestat[16..24], [filetype, 0, 0, 0, 0, 0, 0, 0]);
    }
}

#[test]
fn filestat_has_its_fields_where_the_abi_says() {
    let mut guest = guest();
    let file = guest.open("file", Open::READ).expect("opened");
    guest.answer("fd_filestat_set_times", args![file, 5_000_000_001i64, 7i64, 1 | 4]).expect("set");

    let filestat = written(&mut guest, "fd_filestat_get", file, 64);

    assert_ne!(u64_at(&filestat, 8), 0, "inode");
    assert_eq!(u64_at(&filestat, 24), 1, "links");
    assert_eq!(u64_at(&filestat, 32), 8, "size");
    assert_eq!(u64_at(&filestat, 40), 5_000_000_001, "atime");
    assert_eq!(u64_at(&filestat, 48), 7, "mtime");
    assert!(u64_at(&filestat, 56) > 1 << 60, "ctime");
}

#[test]
fn prestat_has_zero_padding_and_the_length_of_the_name() {
    let mut guest = Guest::new(mount("/data/files", MemoryFs::new(), MountOptions::default()).ctx());

    let prestat = written(&mut guest, "fd_prestat_get", Guest::ROOT, 8);

    assert_eq!(prestat, [0, 0, 0, 0, 11, 0, 0, 0]);
}

#[test]
fn prestat_dir_name_writes_the_name_without_a_terminator() {
    let mut guest = Guest::new(mount("/data", MemoryFs::new(), MountOptions::default()).ctx());
    guest.put(OUT, &[0xff; 8]);

    assert_eq!(guest.answer("fd_prestat_dir_name", args![Guest::ROOT, OUT, 8]), Ok(()));

    assert_eq!(guest.get(OUT, 8), b"/data\xff\xff\xff");
}

#[test]
fn dirents_have_zero_padding_whatever_is_in_the_buffer() {
    let mut guest = guest();
    guest.put(Guest::BUFFER, &[0xff; 512]);

    let bytes = guest.readdir(Guest::ROOT, 512, 0).expect("listed");
    let entries = dirents(&bytes);

    assert_eq!(entries.len(), 4);
    for entry in &entries {
        assert_eq!(entry.padding, [0; 3], "{entry:?}");
    }
    let types: Vec<_> = entries.iter().map(|entry| (entry.name.as_str(), entry.filetype)).collect();
    assert!(types.contains(&("file", Filetype::REGULAR)) && types.contains(&("dir", Filetype::DIRECTORY)), "{types:?}");
    assert_eq!(guest.get(Guest::BUFFER + u32::try_from(bytes.len()).expect("short"), 8), [0xff; 8]);
}

#[test]
fn readdir_into_a_buffer_of_any_size_writes_a_prefix_of_the_listing() {
    let mut guest = guest();
    let whole = guest.readdir(Guest::ROOT, 512, 0).expect("listed");

    for room in 0..=u32::try_from(whole.len()).expect("short") {
        guest.put(Guest::BUFFER, &[0xee; 256]);
        let part = guest.readdir(Guest::ROOT, room, 0).expect("listed");
        assert_eq!(part, whole[..room as usize]);
        assert_eq!(guest.get(Guest::BUFFER + room, 16), [0xee; 16], "bytes behind a buffer of {room}");
    }
}

#[test]
fn dirents_name_their_length_and_the_next_cookie() {
    let mut guest = guest();

    let bytes = guest.readdir(Guest::ROOT, 512, 0).expect("listed");

    assert_eq!(u64_at(&bytes, 0), 1, "the cookie behind the first");
    assert_eq!(u32_at(&bytes, 16), 1, "the length of `.`");
    assert_eq!(bytes[DIRENT], b'.');
}

#[test]
fn events_of_files_have_zero_padding() {
    let mut guest = guest();
    let file = guest.open("file", Open::READ).expect("opened");
    guest.put(OUT, &Subscription::of(0x0102_0304_0506_0708, Subscription::READ, file).encode());
    guest.put(OUT + 64, &[0xff; 64]);

    assert_eq!(guest.answer("poll_oneoff", args![OUT, OUT + 64, 1, OUT + 60]), Ok(()));

    let event = guest.get(OUT + 64, 64);
    assert_eq!(event[..16], [8, 7, 6, 5, 4, 3, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0]);
    assert_eq!(event[24..Event::SIZE], [0; 8]);
    assert_eq!(event[Event::SIZE..], [0xff; 32]);
}
