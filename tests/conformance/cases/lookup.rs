//! Finding one name.

use crate::harness::{Fs, NodeOf, Subject, errno, settled};
use wasi_gofer::abi::{Call, Errno, FileType, Name, Result};
use wasi_gofer::backend::{Backend, Found};

/// Finds `name` in the directory `dir`.
fn lookup<S: Subject>(fs: &Fs<S>, dir: &str, name: &[u8]) -> Result<Found<NodeOf<S>>> {
    let at = fs.walk(dir)?;
    fs.run(&[&at], |call: &Call| fs.backend().lookup(call, at.node(), Name::new(name)?))
}

fn root_is_a_directory_and_the_same_each_time<S: Subject>(fs: &Fs<S>) {
    let (first, second) = (fs.walk("").expect("root"), fs.walk("").expect("root"));
    assert_eq!(first.stat().file_type, FileType::Directory);
    assert_eq!(first.key(), second.key());
}

fn lookup_of_a_file_is_its_stat<S: Subject>(fs: &Fs<S>) {
    let made = fs.file("f", b"12345");
    let found = lookup(fs, "", b"f").expect("there").stat;
    assert_eq!((found.key, found.file_type, found.size), (made.key, FileType::Regular, 5));
    assert_eq!(settled(found), settled(fs.stat("f").expect("there")));
}

fn lookup_of_a_missing_name_is_noent<S: Subject>(fs: &Fs<S>) {
    assert_eq!(errno(lookup(fs, "", b"nothing")), Errno::Noent);
}

fn lookup_in_a_file_is_notdir<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"");
    assert_eq!(errno(lookup(fs, "f", b"x")), Errno::Notdir);
}

fn lookup_in_a_symlink_to_a_directory_is_notdir<S: Subject>(fs: &Fs<S>) {
    fs.dir("d");
    fs.file("d/x", b"");
    fs.symlink("l", "d").expect("made");
    assert_eq!(errno(lookup(fs, "l", b"x")), Errno::Notdir);
}

fn lookup_of_a_symlink_is_the_link_itself<S: Subject>(fs: &Fs<S>) {
    fs.dir("d");
    let made = fs.symlink("l", "d").expect("made");
    let found = lookup(fs, "", b"l").expect("there").stat;
    assert_eq!((found.key, found.file_type, found.size), (made.key, FileType::Symlink, 1));
}

fn lookup_of_a_255_byte_name_is_found<S: Subject>(fs: &Fs<S>) {
    let name = "n".repeat(255);
    let made = fs.file(&name, b"");
    assert_eq!(lookup(fs, "", name.as_bytes()).expect("there").stat.key, made.key);
}

fn lookup_of_a_name_that_is_not_utf8_is_found<S: Subject>(fs: &Fs<S>) {
    let root = fs.walk("").expect("root");
    let name = Name::new(b"\xff\x01 \n").expect("any bytes");
    let mode = wasi_gofer::abi::Mode::new(0o755);
    let made = fs.run(&[], |call| fs.backend().mkdir(call, root.node(), name, mode)).expect("made");
    assert_eq!(lookup(fs, "", name.as_bytes()).expect("there").stat.key, made.stat.key);
}

fn lookup_is_by_bytes_and_not_by_case<S: Subject>(fs: &Fs<S>) {
    fs.file("name", b"");
    assert_eq!(errno(lookup(fs, "", b"NAME")), Errno::Noent);
}

fn lookup_in_a_removed_directory_is_noent<S: Subject>(fs: &Fs<S>) {
    fs.dir("d");
    let at = fs.walk("d").expect("there");
    let name = Name::new(b"x").expect("a name");
    // Bound while it still has its place.
    assert_eq!(errno(fs.run(&[&at], |call| fs.backend().lookup(call, at.node(), name))), Errno::Noent);
    fs.rmdir("d").expect("empty");
    let outcome = fs.run(&[], |call| fs.backend().lookup(call, at.node(), name));
    assert_eq!(errno(outcome), Errno::Noent);
}

fn lookup_finds_every_type<S: Subject>(fs: &Fs<S>) {
    use wasi_gofer::backend::NodeKind;
    fs.dir("directory");
    fs.file("regular", b"");
    fs.symlink("symlink", "x").expect("made");
    fs.mknod("fifo", NodeKind::Fifo).expect("made");
    fs.mknod("socket", NodeKind::Socket).expect("made");
    let types =
        ["directory", "regular", "symlink", "fifo", "socket"].map(|name| fs.stat(name).expect("there").file_type);
    let expected = [FileType::Directory, FileType::Regular, FileType::Symlink, FileType::Fifo, FileType::Socket];
    assert_eq!(types, expected);
}

crate::suite! {
    root_is_a_directory_and_the_same_each_time
    lookup_of_a_file_is_its_stat
    lookup_of_a_missing_name_is_noent
    lookup_in_a_file_is_notdir
    lookup_in_a_symlink_to_a_directory_is_notdir
    lookup_of_a_symlink_is_the_link_itself
    lookup_of_a_255_byte_name_is_found
    lookup_of_a_name_that_is_not_utf8_is_found
    lookup_is_by_bytes_and_not_by_case
    lookup_in_a_removed_directory_is_noent
    lookup_finds_every_type
}
