//! `read-directory`.

#[path = "../component/listing.rs"]
mod both;

use crate::kit::abi::kind;
use crate::kit::{Code, End, Guest, Moved, Scene, args, at_root, mount, options};
use std::collections::BTreeSet;
use std::sync::Arc;
use wasi_gofer::abi::Errno;
use wasi_gofer::backend::faulty::{Faulty, Op};
use wasi_gofer::{CachePolicy, MemoryFs};

#[test]
fn read_directory_of_1000_entries_tells_each_once_whatever_the_guests_room() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        for n in 0..998 {
            scene.write(&format!("file-{n}"), "x");
        }
        scene.write("dir/file", "x");
        scene.symlink("file-1", "link");
        let mut guest = scene.guest(policy);

        for room in [1, 7, 100, 4_096] {
            let found = guest.list(guest.root, room).expect("listed");
            let names: BTreeSet<&str> = found.iter().map(|(_, name)| name.as_str()).collect();
            assert_eq!((found.len(), names.len()), (1_000, 1_000), "{policy} {room}");
            for (told, name) in &found {
                let is = match name.as_str() {
                    "dir" => kind::DIRECTORY,
                    "link" => kind::SYMBOLIC_LINK,
                    _ => kind::REGULAR_FILE,
                };
                assert_eq!(*told, is, "{name}");
            }
            assert!(!names.contains(".") && !names.contains(".."));
        }
    }
}

#[test]
fn read_directory_fills_the_guests_buffer_and_no_more() {
    let files = (0..50).try_fold(MemoryFs::new(), |fs, n| fs.with_file(format!("file-{n}"), "x"));
    let mut guest = at_root(files.expect("made"));
    let (stream, future) = guest.read_directory(guest.root);

    assert_eq!(guest.start_entries(stream, 0), Some(Moved { count: 0, end: End::More }), "nothing asked");
    assert_eq!(guest.entries(stream, 20).0.len(), 20);
    assert_eq!(guest.entries(stream, 29).0.len(), 29);
    let (last, end) = guest.entries(stream, 100);
    assert_eq!((last.len(), end), (1, End::Dropped), "the end is told with the last");
    assert_eq!(guest.told(future), Ok(()));
}

#[test]
fn read_directory_of_an_empty_directory_ends_at_once() {
    let mut guest = at_root(MemoryFs::new());
    assert_eq!(guest.list(guest.root, 10), Ok(Vec::new()));
}

#[test]
fn read_directory_of_a_file_is_told() {
    let mut guest = at_root(MemoryFs::new().with_file("file", "x").expect("made"));
    let file = guest.open("file").expect("opened");
    assert_eq!(guest.list(file, 10), Err(Code::NOT_DIRECTORY));
}

#[test]
fn two_streams_of_one_directory_do_not_interfere_with_each_other_nor_with_changes() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        for n in 0..50 {
            scene.write(&format!("file-{n}"), "x");
        }
        let mut guest = scene.guest(policy);
        let ((one, _), (other, _)) = (guest.read_directory(guest.root), guest.read_directory(guest.root));

        let mut found = [BTreeSet::new(), BTreeSet::new()];
        let mut ends = [End::More; 2];
        for round in 0..100 {
            for (at, stream) in [one, other].into_iter().enumerate() {
                if ends[at] == End::More {
                    let (entries, end) = guest.entries(stream, 7);
                    ends[at] = end;
                    for (_, name) in entries {
                        assert!(found[at].insert(name), "{policy}: told twice");
                    }
                }
            }
            if round == 2 {
                guest.unlink("file-3").expect("removed");
            }
        }
        assert_eq!(ends, [End::Dropped; 2], "{policy}");
        assert_eq!((found[0].len(), found[1].len()), (50, 50), "{policy}");
    }
}

#[test]
fn a_listing_outlives_the_descriptor_that_it_was_made_of_and_ends_with_its_stream() {
    for read in [false, true] {
        let mut guest = at_root(MemoryFs::new().with_file("dir/file", "x").expect("made"));
        let dir = guest.open_directory("dir").expect("opened");
        let (stream, future) = guest.read_directory(dir);
        guest.drop_descriptor(dir);

        if read {
            assert_eq!(guest.entries(stream, 10).0, [(kind::REGULAR_FILE, "file".to_owned())]);
        }
        guest.expect("entries-drop-readable", args![stream]);
        assert_eq!(guest.told(future), Ok(()));
        assert_eq!(guest.host().files.open_descriptors(), 1);
    }
}

#[test]
fn a_listing_goes_on_after_its_directory_is_removed() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("dir/one", "x");
        scene.write("dir/two", "x");
        let mut guest = scene.guest(policy);
        let dir = guest.open_directory("dir").expect("opened");
        let (stream, future) = guest.read_directory(dir);
        assert_eq!(guest.entries(stream, 1).0.len(), 1, "{policy}");
        for name in ["dir/one", "dir/two"] {
            guest.unlink(name).expect("removed");
        }
        guest.rmdir("dir").expect("removed");

        assert_eq!(guest.entries(stream, 10).0.len(), 1, "{policy}");
        assert_eq!(guest.told(future), Ok(()), "{policy}");
    }
}

#[test]
fn a_listing_that_fails_is_told_once() {
    let backend = Faulty::new(MemoryFs::new().with_file("file", "x").expect("made"));
    let plan = Arc::clone(backend.plan());
    let mut guest = Guest::new(mount("/", backend, options(CachePolicy::None)).ctx());
    let (stream, future) = guest.read_directory(guest.root);
    plan.fail(Op::ReadDir, 1, Errno::Acces);

    assert_eq!(guest.entries(stream, 10), (Vec::new(), End::Dropped));
    assert_eq!(guest.told(future), Err(Code::ACCESS));
    assert_eq!(guest.names(guest.root), Ok(vec!["file".to_owned()]));
}
