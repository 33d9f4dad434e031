//! Attacks that filesystems of WebAssembly runtimes have seen, by their numbers where they have one. That paths cannot
//! lead out is shown at length for `wasi_snapshot_preview1`, over the same resolution; here is what the interface adds.

use crate::kit::abi::{flags, kind, open};
use crate::kit::{Code, End, Guest, NewTime, Scene, args, at_root, options};
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};
use std::os::unix::fs::MetadataExt;
use wasi_gofer::{CachePolicy, Gofer, MemoryFs, MountOptions};

// GHSA-vqjp-4c8c-hfgg: a trailing slash in a path or in a link's target made the resolver follow a link out.

#[test]
fn links_that_lead_out_are_refused_by_every_function_that_takes_a_path() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("own", "the guest's own");
        scene.symlink("../outside", "hidden");
        scene.symlink("hidden/", "indirect");
        let mut guest = scene.guest(policy);
        let root = guest.root;

        for way in ["hidden", "hidden/", "hidden/.", "indirect", "indirect/"] {
            let (secret, planted) = (format!("{way}/secret"), format!("{way}/planted"));
            for follow in [0, 1] {
                assert!(guest.open_at(root, way, follow, open::DIRECTORY, flags::READ).is_err(), "{way}");
                assert!(guest.open_at(root, &secret, follow, 0, flags::READ).is_err(), "{way}");
                assert!(guest.open_at(root, &planted, follow, open::CREATE, flags::WRITE).is_err(), "{way}");
                assert!(guest.stat_at(root, &secret, follow).is_err(), "{way}");
                assert!(guest.hash_at(&secret, follow).is_err(), "{way}");
                assert!(guest.set_times_at(&secret, follow, [NewTime::Now, NewTime::Now]).is_err(), "{way}");
                assert!(guest.link_at((root, &secret), follow, (root, "stolen")).is_err(), "{way}");
                assert!(guest.link_at((root, "own"), follow, (root, &planted)).is_err(), "{way}");
            }
            assert!(guest.mkdir(&planted).is_err(), "{way}");
            assert!(guest.rmdir(format!("{way}/empty")).is_err(), "{way}");
            assert!(guest.unlink(&secret).is_err(), "{way}");
            assert!(guest.symlink("x", &planted).is_err(), "{way}");
            assert!(guest.readlink(&secret).is_err(), "{way}");
            assert!(guest.rename_at((root, &secret), (root, "stolen")).is_err(), "{way}");
            assert!(guest.rename_at((root, "own"), (root, &planted)).is_err(), "{way}");
        }
        scene.assert_untouched();
        assert_eq!(guest.stat_path("stolen"), Err(Code::NO_ENTRY), "{policy}");
    }
}

// GHSA-2r75-cxrj-cmph, CVE-2026-47261: an open for truncation alone emptied a file of a read-only preopen.

#[test]
fn open_for_truncation_alone_on_a_read_only_mount_is_read_only_and_keeps_the_file() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("file", "contents");
        let mut builder = Gofer::builder();
        builder.dir(scene.inside(), "/", MountOptions { read_only: true, ..options(policy) });
        let mut guest = Guest::new(builder.build().expect("mounted").ctx());

        for how in [0, flags::READ] {
            for asked in [open::TRUNCATE, open::TRUNCATE | open::CREATE] {
                assert_eq!(guest.open_at(guest.root, "file", 1, asked, how), Err(Code::READ_ONLY), "{policy}");
            }
        }
        assert_eq!(scene.read("file"), "contents");
    }
}

#[test]
fn truncation_through_a_read_only_mount_below_a_writable_directory_is_read_only() {
    let scene = Scene::new();
    scene.write("file", "contents");
    let mut builder = Gofer::builder();
    builder.mount("/", MemoryFs::new(), MountOptions::default());
    builder.dir(scene.inside(), "/ro", MountOptions { read_only: true, ..options(CachePolicy::Shared) });
    let gofer = builder.build().expect("mounted");
    let mut guest = Guest::new(gofer.ctx().with_preopens(&["/"]).expect("a mount"));

    assert_eq!(guest.open_at(guest.root, "ro/file", 1, open::TRUNCATE, flags::READ), Err(Code::READ_ONLY));
    assert_eq!(guest.open_at(guest.root, "ro/file", 1, 0, flags::WRITE), Err(Code::READ_ONLY));
    assert_eq!(guest.set_times_at("ro/file", 1, [NewTime::Now, NewTime::Now]), Err(Code::READ_ONLY));
    assert_eq!(scene.read("file"), "contents");
}

#[test]
fn a_guest_that_may_only_read_changes_nothing() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("file", "contents");
        scene.write("dir/inner", "contents");
        let mut guest = Guest::new(scene.gofer(policy).ctx().read_only());
        let (root, file) = (guest.root, guest.open("file").expect("opened"));
        let dir = guest.open_directory("dir").expect("opened");

        let refused = Err(Code::READ_ONLY);
        assert_eq!(guest.mkdir("new"), refused);
        assert_eq!(guest.rmdir("dir"), refused);
        assert_eq!(guest.unlink("file"), refused);
        assert_eq!(guest.symlink("x", "new"), refused);
        assert_eq!(guest.link_at((root, "file"), 0, (root, "new")), refused);
        assert_eq!(guest.rename_at((root, "file"), (root, "new")), refused);
        assert_eq!(guest.rename_at((dir, "inner"), (root, "new")), refused);
        assert_eq!(guest.set_times_at("file", 0, [NewTime::Now, NewTime::Now]), refused);
        assert_eq!(guest.set_times(file, [NewTime::Now, NewTime::Now]), refused);
        assert_eq!(guest.set_times(dir, [NewTime::Now, NewTime::Now]), refused);
        assert_eq!(guest.open_at(dir, "inner", 0, 0, flags::WRITE), Err(Code::READ_ONLY));
        assert_eq!(guest.write_at(file, "x", 0), Err(Code::BAD_DESCRIPTOR));
        assert_eq!(guest.done("descriptor-set-size", args![file, 0u64]), Err(Code::BAD_DESCRIPTOR));
        assert_eq!(scene.read("file"), "contents", "{policy}");
        assert_eq!(guest.names(root), Ok(["dir", "file"].map(str::to_owned).to_vec()), "{policy}");
    }
}

// GHSA-4ch3-9j33-3pmj, CVE-2026-58494: a file of a read-only preopen was linked or moved into a writable one.

#[test]
fn link_and_rename_from_a_read_only_mount_of_the_same_directory_are_cross_device() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("file", "contents");
        let mut builder = Gofer::builder();
        builder.dir(scene.inside(), "/ro", MountOptions { read_only: true, ..options(policy) });
        builder.dir(scene.inside(), "/rw", options(policy));
        let mut guest = Guest::new(builder.build().expect("mounted").ctx());
        let (ro, rw) = (guest.preopens[0].0, guest.preopens[1].0);

        for follow in [0, 1] {
            assert_eq!(guest.link_at((ro, "file"), follow, (rw, "stolen")), Err(Code::CROSS_DEVICE), "{policy}");
            assert!(guest.link_at((rw, "file"), follow, (ro, "planted")).is_err(), "{policy}");
        }
        assert_eq!(guest.rename_at((ro, "file"), (rw, "stolen")), Err(Code::CROSS_DEVICE), "{policy}");
        assert_eq!(guest.rename_at((rw, "file"), (ro, "planted")), Err(Code::CROSS_DEVICE), "{policy}");
        assert_eq!(guest.names(rw), Ok(vec!["file".to_owned()]), "{policy}");
    }
}

// GHSA-j2g9-4prp-pf6h: times out of range panicked.

#[test]
fn times_at_the_ends_of_their_range_are_set_or_refused_and_told() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("file", "contents");
        for mut guest in [scene.guest(policy), at_root(MemoryFs::new().with_file("file", "x").expect("made"))] {
            let file = guest.create("file").expect("opened");
            for seconds in [i64::MIN, -1 << 34, -1, 0, 1, 1 << 34, 1 << 62, i64::MAX] {
                for nanoseconds in [0, 999_999_999, 1_000_000_000, u32::MAX] {
                    let times = [NewTime::At(seconds, nanoseconds); 2];
                    for set in [guest.set_times_at("file", 0, times), guest.set_times(file, times)] {
                        let fine = matches!(set, Ok(()) | Err(Code::INVALID | Code::OVERFLOW));
                        assert!(fine, "{policy} {seconds} {nanoseconds}: {set:?}");
                    }
                    assert!(guest.stat(file).is_ok() && guest.stat_path("file").is_ok(), "{policy} {seconds}");
                }
            }
        }
    }
}

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

// GHSA-mr2v-56j5-cmfc and wasmtime PR 13894: times of the host's files before 1970, and extreme ones.

#[test]
fn stat_of_host_files_with_times_before_1970_and_far_ones_tells_them() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        for (name, secs, nanos) in [("before", -1, 5), ("long-before", i64::MIN, 0), ("far", i64::MAX, 999_999_999)] {
            scene.write(name, "contents");
            let time = Timespec { tv_sec: secs, tv_nsec: nanos };
            let times = Timestamps { last_access: time, last_modification: time };
            // A filesystem that cannot hold it keeps the nearest that it can.
            utimensat(CWD, scene.inside().join(name), &times, AtFlags::empty()).expect("set");
        }
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

#[test]
fn paths_that_are_no_utf8_trap() {
    let mut guest = at_root(MemoryFs::new());
    let (ptr, len) = guest.path(b"bad-\xff");
    let root = guest.root;
    guest.trap("descriptor-stat-at", args![root, 0u32, ptr, len, 0x100u32]);
}

#[test]
fn a_directory_that_was_swapped_for_a_link_outward_is_refused_though_it_was_cached() {
    for policy in [CachePolicy::Shared, CachePolicy::None] {
        let scene = Scene::new();
        scene.write("dir/secret", "the guest's own");
        let mut guest = scene.guest(policy);
        assert_eq!(guest.stat_path("dir/secret").map(|stat| stat.kind), Ok(kind::REGULAR_FILE));

        std::fs::rename(scene.inside().join("dir"), scene.inside().join("old")).expect("moved");
        scene.symlink("../outside", "dir");

        assert_eq!(guest.stat_path("dir/secret"), Err(Code::NOT_PERMITTED), "{policy}");
        assert!(guest.open("dir/secret").is_err(), "{policy}");
        scene.assert_untouched();
    }
}
