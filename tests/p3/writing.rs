//! `write-via-stream` and `append-via-stream`.

use crate::kit::abi::{flags, open};
use crate::kit::{Code, End, Guest, Moved, Scene, args, at_root, mount, options};
use std::sync::Arc;
use wasi_gofer::abi::Errno;
use wasi_gofer::backend::faulty::{Faulty, Op};
use wasi_gofer::{CachePolicy, MemoryFs};

#[test]
fn write_via_stream_goes_on_from_its_offset_and_fills_the_gap_with_zeros() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        let mut guest = scene.guest(policy);
        let file = guest.create("file").expect("made");
        let (stream, future) = guest.write_stream(file, 3);

        assert_eq!(guest.write(stream, "hel"), Moved { count: 3, end: End::More }, "{policy}");
        assert!(guest.untold(future), "{policy}");
        assert_eq!(guest.write(stream, "lo"), Moved { count: 2, end: End::More }, "{policy}");
        assert_eq!(guest.finish(stream, future), Ok(()), "{policy}");

        assert_eq!(guest.contents(file, 0), Ok(b"\0\0\0hello".to_vec()), "{policy}");
        guest.drop_descriptor(file);
        assert_eq!(scene.read("file"), "\0\0\0hello", "{policy}");
    }
}

#[test]
fn write_via_stream_of_more_than_any_buffer_is_whole() {
    let contents: Vec<u8> = (0..1_000_000u32).map(|n| (n % 251) as u8).collect();
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        let mut guest = scene.guest(policy);
        let file = guest.create("file").expect("made");

        assert_eq!(guest.write_at(file, &contents, 0), Ok(()), "{policy}");

        guest.drop_descriptor(file);
        assert!(std::fs::read(scene.inside().join("file")).expect("read") == contents, "{policy}");
    }
}

#[test]
fn append_via_stream_writes_at_the_end_wherever_that_is_by_then() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("file", "start ");
        let mut guest = scene.guest(policy);
        let file = guest.create("file").expect("opened");
        let ((one, one_told), (other, other_told)) = (guest.append_stream(file), guest.append_stream(file));

        for round in 0..3 {
            guest.write_all(one, format!("a{round} "));
            guest.write_all(other, format!("b{round} "));
        }

        assert_eq!((guest.finish(one, one_told), guest.finish(other, other_told)), (Ok(()), Ok(())), "{policy}");
        guest.drop_descriptor(file);
        assert_eq!(scene.read("file"), "start a0 b0 a1 b1 a2 b2 ", "{policy}");
    }
}

#[test]
fn write_of_nothing_is_taken_and_changes_nothing() {
    let mut guest = at_root(MemoryFs::new().with_file("file", "hello").expect("made"));
    let file = guest.create("file").expect("opened");
    let streams = [guest.write_stream(file, 1_000), guest.append_stream(file)];
    for (stream, future) in streams {
        for _ in 0..3 {
            assert_eq!(guest.write(stream, ""), Moved { count: 0, end: End::More });
        }
        assert_eq!(guest.finish(stream, future), Ok(()));
    }
    assert_eq!(guest.stat(file).map(|stat| stat.size), Ok(5));
}

#[test]
fn a_stream_whose_writer_is_dropped_before_it_wrote_tells_success() {
    let mut guest = at_root(MemoryFs::new().with_file("file", "hello").expect("made"));
    let file = guest.create("file").expect("opened");
    let (stream, future) = guest.write_stream(file, 0);

    assert_eq!(guest.finish(stream, future), Ok(()));
    // One that was dropped before it was given away.
    let (readable, writable) = guest.new_stream();
    guest.expect("bytes-drop-writable", args![writable]);
    let future = guest.expect("descriptor-append-via-stream", args![file, readable]);
    assert_eq!(guest.told(future), Ok(()));
    assert_eq!(guest.contents(file, 0), Ok(b"hello".to_vec()));
    assert_eq!(guest.host().files.open_descriptors(), 2);
}

#[test]
fn what_was_written_before_the_stream_was_given_away_is_written() {
    let mut guest = at_root(MemoryFs::new());
    let file = guest.create("file").expect("made");
    let (readable, writable) = guest.new_stream();
    assert_eq!(guest.start_write(writable, b"early"), None, "nobody reads yet");

    let future = guest.expect("descriptor-write-via-stream", args![file, readable, 0u64]);

    assert_eq!(guest.wait_for(writable), 5 << 4);
    assert_eq!(guest.finish(writable, future), Ok(()));
    assert_eq!(guest.contents(file, 0), Ok(b"early".to_vec()));
}

#[test]
fn write_to_what_was_opened_for_reading_and_to_directories_is_told_and_takes_nothing() {
    let mut guest = at_root(MemoryFs::new().with_file("file", "hello").expect("made"));
    let reader = guest.open("file").expect("opened");
    for descriptor in [reader, guest.root] {
        let streams = [guest.write_stream(descriptor, 0), guest.append_stream(descriptor)];
        for (stream, future) in streams {
            assert_eq!(guest.write(stream, "x"), Moved { count: 0, end: End::Dropped });
            assert_eq!(guest.finish(stream, future), Err(Code::BAD_DESCRIPTOR));
        }
    }
    assert_eq!(guest.contents(reader, 0), Ok(b"hello".to_vec()));
}

#[test]
fn write_through_a_read_only_mount_has_no_descriptor_to_begin_with() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("file", "contents");
        let mut guest = scene.read_only_guest(policy);

        assert_eq!(guest.open_at(guest.root, "file", 1, 0, flags::WRITE), Err(Code::READ_ONLY), "{policy}");
        assert_eq!(guest.open_at(guest.root, "new", 1, open::CREATE, flags::WRITE), Err(Code::READ_ONLY), "{policy}");
        let reader = guest.open("file").expect("opened");
        assert_eq!(guest.write_at(reader, "x", 0), Err(Code::BAD_DESCRIPTOR), "{policy}");
        assert_eq!(scene.read("file"), "contents", "{policy}");
    }
}

#[test]
fn write_that_fails_is_told_once_and_keeps_what_was_written_before() {
    let backend = Faulty::new(MemoryFs::new());
    let plan = Arc::clone(backend.plan());
    let mut guest = Guest::new(mount("/", backend, options(CachePolicy::None)).ctx());
    let file = guest.create("file").expect("made");
    for append in [false, true] {
        let (stream, future) = if append { guest.append_stream(file) } else { guest.write_stream(file, 0) };
        guest.write_all(stream, "first");
        plan.fail(if append { Op::Append } else { Op::WriteAt }, 1, Errno::Nospc);

        assert_eq!(guest.write(stream, "second"), Moved { count: 0, end: End::Dropped });
        assert_eq!(guest.finish(stream, future), Err(Code::INSUFFICIENT_SPACE));
    }
    assert_eq!(guest.contents(file, 0), Ok(b"firstfirst".to_vec()));
}

#[test]
fn writes_that_the_backend_takes_a_part_of_are_counted_by_what_it_took() {
    let backend = Faulty::new(MemoryFs::new());
    let plan = Arc::clone(backend.plan());
    let mut guest = Guest::new(mount("/", backend, options(CachePolicy::None)).ctx());
    let file = guest.create("file").expect("made");
    plan.set_short_transfers(Some(3));
    let (stream, future) = guest.write_stream(file, 0);

    guest.write_all(stream, "hello world");

    assert_eq!(guest.finish(stream, future), Ok(()));
    assert_eq!(guest.contents(file, 0), Ok(b"hello world".to_vec()));
}

#[test]
fn write_beyond_the_largest_offset_is_told() {
    let mut guest = at_root(MemoryFs::new());
    let file = guest.create("file").expect("made");

    assert_eq!(guest.write_at(file, "x", u64::MAX), Err(Code::INVALID));
    assert_eq!(guest.write_at(file, "xy", (1 << 63) - 1), Err(Code::FILE_TOO_LARGE));
    assert_eq!(guest.stat(file).map(|stat| stat.size), Ok(0));
}

#[test]
fn a_stream_is_written_and_read_at_once() {
    let mut guest = at_root(MemoryFs::new());
    let file = guest.create("file").expect("made");
    let (sink, _) = guest.append_stream(file);
    guest.write_all(sink, "one ");
    let (source, _) = guest.read_stream(file, 0);

    assert_eq!(guest.read(source, 4).0, b"one ");
    guest.write_all(sink, "two ");
    assert_eq!(guest.read(source, 100).0, b"two ");
}
