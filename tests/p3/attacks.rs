//! Attacks that filesystems of WebAssembly runtimes have seen, by their numbers where they have one: those of both
//! versions, and those on what this one has of its own.

#[path = "../component/attacks.rs"]
mod both;

use crate::kit::{End, NewTime, Scene, args, at_root};
use std::os::unix::fs::MetadataExt;
use wasi_gofer::{CachePolicy, MemoryFs};

// GHSA-mr2v-56j5-cmfc and wasmtime PR 13894: times of the host's files before 1970, and extreme ones.

#[test]
fn times_before_1970_are_set_and_told() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("file", "contents");
        let mut guest = scene.guest(policy);
        let file = guest.create("file").expect("opened");

        for time in [(-1, 0), (-1, 999_999_999), (-86_400, 5), (-1_000_000_000, 1)] {
            let times = [NewTime::At(time.0, time.1); 2];
            assert_eq!(guest.set_times(file, times), Ok(()), "{policy} {time:?}");
            let stat = guest.stat(file).expect("stat");
            assert_eq!((stat.accessed, stat.modified), (Some(time), Some(time)), "{policy}");
            assert_eq!(guest.set_times_at("file", 0, times), Ok(()), "{policy} {time:?}");
            assert_eq!(guest.stat_path("file").map(|stat| stat.modified), Ok(Some(time)), "{policy}");
        }
    }
}

#[test]
fn stat_of_host_files_with_times_before_1970_and_far_ones_tells_them() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write_extreme_times();
        let mut guest = scene.guest(policy);

        for name in ["before", "long-before", "far"] {
            let host = std::fs::symlink_metadata(scene.inside().join(name)).expect("there");
            let nanos = u32::try_from(host.mtime_nsec()).expect("below a second");
            let told = guest.stat_path(name).expect("stat");
            assert_eq!(told.modified, Some((host.mtime(), nanos)), "{policy} {name}");
        }
        let before = guest.stat_path("before").expect("stat");
        assert_eq!((before.accessed, before.modified), (Some((-1, 5)), Some((-1, 5))), "{policy}");
        assert_eq!(guest.names(guest.root).map(|names| names.len()), Ok(3), "{policy}");
    }
}

// Handles: what is not the guest's own, or no more, ends it.

#[test]
fn forged_and_dropped_handles_trap() {
    let new = || at_root(MemoryFs::new().with_file("file", "x").expect("made"));
    for forged in [0u32, 77, 1 << 20, u32::MAX] {
        new().trap("descriptor-stat", args![forged, 0x100u32]);
        new().trap("descriptor-get-type", args![forged, 0x100u32]);
        new().trap("descriptor-read-via-stream", args![forged, 0u64, 0x100u32]);
        new().trap("descriptor-read-directory", args![forged, 0x100u32]);
        new().trap("bytes-read", args![forged, 0x100u32, 1u32]);
        new().trap("told-read", args![forged, 0x100u32]);
        new().trap("drop-descriptor", args![forged]);
        let mut guest = new();
        let (stream, _) = guest.new_stream();
        guest.trap("descriptor-write-via-stream", args![forged, stream, 0u64]);
        let mut guest = new();
        let file = guest.create("file").expect("opened");
        guest.trap("descriptor-append-via-stream", args![file, forged]);
        let mut guest = new();
        let root = guest.root;
        guest.trap("descriptor-rename-at", args![root, 0u32, 0u32, forged, 0u32, 0u32, 0x100u32]);
        new().trap("descriptor-is-same-object", args![root, forged]);
    }
    for function in ["descriptor-stat", "descriptor-read-directory"] {
        let mut guest = new();
        let file = guest.open("file").expect("opened");
        guest.drop_descriptor(file);
        guest.trap(function, args![file, 0x100u32]);
    }
    let mut guest = new();
    let file = guest.open("file").expect("opened");
    guest.drop_descriptor(file);
    guest.trap("drop-descriptor", args![file]);
}

#[test]
fn a_handle_of_one_kind_is_none_of_another() {
    let new = || {
        let mut guest = at_root(MemoryFs::new().with_file("file", "x").expect("made"));
        let file = guest.create("file").expect("opened");
        let (stream, future) = guest.read_stream(file, 0);
        (guest, file, stream, future)
    };
    let (mut guest, _, stream, _) = new();
    guest.trap("descriptor-stat", args![stream, 0x100u32]);
    let (mut guest, file, _, _) = new();
    guest.trap("bytes-read", args![file, 0x100u32, 1u32]);
    let (mut guest, _, _, future) = new();
    guest.trap("bytes-read", args![future, 0x100u32, 1u32]);
    let (mut guest, _, stream, _) = new();
    guest.trap("told-read", args![stream, 0x100u32]);
    let (mut guest, _, stream, _) = new();
    guest.trap("entries-read", args![stream, 0x100u32, 1u32]);
    let (mut guest, _, stream, _) = new();
    guest.trap("bytes-write", args![stream, 0x100u32, 1u32]);
    let (mut guest, file, _, _) = new();
    let (listing, _) = guest.read_directory(guest.root);
    guest.trap("descriptor-append-via-stream", args![file, listing]);
}

#[test]
fn a_stream_that_was_given_away_or_ended_is_none_any_more() {
    let new = || at_root(MemoryFs::new().with_file("file", "x").expect("made"));
    let mut guest = new();
    let file = guest.create("file").expect("opened");
    let (readable, _) = guest.new_stream();
    guest.expect("descriptor-append-via-stream", args![file, readable]);
    guest.trap("descriptor-append-via-stream", args![file, readable]);

    let mut guest = new();
    let file = guest.open("file").expect("opened");
    let (stream, _) = guest.read_stream(file, 0);
    assert_eq!(guest.read_all(stream, 10), b"x");
    guest.trap("bytes-read", args![stream, 0x100u32, 1u32]);

    let mut guest = new();
    let file = guest.create("file").expect("opened");
    // The writable end is no stream to read from.
    let (_, writable) = guest.new_stream();
    guest.trap("descriptor-write-via-stream", args![file, writable, 0u64]);
}

// GHSA-852m-cvvp-9p4w, GHSA-x84v-gj2h-g759: allocations of the guest's size. GHSA-93g3-36p8-x2gc: writes of nothing, out
// of bounds.

#[test]
fn paths_and_buffers_out_of_bounds_trap() {
    let new = || at_root(MemoryFs::new().with_file("file", "x").expect("made"));
    let end = 64u32 << 16;
    for (ptr, len) in [(0u32, u32::MAX), (u32::MAX, 1), (end, 1), (end - 1, 2)] {
        let mut guest = new();
        let root = guest.root;
        guest.trap("descriptor-stat-at", args![root, 0u32, ptr, len, 0x100u32]);
        let mut guest = new();
        let file = guest.create("file").expect("opened");
        let (stream, _) = guest.write_stream(file, 0);
        guest.trap("bytes-write", args![stream, ptr, len]);
        let mut guest = new();
        let file = guest.create("file").expect("opened");
        let (stream, _) = guest.read_stream(file, 0);
        guest.trap("bytes-read", args![stream, ptr, len]);
        let mut guest = new();
        let (stream, _) = guest.read_directory(guest.root);
        guest.trap("entries-read", args![stream, ptr, len]);
    }
}

#[test]
fn reads_and_writes_of_nothing_out_of_bounds_end_the_guest_or_move_nothing() {
    for ptr in [0u32, 64 << 16, u32::MAX] {
        let mut guest = at_root(MemoryFs::new().with_file("file", "x").expect("made"));
        let file = guest.create("file").expect("opened");
        let ((sink, _), (source, _)) = (guest.append_stream(file), guest.read_stream(file, 0));
        let (listing, _) = guest.read_directory(guest.root);
        for (function, stream) in [("bytes-write", sink), ("bytes-read", source), ("entries-read", listing)] {
            if let Ok(code) = guest.call(function, args![stream, ptr, 0u32]) {
                assert_eq!(code, 0, "{function} {ptr}");
            }
        }
    }
}

#[test]
fn reads_and_writes_of_the_whole_memory_at_once_cost_the_host_nothing_of_that_size() {
    let memory = 64u32 << 16;
    let mut guest = at_root(MemoryFs::new().with_file("file", vec![7; 100_000]).expect("made"));
    let file = guest.create("file").expect("opened");
    let (stream, _) = guest.read_stream(file, 0);

    let code = guest.call("bytes-read", args![stream, 0u32, memory]).expect("within bounds");
    assert_eq!(code, 100_000 << 4);
    let (stream, future) = guest.write_stream(file, 0);
    let moved = guest.call("bytes-write", args![stream, 0u32, memory]).expect("within bounds");
    assert_eq!(moved, u64::from(memory) << 4);
    assert_eq!(guest.finish(stream, future), Ok(()));
    assert_eq!(guest.stat(file).map(|stat| stat.size), Ok(u64::from(memory)));
    // As many entries as there is memory for: what is allocated is what is there.
    let (stream, _) = guest.read_directory(guest.root);
    guest.reset();
    guest.call("entries-read", args![stream, 0x1000u32, 80_000u32]).expect("within bounds");
    assert_eq!(guest.wait_for(stream), (1 << 4) | 1, "one entry, and the end");
}

#[test]
fn a_second_operation_on_a_busy_stream_and_a_cancellation_of_none_trap() {
    let mut guest = at_root(MemoryFs::new());
    let (_, writable) = guest.new_stream();
    assert_eq!(guest.start_write(writable, b"x"), None);
    guest.trap("bytes-write", args![writable, 0u32, 1u32]);

    let mut guest = at_root(MemoryFs::new().with_file("file", "x").expect("made"));
    let file = guest.open("file").expect("opened");
    let (stream, _) = guest.read_stream(file, 0);
    assert_eq!(guest.read(stream, 1), (b"x".to_vec(), End::More));
    guest.trap("bytes-cancel-read", args![stream]);
}
