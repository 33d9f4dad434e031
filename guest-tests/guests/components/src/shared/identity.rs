//! Which objects are the same, and the hashes by which a guest tells them apart.

use crate::kit::*;

fn hash(path: &str) -> Hash {
    ok(root().metadata_hash_at(NOFOLLOW, path))
}

fn open_any(path: &str) -> Descriptor {
    open(path, NONE, READ)
}

pub fn two_descriptors_of_one_file_are_the_same_object() {
    make("file", b"x");
    make("other", b"x");
    symlink("file", "link");
    let file = open_any("file");

    assert!(file.is_same_object(&file));
    assert!(file.is_same_object(&open("file", NONE, READ_WRITE)));
    assert!(file.is_same_object(&open_any("link")));
    assert!(!file.is_same_object(&open_any("other")));
    assert!(!file.is_same_object(root()));
}

pub fn hard_links_are_the_same_object() {
    make("one", b"x");
    ok(root().link_at(NOFOLLOW, "one", root(), "two"));

    assert!(open_any("one").is_same_object(&open_any("two")));
    assert_eq!(hash("one"), hash("two"));
}

pub fn directories_are_the_same_object_whatever_the_way() {
    mkdir("a");
    mkdir("a/b");

    assert!(open_any("a/b").is_same_object(&open_any("a/./b/")));
    assert!(open_any("a/b/..").is_same_object(&open_any("a")));
    assert!(open_any(".").is_same_object(root()));
    assert!(!open_any("a").is_same_object(&open_any("a/b")));
}

pub fn an_unlinked_file_is_another_object_than_its_successor() {
    make("file", b"x");
    let old = open_any("file");

    unlink("file");
    make("file", b"x");

    assert!(!old.is_same_object(&open_any("file")));
    assert_ne!(ok(old.metadata_hash()), hash("file"));
}

pub fn the_hash_is_the_same_by_path_and_by_descriptor() {
    make("file", b"x");
    mkdir("directory");

    for path in ["file", "directory"] {
        assert_eq!(ok(open_any(path).metadata_hash()), hash(path));
    }
    assert_eq!(ok(root().metadata_hash()), hash("."));
}

pub fn the_hash_differs_between_objects() {
    make("a", b"x");
    make("b", b"x");
    mkdir("d");
    symlink("a", "l");

    let hashes = [hash("a"), hash("b"), hash("d"), hash("l"), hash(".")];

    for (at, hash) in hashes.iter().enumerate() {
        assert!(!hashes[..at].contains(hash), "two objects with {hash:?}");
    }
}

pub fn the_hash_follows_a_symlink_when_asked() {
    make("file", b"x");
    symlink("file", "link");
    symlink("nowhere", "dangling");

    assert_eq!(ok(root().metadata_hash_at(FOLLOW, "link")), hash("file"));
    assert_ne!(hash("link"), hash("file"));
    refused(root().metadata_hash_at(FOLLOW, "dangling"), &[Code::NoEntry]);
    refused(root().metadata_hash_at(NOFOLLOW, "missing"), &[Code::NoEntry]);
    refused(root().metadata_hash_at(NOFOLLOW, "../outside"), &[Code::NotPermitted]);
}

pub fn the_hash_survives_rename() {
    make("old", b"x");
    let before = hash("old");

    rename("old", "new");

    assert_eq!(hash("new"), before);
}
