//! Hard links.

use crate::harness::{Fs, Subject, errno};
use wasi_gofer::abi::{Errno, FileType, InodeKey, OpenFlags};
use wasi_gofer::backend::Object;

fn link_of_a_file_is_the_same_object<S: Subject>(fs: &Fs<S>) {
    fs.dir("d");
    let made = fs.file("f", b"x");
    let stat = fs.link("f", "d/g").expect("links");
    assert_eq!((stat.key, stat.nlink), (made.key, 2));
    assert_eq!(fs.stat("f").expect("there").nlink, 2);
    assert_eq!(fs.contents("d/g").expect("reads"), b"x");
}

fn link_of_a_symlink_is_the_link_itself<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"");
    let made = fs.symlink("l", "f").expect("made");
    let stat = fs.link("l", "m").expect("links");
    assert_eq!((stat.key, stat.file_type), (made.key, FileType::Symlink));
    assert_eq!(fs.stat("f").expect("there").nlink, 1);
}

fn link_of_a_directory_is_perm<S: Subject>(fs: &Fs<S>) {
    fs.dir("d");
    assert_eq!(errno(fs.link("d", "e")), Errno::Perm);
    assert!(!fs.exists("e"));
}

fn link_over_a_name_is_exist_and_keeps_it<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"f");
    fs.file("g", b"g");
    assert_eq!(errno(fs.link("f", "g")), Errno::Exist);
    assert_eq!(errno(fs.link("f", "f")), Errno::Exist);
    assert_eq!(fs.contents("g").expect("reads"), b"g");
    assert_eq!(fs.stat("f").expect("there").nlink, 1);
}

fn link_in_a_file_is_notdir<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"");
    assert_eq!(errno(fs.link("f", "f/x")), Errno::Notdir);
}

fn link_with_another_key_is_stale_and_leaves_no_name<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"");
    let at = fs.walk("f").expect("there");
    let object = Object { key: InodeKey { ino: at.key().ino + 1, ..at.key() }, ..at.object() };
    assert_eq!(errno(fs.link_of(&at, object, "g")), Errno::Stale);
    assert_eq!(fs.names(""), Ok(vec!["f".to_owned()]));
    assert_eq!(fs.stat("f").expect("there").nlink, 1);
}

fn link_of_an_object_without_a_name_is_noent<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"");
    let at = fs.walk("f").expect("there");
    // Open, so that the object lives on.
    let _handle = fs.open("f", OpenFlags::READ).expect("opens");
    fs.unlink("f").expect("there");
    assert_eq!(errno(fs.link_of(&at, at.object(), "g")), Errno::Noent);
    assert!(!fs.exists("g"));
}

crate::suite! {
    link_of_a_file_is_the_same_object
    link_of_a_symlink_is_the_link_itself
    link_of_a_directory_is_perm
    link_over_a_name_is_exist_and_keeps_it
    link_in_a_file_is_notdir
    link_with_another_key_is_stale_and_leaves_no_name
    link_of_an_object_without_a_name_is_noent
}
