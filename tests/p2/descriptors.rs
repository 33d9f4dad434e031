//! What is open.

#[path = "../component/descriptors.rs"]
mod both;

use crate::kit::abi::flags;
use crate::kit::{Code, Front, Guest, Scene, args, at_root};
use wasi_gofer::component::GoferComponentCtx;
use wasi_gofer::{CachePolicy, MemoryFs};

#[test]
fn write_and_read_move_the_same_bytes() {
    for front in Front::ALL {
        for policy in CachePolicy::ALL {
            let scene = Scene::new();
            let gofer = scene.gofer(policy);
            let mut guest = Guest::with(front, GoferComponentCtx::new(gofer.ctx()));
            let file = guest.create("file").expect("made");

            assert_eq!(guest.write(file, "hello world", 0), Ok(11), "{front:?} {policy}");
            assert_eq!(guest.write(file, "W", 6), Ok(1), "{front:?} {policy}");
            assert_eq!(guest.read(file, 100, 6), Ok((b"World".to_vec(), false)), "{front:?} {policy}");
            assert_eq!(guest.read(file, 100, 11), Ok((Vec::new(), true)), "{front:?} {policy}");
            assert_eq!(guest.read(file, 2, 0), Ok((b"he".to_vec(), false)), "{front:?} {policy}");
            assert_eq!(guest.done("descriptor-set-size", args![file, 4u64]), Ok(()), "{front:?} {policy}");
            assert_eq!(guest.stat(file).map(|stat| stat.size), Ok(4), "{front:?} {policy}");
            assert_eq!(guest.write(file, "!", 6), Ok(1), "{front:?} {policy}");
            assert_eq!(guest.read(file, 100, 0), Ok((b"hell\0\0!".to_vec(), false)), "{front:?} {policy}");
        }
    }
}

#[test]
fn write_of_much_moves_at_least_64_kib_by_one_call() {
    for front in Front::ALL {
        for policy in CachePolicy::ALL {
            let scene = Scene::new();
            let mut guest = Guest::with(front, GoferComponentCtx::new(scene.gofer(policy).ctx()));
            let file = guest.create("file").expect("made");

            let moved = guest.write(file, "x".repeat(200_000), 0).expect("written");
            assert!(moved >= 65_536, "{front:?} {policy}: {moved}");
        }
    }
}

#[test]
fn read_and_write_without_the_flag_are_bad_descriptor() {
    let mut guest = at_root(MemoryFs::new().with_file("file", "x").expect("made"));
    let reader = guest.open("file").expect("opened");
    let writer = guest.open_at(guest.root, "file", 0, 0, flags::WRITE).expect("opened");

    assert_eq!(guest.write(reader, "y", 0), Err(Code::BAD_DESCRIPTOR));
    assert_eq!(guest.done("descriptor-set-size", args![reader, 0u64]), Err(Code::BAD_DESCRIPTOR));
    assert_eq!(guest.write_stream(reader, 0), Err(Code::BAD_DESCRIPTOR));
    assert_eq!(guest.append_stream(reader), Err(Code::BAD_DESCRIPTOR));
    assert_eq!(guest.read(writer, 1, 0), Err(Code::BAD_DESCRIPTOR));
    assert_eq!(guest.read_stream(writer, 0), Err(Code::BAD_DESCRIPTOR));
}

#[test]
fn functions_of_files_on_a_directory_are_bad_descriptor_and_a_read_stream_is_directory() {
    let mut guest = at_root(MemoryFs::new());
    let root = guest.root;

    assert_eq!(guest.read(root, 1, 0), Err(Code::BAD_DESCRIPTOR));
    assert_eq!(guest.write(root, "x", 0), Err(Code::BAD_DESCRIPTOR));
    assert_eq!(guest.done("descriptor-set-size", args![root, 0u64]), Err(Code::BAD_DESCRIPTOR));
    assert_eq!(guest.done("descriptor-advise", args![root, 0u64, 0u64, 0u32]), Err(Code::BAD_DESCRIPTOR));
    assert_eq!(guest.write_stream(root, 0), Err(Code::BAD_DESCRIPTOR));
    assert_eq!(guest.read_stream(root, 0), Err(Code::IS_DIRECTORY));
    assert_eq!(guest.done("descriptor-sync", args![root]), Ok(()));
}

#[test]
fn offsets_beyond_the_largest_are_an_error_code_and_never_a_panic() {
    let mut guest = at_root(MemoryFs::new().with_file("file", "x").expect("made"));
    let file = guest.create("file").expect("opened");

    for offset in [1 << 63, u64::MAX - 1, u64::MAX] {
        assert_eq!(guest.read(file, 1, offset), Err(Code::INVALID), "{offset}");
        assert_eq!(guest.write(file, "x", offset), Err(Code::INVALID), "{offset}");
        assert_eq!(guest.done("descriptor-set-size", args![file, offset]), Err(Code::INVALID), "{offset}");
    }
    assert_eq!(guest.write(file, "xy", (1 << 63) - 1), Err(Code::FILE_TOO_LARGE));
    assert_eq!(guest.read(file, u64::MAX, 0), Ok((b"x".to_vec(), false)));
}

#[test]
fn read_of_more_than_64_kib_answers_64_kib() {
    let mut guest = at_root(MemoryFs::new().with_file("file", vec![7; 200_000]).expect("made"));
    let file = guest.open("file").expect("opened");

    let (data, end) = guest.read(file, 200_000, 0).expect("read");
    assert_eq!((data.len(), end), (65_536, false));
}
