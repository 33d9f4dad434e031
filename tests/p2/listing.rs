//! `read-directory`.

#[path = "../component/listing.rs"]
mod both;

use crate::kit::abi::kind;
use crate::kit::{Front, Guest, Scene, args, at_root};
use std::collections::BTreeSet;
use wasi_gofer::component::GoferComponentCtx;
use wasi_gofer::{CachePolicy, MemoryFs};

#[test]
fn read_directory_tells_every_entry_once_with_its_type_and_no_dots() {
    for front in Front::ALL {
        for policy in CachePolicy::ALL {
            let scene = Scene::new();
            for n in 0..300 {
                scene.write(&format!("file-{n}"), "x");
            }
            scene.write("dir/file", "x");
            scene.symlink("file-1", "link");
            let gofer = scene.gofer(policy);
            let mut guest = Guest::with(front, GoferComponentCtx::new(gofer.ctx()));
            let stream = guest.read_directory(guest.root).expect("listed");

            let mut found = BTreeSet::new();
            while let Some((told, name)) = guest.next_entry(stream).expect("an entry") {
                let is = match name.as_str() {
                    "dir" => kind::DIRECTORY,
                    "link" => kind::SYMBOLIC_LINK,
                    _ => kind::REGULAR_FILE,
                };
                assert_eq!(told, is, "{name}");
                assert!(found.insert(name), "told twice");
            }
            assert_eq!(found.len(), 302, "{front:?} {policy}");
            assert!(!found.contains(".") && !found.contains(".."));
            assert_eq!(guest.next_entry(stream), Ok(None), "the end stays the end");
        }
    }
}

#[test]
fn read_directory_of_an_empty_directory_ends_at_once() {
    let mut guest = at_root(MemoryFs::new());
    let stream = guest.read_directory(guest.root).expect("listed");

    assert_eq!(guest.next_entry(stream), Ok(None));
    guest.create("late").expect("made");
    assert_eq!(guest.next_entry(stream), Ok(None));
}

#[test]
fn two_streams_of_one_directory_do_not_interfere() {
    let files = (0..50).try_fold(MemoryFs::new(), |fs, n| fs.with_file(format!("file-{n}"), "x"));
    let mut guest = at_root(files.expect("made"));
    let (one, other) = (guest.read_directory(guest.root), guest.read_directory(guest.root));
    let (one, other) = (one.expect("listed"), other.expect("listed"));

    let mut found = [BTreeSet::new(), BTreeSet::new()];
    for n in 0..50 {
        let (_, name) = guest.next_entry(one).expect("an entry").expect("one more");
        found[0].insert(name);
        if n == 25 {
            guest.unlink("file-3").expect("removed");
            let third = guest.read_directory(guest.root).expect("listed");
            assert!(guest.next_entry(third).expect("an entry").is_some());
        }
        let (_, name) = guest.next_entry(other).expect("an entry").expect("one more");
        found[1].insert(name);
    }
    assert_eq!((found[0].len(), found[1].len()), (50, 50));
    assert_eq!((guest.next_entry(one), guest.next_entry(other)), (Ok(None), Ok(None)));
}

#[test]
fn a_stream_outlives_the_descriptor_that_it_was_made_of() {
    let mut guest = at_root(MemoryFs::new().with_file("dir/file", "x").expect("made"));
    let dir = guest.open_directory("dir").expect("opened");
    let stream = guest.read_directory(dir).expect("listed");

    guest.drop_descriptor(dir);

    assert_eq!(guest.next_entry(stream), Ok(Some((kind::REGULAR_FILE, "file".to_owned()))));
    guest.expect("drop-directory-entry-stream", args![stream]);
    assert_eq!(guest.host().files.open_descriptors(), 1);
}
