//! Streams over files, used through wasmtime-wasi's `wasi:io`.

use crate::kit::{Code, Front, Guest, Scene, StreamError, args, at_root, mount, options};
use std::sync::Arc;
use wasi_gofer::abi::Errno;
use wasi_gofer::backend::faulty::{Faulty, Op};
use wasi_gofer::component::GoferComponentCtx;
use wasi_gofer::{CachePolicy, MemoryFs, MountOptions};

const READS: [&str; 2] = ["read", "blocking-read"];
const WRITES: [&str; 2] = ["write", "blocking-write-and-flush"];

fn guest_with(front: Front, files: MemoryFs) -> Guest {
    Guest::with(front, GoferComponentCtx::new(mount("/", files, MountOptions::default()).ctx()))
}

#[test]
fn read_of_a_stream_goes_on_from_its_offset_and_ends_closed() {
    for front in Front::ALL {
        for read in READS {
            let mut guest = guest_with(front, MemoryFs::new().with_file("file", "hello world").expect("made"));
            let file = guest.open("file").expect("opened");
            let stream = guest.read_stream(file, 6).expect("a stream");

            assert_eq!(guest.stream_read(read, stream, 3), Ok(b"wor".to_vec()), "{front:?} {read}");
            assert_eq!(guest.stream_read(read, stream, 0), Ok(Vec::new()), "{front:?} {read}");
            assert_eq!(guest.stream_read(read, stream, 100), Ok(b"ld".to_vec()), "{front:?} {read}");
            assert_eq!(guest.stream_read(read, stream, 100), Err(StreamError::Closed), "{front:?} {read}");
            assert_eq!(guest.stream_read(read, stream, 0), Err(StreamError::Closed), "{front:?} {read}");
        }
    }
}

#[test]
fn read_of_a_large_file_answers_at_once_in_parts_of_64_kib() {
    let contents: Vec<u8> = (0..200_000u32).map(|n| (n % 251) as u8).collect();
    let mut guest = at_root(MemoryFs::new().with_file("file", contents.clone()).expect("made"));
    let file = guest.open("file").expect("opened");
    let stream = guest.read_stream(file, 0).expect("a stream");

    let mut found = Vec::new();
    loop {
        match guest.stream_read("read", stream, u64::MAX) {
            Ok(part) => {
                assert!(!part.is_empty() && part.len() <= 65_536, "{}", part.len());
                found.extend(part);
            }
            Err(end) => {
                assert_eq!(end, StreamError::Closed);
                break;
            }
        }
    }
    assert!(found == contents);
}

#[test]
fn skip_moves_the_stream() {
    let mut guest = at_root(MemoryFs::new().with_file("file", "hello world").expect("made"));
    let file = guest.open("file").expect("opened");
    let stream = guest.read_stream(file, 0).expect("a stream");

    assert_eq!(guest.stream_count("input-stream-skip", args![stream, 6u64]), Ok(6));
    assert_eq!(guest.stream_count("input-stream-blocking-skip", args![stream, 2u64]), Ok(2));
    assert_eq!(guest.stream_read("read", stream, 100), Ok(b"rld".to_vec()));
}

#[test]
fn streams_of_one_file_do_not_interfere() {
    let mut guest = at_root(MemoryFs::new().with_file("file", "hello world").expect("made"));
    let file = guest.create("file").expect("opened");
    let (one, other) = (guest.read_stream(file, 0).expect("made"), guest.read_stream(file, 0).expect("made"));
    let writer = guest.write_stream(file, 6).expect("made");

    assert_eq!(guest.stream_read("read", one, 5), Ok(b"hello".to_vec()));
    guest.stream_write("blocking-write-and-flush", writer, "WORLD").expect("written");
    assert_eq!(guest.stream_read("read", other, 100), Ok(b"hello WORLD".to_vec()));
    assert_eq!(guest.stream_read("read", one, 100), Ok(b" WORLD".to_vec()));
}

#[test]
fn write_goes_on_from_the_offset_and_append_to_the_end() {
    for front in Front::ALL {
        for write in WRITES {
            let mut guest = guest_with(front, MemoryFs::new().with_file("file", "hello world").expect("made"));
            let file = guest.create("file").expect("opened");
            let (writer, appender) = (guest.write_stream(file, 6), guest.append_stream(file));
            let (writer, appender) = (writer.expect("made"), appender.expect("made"));

            for (stream, bytes) in [(writer, "WO"), (appender, "!"), (writer, "RLD"), (appender, "?")] {
                assert_eq!(guest.check_write(stream), Ok(65_536), "{front:?} {write}");
                assert_eq!(guest.stream_write(write, stream, bytes), Ok(()), "{front:?} {write}");
            }
            assert_eq!(guest.stream_done("output-stream-blocking-flush", args![writer]), Ok(()));
            let (data, _) = guest.read(file, 100, 0).expect("read");
            assert_eq!(String::from_utf8_lossy(&data), "hello WORLD!?", "{front:?} {write}");
        }
    }
}

#[test]
fn append_streams_of_two_guests_lose_nothing() {
    let gofer = mount("/", MemoryFs::new().with_file("log", "").expect("made"), MountOptions::default());
    let mut guests = [Guest::new(gofer.ctx()), Guest::new(gofer.ctx())];
    let streams = guests.each_mut().map(|guest| {
        let file = guest.create("log").expect("opened");
        guest.append_stream(file).expect("a stream")
    });

    for n in 0..100 {
        for (guest, stream) in guests.iter_mut().zip(streams) {
            guest.stream_write("blocking-write-and-flush", stream, format!("{n:03}\n")).expect("appended");
        }
    }
    assert_eq!(guests[0].stat_path("log").map(|stat| stat.size), Ok(800));
}

#[test]
fn write_of_nothing_is_fine_with_and_without_a_permit() {
    for front in Front::ALL {
        let mut guest = guest_with(front, MemoryFs::new());
        let file = guest.create("file").expect("made");
        for stream in [guest.write_stream(file, 1 << 40).expect("made"), guest.append_stream(file).expect("made")] {
            for write in WRITES {
                assert_eq!(guest.stream_write(write, stream, ""), Ok(()), "{front:?} {write}");
            }
            assert_eq!(guest.stream_done("output-stream-blocking-write-zeroes-and-flush", args![stream, 0u64]), Ok(()));
        }
        assert_eq!(guest.write(file, "", 7), Ok(0));
        assert_eq!(guest.stat(file).map(|stat| stat.size), Ok(0), "{front:?}");
    }
}

#[test]
fn write_without_or_beyond_the_permit_traps() {
    let new = || {
        let mut guest = at_root(MemoryFs::new());
        let file = guest.create("file").expect("made");
        let stream = guest.write_stream(file, 0).expect("made");
        (guest, stream)
    };

    let (mut guest, stream) = new();
    let (ptr, len) = guest.buffer("x");
    let trap = guest.trap("output-stream-write", args![stream, ptr, len, 0x100u32]);
    assert!(trap.contains("check-write"), "{trap}");

    let (mut guest, stream) = new();
    assert_eq!(guest.check_write(stream), Ok(65_536));
    let (ptr, len) = guest.buffer(vec![1; 65_537]);
    let trap = guest.trap("output-stream-write", args![stream, ptr, len, 0x100u32]);
    assert!(trap.contains("check-write"), "{trap}");

    let (mut guest, stream) = new();
    let (ptr, len) = guest.buffer(vec![1; 4_097]);
    guest.trap("output-stream-blocking-write-and-flush", args![stream, ptr, len, 0x100u32]);
}

#[test]
fn a_permit_covers_several_writes_that_fit_in_it() {
    let mut guest = at_root(MemoryFs::new());
    let file = guest.create("file").expect("made");
    let stream = guest.write_stream(file, 0).expect("made");

    assert_eq!(guest.check_write(stream), Ok(65_536));
    guest.stream_write("write", stream, vec![1; 60_000]).expect("fits");
    guest.stream_write("write", stream, vec![2; 5_536]).expect("fits");
    let (ptr, len) = guest.buffer("x");
    guest.trap("output-stream-write", args![stream, ptr, len, 0x100u32]);
}

#[test]
fn write_zeroes_writes_zeroes() {
    let mut guest = at_root(MemoryFs::new().with_file("file", "xxxxxxxx").expect("made"));
    let file = guest.create("file").expect("opened");
    let stream = guest.write_stream(file, 2).expect("made");

    assert_eq!(guest.check_write(stream), Ok(65_536));
    guest.stream_done("output-stream-write-zeroes", args![stream, 2u64]).expect("written");
    guest.stream_done("output-stream-blocking-write-zeroes-and-flush", args![stream, 1u64]).expect("written");
    assert_eq!(guest.read(file, 100, 0), Ok((b"xx\0\0\0xxx".to_vec(), false)));
    let trap = guest.trap("output-stream-write-zeroes", args![stream, 65_537u64, 0x100u32]);
    assert!(trap.contains("check-write"), "{trap}");
}

#[test]
fn splice_moves_from_one_file_to_another() {
    for (front, splice) in [(Front::Sync, "splice"), (Front::Async, "blocking-splice")] {
        let mut guest = guest_with(front, MemoryFs::new().with_file("from", "hello world").expect("made"));
        let (from, to) = (guest.open("from").expect("opened"), guest.create("to").expect("made"));
        let (source, sink) = (guest.read_stream(from, 6).expect("made"), guest.append_stream(to).expect("made"));

        assert_eq!(guest.stream_count(&format!("output-stream-{splice}"), args![sink, source, 100u64]), Ok(5));
        assert_eq!(guest.read(to, 100, 0), Ok((b"world".to_vec(), false)));
        let ended = guest.stream_count(&format!("output-stream-{splice}"), args![sink, source, 100u64]);
        assert_eq!(ended, Err(StreamError::Closed));
    }
}

#[test]
fn pollables_of_file_streams_are_ready_at_once() {
    for front in Front::ALL {
        let mut guest = guest_with(front, MemoryFs::new().with_file("file", "x").expect("made"));
        let file = guest.create("file").expect("opened");
        let (source, sink) = (guest.read_stream(file, 0).expect("made"), guest.append_stream(file).expect("made"));
        let readable = guest.expect("input-stream-subscribe", args![source]);
        let writable = guest.expect("output-stream-subscribe", args![sink]);

        for pollable in [readable, writable] {
            assert_eq!(guest.expect("pollable-ready", args![pollable]), 1, "{front:?}");
            guest.expect("pollable-block", args![pollable]);
        }
        guest.put(0x8000, &[readable.to_le_bytes(), writable.to_le_bytes()].concat());
        let list = guest.returned("poll", args![0x8000u32, 2u32], 8);
        assert_eq!(list[4..], 2u32.to_le_bytes(), "both are ready");
        for pollable in [readable, writable] {
            guest.expect("drop-pollable", args![pollable]);
        }
    }
}

#[test]
fn failures_are_told_once_with_an_error_that_has_the_code_and_then_the_stream_is_closed() {
    for front in Front::ALL {
        for read in READS {
            let backend = Faulty::new(MemoryFs::new().with_file("file", "x").expect("made"));
            let plan = Arc::clone(backend.plan());
            let gofer = mount("/", backend, options(CachePolicy::None));
            let mut guest = Guest::with(front, GoferComponentCtx::new(gofer.ctx()));
            let file = guest.open("file").expect("opened");
            let stream = guest.read_stream(file, 0).expect("made");
            plan.fail(Op::ReadAt, 1, Errno::Dquot);

            let Err(StreamError::Failed(error)) = guest.stream_read(read, stream, 1) else {
                panic!("{front:?} {read}")
            };
            assert_eq!(guest.error_code(error), Some(Code::QUOTA), "{front:?} {read}");
            assert_eq!(guest.stream_read(read, stream, 1), Err(StreamError::Closed), "{front:?} {read}");
            guest.expect("drop-error", args![error]);
        }
        for write in WRITES {
            let backend = Faulty::new(MemoryFs::new().with_file("file", "x").expect("made"));
            let plan = Arc::clone(backend.plan());
            let gofer = mount("/", backend, options(CachePolicy::None));
            let mut guest = Guest::with(front, GoferComponentCtx::new(gofer.ctx()));
            let file = guest.create("file").expect("opened");
            let stream = guest.write_stream(file, 0).expect("made");
            assert_eq!(guest.check_write(stream), Ok(65_536));
            plan.fail(Op::WriteAt, 1, Errno::Nospc);

            let Err(StreamError::Failed(error)) = guest.stream_write(write, stream, "y") else { panic!("{write}") };
            assert_eq!(guest.error_code(error), Some(Code::INSUFFICIENT_SPACE), "{front:?} {write}");
            assert_eq!(guest.check_write(stream), Err(StreamError::Closed), "{front:?} {write}");
            assert_eq!(guest.stream_write(write, stream, ""), Err(StreamError::Closed), "{front:?} {write}");
        }
    }
}

#[test]
fn short_transfers_of_a_backend_are_gone_on_with() {
    let backend = Faulty::new(MemoryFs::new().with_file("file", "").expect("made"));
    let plan = Arc::clone(backend.plan());
    let mut guest = Guest::new(mount("/", backend, options(CachePolicy::None)).ctx());
    let file = guest.create("file").expect("opened");
    plan.set_short_transfers(Some(3));
    let (writer, appender) = (guest.write_stream(file, 0).expect("made"), guest.append_stream(file).expect("made"));

    guest.stream_write("blocking-write-and-flush", writer, "hello world").expect("written");
    guest.stream_write("blocking-write-and-flush", appender, ", all of it").expect("written");
    plan.set_short_transfers(None);

    assert_eq!(guest.read(file, 100, 0), Ok((b"hello world, all of it".to_vec(), false)));
}

#[test]
fn streams_work_across_unlink_and_rename_and_after_their_descriptor() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("file", "hello world");
        scene.write("kept", "hello world");
        let mut guest = scene.guest(policy);
        let root = guest.root;
        let (file, kept) = (guest.create("file").expect("opened"), guest.create("kept").expect("opened"));
        let (source, sink) = (guest.read_stream(file, 0).expect("made"), guest.append_stream(file).expect("made"));
        let writer = guest.write_stream(kept, 6).expect("made");
        guest.unlink("file").expect("removed");
        guest.rename_at((root, "kept"), (root, "moved")).expect("moved");
        guest.drop_descriptor(file);
        guest.drop_descriptor(kept);

        guest.stream_write("blocking-write-and-flush", sink, "!").expect("written");
        assert_eq!(guest.stream_read("read", source, 100), Ok(b"hello world!".to_vec()), "{policy}");
        guest.stream_write("blocking-write-and-flush", writer, "WORLD").expect("written");
        for (drop, stream) in [("input", source), ("output", sink), ("output", writer)] {
            guest.expect(&format!("drop-{drop}-stream"), args![stream]);
        }

        assert_eq!(scene.read("moved"), "hello WORLD", "{policy}");
        assert_eq!(guest.stat_path("file"), Err(Code::NO_ENTRY), "{policy}");
        assert_eq!(guest.host().files.open_descriptors(), 1, "{policy}");
    }
}

#[test]
fn offsets_beyond_the_largest_are_told_by_the_stream() {
    let mut guest = at_root(MemoryFs::new().with_file("file", "x").expect("made"));
    let file = guest.create("file").expect("opened");
    let (source, sink) = (guest.read_stream(file, u64::MAX), guest.write_stream(file, u64::MAX));
    let (source, sink) = (source.expect("made"), sink.expect("made"));

    let Err(StreamError::Failed(error)) = guest.stream_read("read", source, 1) else { panic!("read") };
    assert_eq!(guest.error_code(error), Some(Code::INVALID));
    let failed = guest.stream_write("blocking-write-and-flush", sink, "y");
    let Err(StreamError::Failed(error)) = failed else { panic!("{failed:?}") };
    assert_eq!(guest.error_code(error), Some(Code::INVALID));
}

#[test]
fn streams_held_across_the_end_of_their_mount_go_on_and_lose_nothing() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("file", "hello");
        let gofer = scene.gofer(policy);
        let mut guest = Guest::new(gofer.ctx());
        let file = guest.create("file").expect("opened");
        let (source, sink) = (guest.read_stream(file, 0).expect("made"), guest.append_stream(file).expect("made"));
        guest.stream_write("blocking-write-and-flush", sink, " world").expect("written");

        let report = gofer.shutdown(None);
        drop(gofer);

        assert!(report.failures.is_empty(), "{policy}: {report:?}");
        assert_eq!(scene.read("file"), "hello world", "{policy}");
        assert_eq!(guest.stream_read("read", source, 100), Ok(b"hello world".to_vec()), "{policy}");
        guest.stream_write("blocking-write-and-flush", sink, "!").expect("what a guest holds stays");
        drop(guest);
        assert_eq!(scene.read("file"), "hello world!", "{policy}: the last close brings it out");
    }
}
