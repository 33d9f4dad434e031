//! What a guest can make grow.

#[path = "../component/limits.rs"]
mod both;

use crate::kit::abi::flags;
use crate::kit::{Code, Front, Guest, Scene, args};
use both::files;
use wasi_gofer::CachePolicy;
use wasi_gofer::component::GoferComponentCtx;

#[test]
fn descriptors_over_the_limit_are_insufficient_memory_and_come_back_when_dropped() {
    for front in Front::ALL {
        let mut guest = Guest::with(front, GoferComponentCtx::new(files(4)));
        let open: Vec<u32> = (0..3).map(|_| guest.open("file").expect("within the limit")).collect();

        assert_eq!(guest.open("file"), Err(Code::INSUFFICIENT_MEMORY), "{front:?}");
        assert_eq!(guest.open_directory("dir"), Err(Code::INSUFFICIENT_MEMORY), "{front:?}");
        assert_eq!(guest.read_directory(guest.root), Err(Code::INSUFFICIENT_MEMORY), "{front:?}");
        assert_eq!(guest.create("new"), Err(Code::INSUFFICIENT_MEMORY), "{front:?}");
        assert_eq!(guest.stat_path("new"), Err(Code::NO_ENTRY), "{front:?}: it was made all the same");

        guest.drop_descriptor(open[0]);
        let listing = guest.read_directory(guest.root).expect("room again");
        assert_eq!(guest.open("file"), Err(Code::INSUFFICIENT_MEMORY), "{front:?}");
        guest.expect("drop-directory-entry-stream", args![listing]);
        assert!(guest.open("file").is_ok(), "{front:?}");
    }
}

#[test]
fn files_that_only_streams_hold_count_too() {
    let mut guest = Guest::new(files(4));
    let mut streams = Vec::new();
    for _ in 0..3 {
        let file = guest.open("file").expect("within the limit");
        streams.push(guest.read_stream(file, 0).expect("a stream"));
        streams.push(guest.read_stream(file, 0).expect("a second stream costs no further place"));
        guest.drop_descriptor(file);
    }

    assert_eq!(guest.open("file"), Err(Code::INSUFFICIENT_MEMORY));
    guest.expect("drop-input-stream", args![streams[0]]);
    assert_eq!(guest.open("file"), Err(Code::INSUFFICIENT_MEMORY), "its second stream holds it");
    guest.expect("drop-input-stream", args![streams[1]]);
    assert!(guest.open("file").is_ok());
}

#[test]
fn resources_over_the_capacity_of_the_table_trap() {
    let mut guest = Guest::new(files(1_000));
    let file = guest.open("file").expect("opened");
    guest.host().table.set_max_capacity(8);

    let mut streams = 0;
    let (ptr, len) = (0x1000u32, 4u32);
    while guest.call("descriptor-read-via-stream", args![file, 0u64, 0x100u32]).is_ok() {
        streams += 1;
        assert!(streams < 8, "no limit");
    }
    let mut guest = Guest::new(files(1_000));
    guest.path("file");
    guest.host().table.set_max_capacity(2);
    let root = guest.root;
    assert!(guest.call("descriptor-open-at", args![root, 0u32, ptr, len, 0u32, flags::READ, 0x100u32]).is_ok());
    assert!(guest.call("descriptor-open-at", args![root, 0u32, ptr, len, 0u32, flags::READ, 0x100u32]).is_err());
    assert_eq!(guest.host().files.open_descriptors(), 2, "what was opened for nobody stays open");
}

#[test]
fn everything_that_a_guest_has_open_is_closed_with_its_store() {
    let scene = Scene::new();
    scene.write("dir/file", "x");
    let gofer = scene.gofer(CachePolicy::Exclusive);
    let mut guest = Guest::new(gofer.ctx());
    let file = guest.create("new").expect("made");
    guest.write(file, "contents", 0).expect("written");
    guest.append_stream(file).expect("a stream");
    guest.read_directory(guest.root).expect("a listing");
    guest.open_directory("dir").expect("opened");

    drop(guest);

    assert_eq!(scene.read("new"), "contents");
}
