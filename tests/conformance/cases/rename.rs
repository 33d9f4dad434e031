//! Renames that do something.

use crate::harness::{Fs, Subject};
use wasi_gofer::abi::OpenFlags;

fn rename_of_a_file_moves_it<S: Subject>(fs: &Fs<S>) {
    fs.dir("d");
    let made = fs.file("f", b"data");
    assert_eq!(fs.rename("f", "d/g"), Ok(()));
    assert!(!fs.exists("f"));
    assert_eq!(fs.stat("d/g").expect("there").key, made.key);
    assert_eq!(fs.contents("d/g").expect("reads"), b"data");
}

fn rename_over_a_file_replaces_it<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"new");
    fs.file("g", b"old");
    fs.link("g", "other").expect("links");
    let handle = fs.open("g", OpenFlags::READ).expect("opens");
    assert_eq!(fs.rename("f", "g"), Ok(()));
    assert_eq!(fs.contents("g").expect("reads"), b"new");
    assert_eq!(fs.read(&handle, 0, 9).expect("reads"), b"old");
    assert_eq!(fs.stat("other").expect("there").nlink, 1);
    assert_eq!(fs.names(""), Ok(["g", "other"].map(str::to_owned).to_vec()));
}

fn rename_of_a_directory_moves_what_is_in_it<S: Subject>(fs: &Fs<S>) {
    fs.dir("a");
    fs.dir("b");
    fs.dir("a/d");
    fs.file("a/d/f", b"deep");
    assert_eq!(fs.rename("a/d", "b/e"), Ok(()));
    assert_eq!(fs.contents("b/e/f").expect("reads"), b"deep");
    assert_eq!(fs.names("a"), Ok(Vec::new()));
}

fn rename_of_a_directory_moves_its_link_count<S: Subject>(fs: &Fs<S>) {
    fs.dir("a");
    fs.dir("b");
    fs.dir("a/d");
    let count = |path| fs.stat(path).expect("there").nlink;
    if count("a") < 2 {
        // Some filesystems (btrfs, overlayfs) do not count links of directories.
        return;
    }
    assert_eq!((count("a"), count("b")), (3, 2));
    fs.rename("a/d", "b/d").expect("moves");
    assert_eq!((count("a"), count("b")), (2, 3));
    fs.dir("a/d");
    fs.rename("b/d", "a/d").expect("replaces the empty one");
    assert_eq!((count("a"), count("b")), (3, 2));
}

fn rename_over_an_empty_directory_replaces_it<S: Subject>(fs: &Fs<S>) {
    let made = fs.dir("d");
    fs.file("d/f", b"");
    fs.dir("e");
    assert_eq!(fs.rename("d", "e"), Ok(()));
    assert_eq!(fs.stat("e").expect("there").key, made.key);
    assert_eq!(fs.names("e"), Ok(vec!["f".to_owned()]));
    assert_eq!(fs.names(""), Ok(vec!["e".to_owned()]));
}

fn rename_of_a_symlink_moves_the_link_itself<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"");
    fs.symlink("l", "f").expect("made");
    assert_eq!(fs.rename("l", "m"), Ok(()));
    assert_eq!(fs.readlink("m").expect("reads"), b"f");
    assert!(fs.exists("f"));
}

fn rename_over_a_symlink_replaces_the_link_itself<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"f");
    fs.file("g", b"g");
    fs.symlink("l", "g").expect("made");
    assert_eq!(fs.rename("f", "l"), Ok(()));
    assert_eq!(fs.contents("l").expect("reads"), b"f");
    assert_eq!(fs.contents("g").expect("reads"), b"g");
}

fn rename_onto_itself_does_nothing<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"data");
    fs.dir("d");
    assert_eq!(fs.rename("f", "f"), Ok(()));
    assert_eq!(fs.rename("d", "d"), Ok(()));
    assert_eq!(fs.contents("f").expect("reads"), b"data");
    assert!(fs.exists("d"));
}

fn rename_between_two_names_of_a_file_does_nothing<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"");
    fs.link("f", "g").expect("links");
    assert_eq!(fs.rename("f", "g"), Ok(()));
    assert_eq!(fs.names(""), Ok(["f", "g"].map(str::to_owned).to_vec()));
    assert_eq!(fs.stat("f").expect("there").nlink, 2);
}

fn rename_of_an_open_file_keeps_the_handle<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"");
    let handle = fs.open("f", OpenFlags::WRITE).expect("opens");
    fs.rename("f", "g").expect("moves");
    fs.write(&handle, 0, b"late").expect("writes");
    assert_eq!(fs.contents("g").expect("reads"), b"late");
}

crate::suite! {
    rename_of_a_file_moves_it
    rename_over_a_file_replaces_it
    rename_of_a_directory_moves_what_is_in_it
    rename_of_a_directory_moves_its_link_count
    rename_over_an_empty_directory_replaces_it
    rename_of_a_symlink_moves_the_link_itself
    rename_over_a_symlink_replaces_the_link_itself
    rename_onto_itself_does_nothing
    rename_between_two_names_of_a_file_does_nothing
    rename_of_an_open_file_keeps_the_handle
}
