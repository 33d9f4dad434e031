//! What a guest can make grow.

#[path = "../component/limits.rs"]
mod both;

use crate::kit::abi::flags;
use crate::kit::{Code, End, Guest, Moved, Scene, args};
use both::files;
use wasi_gofer::CachePolicy;

#[test]
fn descriptors_over_the_limit_are_insufficient_memory_and_come_back_when_dropped() {
    let mut guest = Guest::new(files(4));
    let open: Vec<u32> = (0..3).map(|_| guest.open("file").expect("within the limit")).collect();

    assert_eq!(guest.open("file"), Err(Code::INSUFFICIENT_MEMORY));
    assert_eq!(guest.open_directory("dir"), Err(Code::INSUFFICIENT_MEMORY));
    assert_eq!(guest.create("new"), Err(Code::INSUFFICIENT_MEMORY));
    assert_eq!(guest.stat_path("new"), Err(Code::NO_ENTRY), "it was made all the same");

    guest.drop_descriptor(open[0]);
    assert!(guest.open("file").is_ok());
}

#[test]
fn streams_over_the_limit_are_told_so_and_take_nothing() {
    let mut guest = Guest::new(files(3));
    let file = guest.create("file").expect("within the limit");
    let (held, _) = guest.read_stream(file, 0);

    let (stream, future) = guest.read_stream(file, 0);
    assert_eq!(guest.read(stream, 1), (Vec::new(), End::Dropped));
    assert_eq!(guest.told(future), Err(Code::INSUFFICIENT_MEMORY));
    let (stream, future) = guest.append_stream(file);
    assert_eq!(guest.write(stream, "x"), Moved { count: 0, end: End::Dropped });
    assert_eq!(guest.finish(stream, future), Err(Code::INSUFFICIENT_MEMORY));
    assert_eq!(guest.names(guest.root), Err(Code::INSUFFICIENT_MEMORY));
    assert_eq!(guest.open("file"), Err(Code::INSUFFICIENT_MEMORY), "a stream takes the place of a file");

    guest.expect("bytes-drop-readable", args![held]);
    assert!(guest.names(guest.root).is_ok());
    assert_eq!(guest.contents(file, 99_999), Ok(vec![1]));
}

#[test]
fn files_that_only_streams_hold_count_too() {
    let mut guest = Guest::new(files(5));
    let mut streams = Vec::new();
    for _ in 0..2 {
        let file = guest.open("file").expect("within the limit");
        streams.push(guest.read_stream(file, 0).0);
        guest.drop_descriptor(file);
    }

    assert_eq!(guest.host().files.open_descriptors(), 5);
    assert_eq!(guest.open("file"), Err(Code::INSUFFICIENT_MEMORY));
    guest.expect("bytes-drop-readable", args![streams[0]]);
    assert!(guest.open("file").is_ok());
}

#[test]
fn resources_over_the_capacity_of_the_table_trap_and_close_what_was_opened() {
    let mut guest = Guest::new(files(1_000));
    let (ptr, len) = guest.path("file");
    guest.host().table.set_max_capacity(2);
    let root = guest.root;
    let open = args![root, 0u32, ptr, len, 0u32, flags::READ, 0x100u32];

    assert!(guest.call("descriptor-open-at", open).is_ok());
    assert!(guest.call("descriptor-open-at", open).is_err());
    assert_eq!(guest.host().files.open_descriptors(), 2);
}

#[test]
fn streams_and_futures_over_the_stores_limit_of_handles_trap() {
    let mut guest = Guest::new(files(1_000));
    let root = guest.root;
    guest.store.set_max_component_handles(40);

    // Streams that are dropped give their place back, and futures that are kept do not.
    let mut made = 0;
    while guest.call("descriptor-read-via-stream", args![root, 0u64, 0x100u32]).is_ok() {
        let stream = crate::kit::abi::u32_at(&guest.get(0x100, 4), 0);
        guest.expect("bytes-drop-readable", args![stream]);
        made += 1;
        assert!(made < 40, "no limit");
    }
    assert!(made > 20, "{made}");
}

#[test]
fn a_guest_that_makes_and_drops_streams_for_ever_leaves_nothing_behind() {
    let mut guest = Guest::new(files(8));
    let file = guest.create("file").expect("opened");
    let table = |guest: &mut Guest| guest.store.concurrent_state_table_size();
    let mut sizes = Vec::new();
    for _ in 0..50 {
        let (stream, future) = guest.read_stream(file, 0);
        guest.expect("bytes-drop-readable", args![stream]);
        guest.expect("told-drop-readable", args![future]);
        let (stream, future) = guest.write_stream(file, 0);
        guest.expect("bytes-drop-writable", args![stream]);
        guest.expect("told-drop-readable", args![future]);
        let (stream, future) = guest.read_directory(guest.root);
        guest.expect("entries-drop-readable", args![stream]);
        guest.expect("told-drop-readable", args![future]);
        let (stream, future) = guest.read_stream(guest.root, 0);
        guest.expect("bytes-drop-readable", args![stream]);
        guest.expect("told-drop-readable", args![future]);
        sizes.push(table(&mut guest));
    }
    assert_eq!(sizes.first(), sizes.last(), "{sizes:?}");
    assert_eq!(guest.host().files.open_descriptors(), 2);
}

#[test]
fn everything_that_a_guest_has_open_is_closed_with_its_store() {
    let scene = Scene::new();
    scene.write("dir/file", "x");
    let gofer = scene.gofer(CachePolicy::Exclusive);
    let mut guest = Guest::new(gofer.ctx());
    let file = guest.create("new").expect("made");
    guest.write_at(file, "contents", 0).expect("written");
    guest.append_stream(file);
    guest.read_directory(guest.root);
    guest.open_directory("dir").expect("opened");

    drop(guest);

    assert_eq!(scene.read("new"), "contents");
}
