//! What is open.

#[path = "../component/descriptors.rs"]
mod both;

use crate::kit::{Code, Scene, args, at_root};
use wasi_gofer::{CachePolicy, MemoryFs};

#[test]
fn functions_of_files_on_a_directory_and_without_the_flag_are_bad_descriptor() {
    let mut guest = at_root(MemoryFs::new().with_file("file", "x").expect("made"));
    let (root, reader) = (guest.root, guest.open("file").expect("opened"));

    for descriptor in [root, reader] {
        assert_eq!(guest.done("descriptor-set-size", args![descriptor, 0u64]), Err(Code::BAD_DESCRIPTOR));
    }
    assert_eq!(guest.done("descriptor-advise", args![root, 0u64, 0u64, 0u32]), Err(Code::BAD_DESCRIPTOR));
    assert_eq!(guest.done("descriptor-sync", args![root]), Ok(()));
    assert_eq!(guest.done("descriptor-advise", args![reader, u64::MAX, 1u64, 0u32]), Err(Code::INVALID));
    let writer = guest.create("file").expect("opened");
    for size in [1 << 63, u64::MAX] {
        assert_eq!(guest.done("descriptor-set-size", args![writer, size]), Err(Code::INVALID));
    }
}

#[test]
fn set_size_cuts_and_fills_with_zeros() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("file", "contents");
        let mut guest = scene.guest(policy);
        let file = guest.create("file").expect("opened");

        assert_eq!(guest.done("descriptor-set-size", args![file, 3u64]), Ok(()), "{policy}");
        assert_eq!(guest.done("descriptor-set-size", args![file, 5u64]), Ok(()), "{policy}");

        assert_eq!(guest.contents(file, 0), Ok(b"con\0\0".to_vec()), "{policy}");
    }
}
