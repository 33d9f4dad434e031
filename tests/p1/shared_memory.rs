//! A memory that other threads write at any time: everything is copied once, and what was copied is what is used.

use crate::kit::abi::Subscription;
use crate::kit::{Errno, Filetype, Guest, Memories, Open, Scene, args, engine, mount};
use std::sync::atomic::{AtomicBool, Ordering};
use wasi_gofer::{CachePolicy, MemoryFs, MountOptions};
use wasmtime::{MemoryType, SharedMemory};

const ROOM: u32 = 0x20000;

fn guest(files: MemoryFs) -> Guest {
    Guest::with_memories(Memories::Shared, mount("/", files, MountOptions::default()).ctx())
}

#[test]
fn files_are_written_and_read_through_a_shared_memory() {
    let mut guest = guest(MemoryFs::new());

    assert_eq!(guest.make("file", "contents"), Ok(()));

    assert_eq!(guest.contents("file").as_deref(), Ok("contents"));
    assert_eq!(guest.lstat("file").map(|stat| (stat.filetype, stat.size)), Ok((Filetype::REGULAR, 8)));
}

#[test]
fn names_and_links_are_told_through_a_shared_memory() {
    let mut guest = guest(MemoryFs::new());
    guest.mkdir("dir").expect("made");
    guest.make("dir/file", "x").expect("made");
    guest.symlink("dir/file", "link").expect("linked");
    guest.rename("dir/file", "dir/moved").expect("moved");

    assert_eq!(guest.names("."), Ok(vec!["dir".to_owned(), "link".to_owned()]));
    assert_eq!(guest.names("dir"), Ok(vec!["moved".to_owned()]));
    assert_eq!(guest.readlink("link").as_deref(), Ok("dir/file"));
    assert_eq!(guest.stat("link"), Err(Errno::NOENT));
}

#[test]
fn stdio_clocks_and_polls_work_through_a_shared_memory() {
    let mut guest = guest(MemoryFs::new().with_file("file", "x").expect("made"));
    let fd = guest.open("file", Open::READ).expect("opened");

    assert_eq!(guest.write(1, "printed"), Ok(7));
    assert_eq!(guest.read(0, 16), Ok(b"input".to_vec()));
    assert_eq!(guest.answer("clock_time_get", args![0, 0i64, ROOM]), Ok(()));
    let events = guest.poll(&[Subscription::after(1, u64::MAX), Subscription::of(2, Subscription::READ, fd)]);

    assert_eq!(guest.printed(), "printed");
    assert_eq!(events.map(|events| events.len()), Ok(1));
}

#[test]
fn transfers_of_more_than_a_mebibyte_are_short_ones() {
    let mut guest = guest(MemoryFs::new());
    let fd = guest.open("file", Open::CREATE).expect("opened");

    assert_eq!(guest.writev(fd, &[(ROOM, 0x180000)]), Ok(1 << 20));
    assert_eq!(guest.writev(fd, &[(ROOM, 0xc0000), (ROOM, 0xc0000)]), Ok(1 << 20));
    guest.seek(fd, 0, 0).expect("sought");
    assert_eq!(guest.readv(fd, &[(ROOM, 0x180000)]), Ok(1 << 20));

    assert_eq!(guest.seek(fd, 0, 1), Ok(1 << 20));
    assert_eq!(guest.fstat(fd).map(|stat| stat.size), Ok(2 << 20));
}

/// A path that another thread changes while it is used leads to one of the two, never to a mixture that was not checked.
#[test]
fn a_path_changed_by_another_thread_during_the_call_never_leads_outside() {
    const PATH: u32 = 0x30000;
    const OUT: u32 = 0x30100;
    let scene = Scene::new();
    scene.write("aa/bbbbbbb/secret", "the guest's own");
    let memory = SharedMemory::new(engine(), MemoryType::shared(64, 64)).expect("a memory");
    let files = scene.gofer(CachePolicy::Shared);
    let mut reader = Guest::in_memory(&memory, files.ctx());
    let ended = AtomicBool::new(false);

    std::thread::scope(|scope| {
        let (memory, files, ended) = (&memory, &files, &ended);
        scope.spawn(move || {
            let mut writer = Guest::in_memory(memory, files.ctx());
            while !ended.load(Ordering::Relaxed) {
                writer.put(PATH, b"../outside/secret");
                writer.put(PATH, b"aa/bbbbbbb/secret");
            }
        });
        let mut seen = [0; 2];
        for _ in 0..3_000 {
            let (dir, read) = (Guest::ROOT, 2i64);
            match reader.answer("path_open", args![dir, 1, PATH, 17, 0, read, read, 0, OUT]) {
                Ok(()) => {
                    seen[0] += 1;
                    let fd = reader.u32_at(OUT);
                    assert_eq!(reader.read(fd, 64), Ok(b"the guest's own".to_vec()));
                    reader.close(fd).expect("closed");
                }
                Err(errno) => {
                    seen[1] += 1;
                    // A path half of which is changed is any path.
                    assert!([Errno::PERM, Errno::NOENT, Errno::INVAL, Errno::NOTDIR].contains(&errno), "{errno:?}");
                }
            }
        }
        ended.store(true, Ordering::Relaxed);
        assert!(seen[0] + seen[1] == 3_000);
    });

    scene.assert_untouched();
}

/// A list that another thread changes while it is used: the ranges that were checked are those that are used.
#[test]
fn a_list_changed_by_another_thread_during_the_call_never_reaches_outside_the_memory() {
    const LIST: u32 = 0x30000;
    const OUT: u32 = 0x30100;
    let files = mount("/", MemoryFs::new().with_file("file", "contents").expect("made"), MountOptions::default());
    let memory = SharedMemory::new(engine(), MemoryType::shared(64, 64)).expect("a memory");
    let mut reader = Guest::in_memory(&memory, files.ctx());
    let fd = reader.open("file", Open::READ).expect("opened");
    let ended = AtomicBool::new(false);

    std::thread::scope(|scope| {
        let (memory, files, ended) = (&memory, &files, &ended);
        scope.spawn(move || {
            let mut writer = Guest::in_memory(memory, files.ctx());
            while !ended.load(Ordering::Relaxed) {
                writer.put(LIST, &[ROOM.to_le_bytes(), 8u32.to_le_bytes()].concat());
                writer.put(LIST, &[(Guest::MEMORY - 4).to_le_bytes(), 0x0fff_ffffu32.to_le_bytes()].concat());
            }
        });
        for _ in 0..3_000 {
            // An errno is not expected: it is all of the list or a trap.
            if let Ok(errno) = reader.call("fd_pread", args![fd, LIST, 1, 0i64, OUT]) {
                assert_eq!(errno, 0);
            }
        }
        ended.store(true, Ordering::Relaxed);
    });

    assert_eq!(reader.contents("file").as_deref(), Ok("contents"));
}
