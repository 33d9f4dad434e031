//! `read-via-stream`.

use crate::kit::Guest;
use crate::kit::abi::flags;
use crate::kit::{Code, End, Moved, Scene, args, at_root, mount, options};
use std::sync::Arc;
use wasi_gofer::abi::Errno;
use wasi_gofer::backend::faulty::{Faulty, Op};
use wasi_gofer::{CachePolicy, MemoryFs};

#[test]
fn read_via_stream_of_a_whole_file_ends_dropped_and_tells_success() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("file", "hello world");
        let mut guest = scene.guest(policy);
        let file = guest.open("file").expect("opened");
        let (stream, future) = guest.read_stream(file, 0);

        assert_eq!(guest.read(stream, 100), (b"hello world".to_vec(), End::More), "{policy}");
        assert!(guest.untold(future), "{policy}");
        assert_eq!(guest.read(stream, 100), (Vec::new(), End::Dropped), "{policy}");
        assert_eq!(guest.told(future), Ok(()), "{policy}");
    }
}

#[test]
fn read_via_stream_goes_on_from_its_offset_in_parts_of_the_guests_size() {
    let contents: Vec<u8> = (0..200_000u32).map(|n| (n % 251) as u8).collect();
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        std::fs::write(scene.inside().join("file"), &contents).expect("written");
        let mut guest = scene.guest(policy);
        let file = guest.open("file").expect("opened");

        for (offset, part) in [(0, 4_096), (0, 65_536), (1, 1_000_000), (4_095, 3_000), (199_999, 1), (200_000, 10)] {
            let (stream, future) = guest.read_stream(file, offset);
            let found = guest.read_all(stream, part);
            assert!(found == contents[usize::try_from(offset).expect("small")..], "{policy} {offset} {part}");
            assert_eq!(guest.told(future), Ok(()), "{policy} {offset} {part}");
        }
    }
}

#[test]
fn read_via_stream_of_an_offset_behind_the_end_ends_at_once_and_one_beyond_the_largest_is_invalid() {
    let mut guest = at_root(MemoryFs::new().with_file("file", "hello").expect("made"));
    let file = guest.open("file").expect("opened");

    assert_eq!(guest.contents(file, 5), Ok(Vec::new()));
    assert_eq!(guest.contents(file, 1 << 40), Ok(Vec::new()));
    assert_eq!(guest.contents(file, 1 << 63), Err(Code::INVALID));
    assert_eq!(guest.contents(file, u64::MAX), Err(Code::INVALID));
}

#[test]
fn read_of_nothing_is_ready_and_moves_nothing() {
    let mut guest = at_root(MemoryFs::new().with_file("file", "hello").expect("made"));
    let file = guest.open("file").expect("opened");
    let (stream, future) = guest.read_stream(file, 0);

    for _ in 0..3 {
        assert_eq!(guest.start_read(stream, 0), Some(Moved { count: 0, end: End::More }));
    }
    assert_eq!(guest.read(stream, 2), (b"he".to_vec(), End::More));
    assert_eq!(guest.start_read(stream, 0), Some(Moved { count: 0, end: End::More }));
    assert_eq!(guest.read_all(stream, 100), b"llo");
    assert_eq!(guest.told(future), Ok(()));
}

#[test]
fn a_reader_that_is_dropped_early_is_told_success_and_closes_the_file() {
    let mut guest = at_root(MemoryFs::new().with_file("file", vec![7; 100_000]).expect("made"));
    let file = guest.open("file").expect("opened");
    for read in [0u32, 10] {
        let (stream, future) = guest.read_stream(file, 0);
        if read > 0 {
            assert_eq!(guest.read(stream, read).0.len(), 10);
        }
        guest.expect("bytes-drop-readable", args![stream]);
        assert_eq!(guest.told(future), Ok(()), "{read}");
    }
    guest.drop_descriptor(file);
    assert_eq!(guest.host().files.open_descriptors(), 1);
}

#[test]
fn a_future_that_nobody_reads_holds_nothing_open() {
    let mut guest = at_root(MemoryFs::new().with_file("file", "hello").expect("made"));
    let file = guest.open("file").expect("opened");
    let (stream, future) = guest.read_stream(file, 0);
    guest.drop_descriptor(file);
    assert_eq!(guest.host().files.open_descriptors(), 2 + 1, "the stream has its place, and holds the file's");

    guest.expect("told-drop-readable", args![future]);
    assert_eq!(guest.read_all(stream, 100), b"hello");

    assert_eq!(guest.host().files.open_descriptors(), 1, "the end of the stream closed the file");
}

#[test]
fn streams_of_one_file_do_not_interfere() {
    let mut guest = at_root(MemoryFs::new().with_file("file", "hello world").expect("made"));
    let file = guest.open("file").expect("opened");
    let ((one, _), (other, _)) = (guest.read_stream(file, 0), guest.read_stream(file, 6));

    assert_eq!(guest.read(one, 3).0, b"hel");
    assert_eq!(guest.read(other, 3).0, b"wor");
    assert_eq!(guest.read(one, 3).0, b"lo ");
    assert_eq!(guest.read(other, 3).0, b"ld");
}

#[test]
fn read_via_stream_sees_what_was_written_behind_its_position() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("file", "aaaa");
        let mut guest = scene.guest(policy);
        let file = guest.create("file").expect("opened");
        let (stream, _) = guest.read_stream(file, 0);
        assert_eq!(guest.read(stream, 2).0, b"aa", "{policy}");

        guest.write_at(file, "bbbb", 2).expect("written");

        assert_eq!(guest.read_all(stream, 100), b"bbbb", "{policy}");
    }
}

#[test]
fn read_via_stream_of_a_directory_is_told_and_of_a_file_for_writing_alone_too() {
    let mut guest = at_root(MemoryFs::new().with_file("file", "hello").expect("made"));
    let writer = guest.open_at(guest.root, "file", 0, 0, flags::WRITE).expect("opened");

    for (descriptor, code) in [(guest.root, Code::IS_DIRECTORY), (writer, Code::BAD_DESCRIPTOR)] {
        let (stream, future) = guest.read_stream(descriptor, 0);
        assert_eq!(guest.read(stream, 10), (Vec::new(), End::Dropped));
        assert_eq!(guest.told(future), Err(code));
    }
}

#[test]
fn read_that_fails_is_told_once_and_keeps_what_was_read_before() {
    let backend = Faulty::new(MemoryFs::new().with_file("file", vec![7; 100]).expect("made"));
    let plan = Arc::clone(backend.plan());
    let mut guest = Guest::new(mount("/", backend, options(CachePolicy::None)).ctx());
    let file = guest.open("file").expect("opened");
    let (stream, future) = guest.read_stream(file, 0);
    assert_eq!(guest.read(stream, 60).0.len(), 60);
    plan.fail(Op::ReadAt, 1, Errno::Dquot);

    assert_eq!(guest.read(stream, 60), (Vec::new(), End::Dropped));
    assert_eq!(guest.told(future), Err(Code::QUOTA));
    assert_eq!(guest.contents(file, 60).map(|rest| rest.len()), Ok(40), "another stream goes on");
}

#[test]
fn a_file_is_copied_by_a_stream_that_the_host_has_both_ends_of() {
    let contents: Vec<u8> = (0..300_000u32).map(|n| (n % 253) as u8).collect();
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        std::fs::write(scene.inside().join("file"), &contents).expect("written");
        let mut guest = scene.guest(policy);
        let (from, to) = (guest.open("file").expect("opened"), guest.create("copy").expect("made"));
        let (stream, read) = guest.read_stream(from, 0);

        let written = guest.expect("descriptor-write-via-stream", args![to, stream, 5u64]);

        assert_eq!((guest.told(read), guest.told(written)), (Ok(()), Ok(())), "{policy}");
        let copy = guest.contents(to, 0).expect("read");
        assert!(copy[..5] == [0; 5] && copy[5..] == contents, "{policy}: {} bytes", copy.len());
    }
}

#[test]
fn streams_held_across_unlink_and_rename_go_on_with_their_files() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("file", "hello");
        scene.write("kept", "hello world");
        let mut guest = scene.guest(policy);
        let root = guest.root;
        let (file, kept) = (guest.create("file").expect("opened"), guest.create("kept").expect("opened"));
        let ((source, read), (sink, appended)) = (guest.read_stream(file, 0), guest.append_stream(file));
        let (writer, written) = guest.write_stream(kept, 6);
        guest.unlink("file").expect("removed");
        guest.rename_at((root, "kept"), (root, "moved")).expect("moved");
        guest.drop_descriptor(file);
        guest.drop_descriptor(kept);

        guest.write_all(sink, "!");
        assert_eq!(guest.read_all(source, 100), b"hello!", "{policy}");
        guest.write_all(writer, "WORLD");
        assert_eq!(guest.told(read), Ok(()), "{policy}");
        assert_eq!((guest.finish(sink, appended), guest.finish(writer, written)), (Ok(()), Ok(())), "{policy}");

        assert_eq!(scene.read("moved"), "hello WORLD", "{policy}");
        assert_eq!(guest.stat_path("file"), Err(Code::NO_ENTRY), "{policy}");
        assert_eq!(guest.host().files.open_descriptors(), 1, "{policy}");
    }
}

#[test]
fn streams_held_across_the_end_of_their_mount_are_closed_with_the_store() {
    let scene = Scene::new();
    scene.write("file", "hello");
    let gofer = scene.gofer(CachePolicy::Exclusive);
    let mut guest = Guest::new(gofer.ctx());
    let file = guest.create("file").expect("opened");
    let ((source, _), (sink, _)) = (guest.read_stream(file, 0), guest.append_stream(file));
    guest.write_all(sink, " world");

    let report = gofer.shutdown(None);
    drop(gofer);

    assert!(report.failures.is_empty(), "{report:?}");
    assert_eq!(scene.read("file"), "hello world");
    assert_eq!(guest.read_all(source, 100), b"hello world", "what a guest holds stays");
    drop(guest);
    assert_eq!(scene.read("file"), "hello world");
}
