//! Attacks that filesystems of WebAssembly runtimes have seen, by their numbers where they have one: those of both
//! versions, and those on what this one has of its own.

#[path = "../component/attacks.rs"]
mod both;

use crate::kit::{Front, Guest, Scene, args, at_root, mount};
use wasi_gofer::component::GoferComponentCtx;
use wasi_gofer::{CachePolicy, MemoryFs, MountOptions};

// GHSA-mr2v-56j5-cmfc and wasmtime PR 13894: times of the host's files before 1970, and extreme ones.

#[test]
fn stat_of_a_host_file_with_times_before_1970_has_none_and_far_ones_are_told() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write_extreme_times();
        let mut guest = scene.guest(policy);

        for name in ["before", "long-before"] {
            let stat = guest.stat_path(name).expect("stat");
            assert_eq!((stat.accessed, stat.modified), (None, None), "{policy} {name}");
            assert!(stat.changed.is_some(), "{policy} {name}");
        }
        assert!(guest.stat_path("far").expect("stat").modified.expect("after 1970").0 > 1 << 33, "{policy}");
        assert_eq!(guest.names(guest.root).map(|names| names.len()), Ok(3), "{policy}");
    }
}

// Handles: what is not the guest's own, or no more, ends it.

#[test]
fn forged_and_dropped_handles_trap() {
    for front in Front::ALL {
        let new = || {
            let backend = MemoryFs::new().with_file("file", "x").expect("made");
            let gofer = mount("/", backend, MountOptions::default());
            Guest::with(front, GoferComponentCtx::new(gofer.ctx()))
        };
        for forged in [0u32, 77, 1 << 20, u32::MAX] {
            new().trap("descriptor-stat", args![forged, 0x100u32]);
            new().trap("descriptor-get-type", args![forged, 0x100u32]);
            new().trap("descriptor-write", args![forged, 0u32, 0u32, 0u64, 0x100u32]);
            new().trap("directory-entry-stream-read-directory-entry", args![forged, 0x100u32]);
            new().trap("input-stream-read", args![forged, 1u64, 0x100u32]);
            new().trap("drop-descriptor", args![forged]);
            let mut guest = new();
            let root = guest.root;
            guest.trap("descriptor-rename-at", args![root, 0u32, 0u32, forged, 0u32, 0u32, 0x100u32]);
            new().trap("descriptor-is-same-object", args![root, forged]);
            new().trap("filesystem-error-code", args![forged, 0x100u32]);
        }
        let mut guest = new();
        let file = guest.open("file").expect("opened");
        guest.drop_descriptor(file);
        guest.trap("descriptor-stat", args![file, 0x100u32]);
        let mut guest = new();
        let file = guest.open("file").expect("opened");
        guest.drop_descriptor(file);
        guest.trap("drop-descriptor", args![file]);
    }
}

#[test]
fn a_handle_of_one_resource_is_none_of_another() {
    let new = || at_root(MemoryFs::new().with_file("file", "x").expect("made"));
    let mut guest = new();
    let file = guest.open("file").expect("opened");
    let stream = guest.read_stream(file, 0).expect("a stream");

    guest.trap("descriptor-stat", args![stream, 0x100u32]);
    let mut guest = new();
    guest.trap("input-stream-read", args![guest.root, 1u64, 0x100u32]);
    let mut guest = new();
    guest.trap("directory-entry-stream-read-directory-entry", args![guest.root, 0x100u32]);
    let mut guest = new();
    let listing = guest.read_directory(guest.root).expect("a listing");
    guest.trap("drop-descriptor", args![listing]);
}

#[test]
fn a_stream_that_is_polled_cannot_be_dropped_before_its_pollable() {
    let mut guest = at_root(MemoryFs::new().with_file("file", "x").expect("made"));
    let file = guest.open("file").expect("opened");
    let stream = guest.read_stream(file, 0).expect("a stream");
    guest.expect("input-stream-subscribe", args![stream]);

    guest.trap("drop-input-stream", args![stream]);
}

// GHSA-852m-cvvp-9p4w: allocations of the guest's size. GHSA-93g3-36p8-x2gc: writes of nothing, out of bounds.

#[test]
fn paths_and_buffers_out_of_bounds_trap() {
    let new = || at_root(MemoryFs::new().with_file("file", "x").expect("made"));
    for (ptr, len) in [(0u32, u32::MAX), (u32::MAX, 1), (64 << 16, 1), ((64 << 16) - 1, 2)] {
        let mut guest = new();
        let root = guest.root;
        guest.trap("descriptor-stat-at", args![root, 0u32, ptr, len, 0x100u32]);
        let mut guest = new();
        let file = guest.create("file").expect("opened");
        guest.trap("descriptor-write", args![file, ptr, len, 0u64, 0x100u32]);
    }
    let mut guest = new();
    let file = guest.create("file").expect("opened");
    guest.trap("descriptor-write", args![file, u32::MAX, 0u32, 0u64, 0x100u32]);
}
