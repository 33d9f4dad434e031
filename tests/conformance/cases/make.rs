//! Making directories, pipes, sockets and symbolic links, and reading the latter.

use crate::harness::{Fs, Subject, errno};
use wasi_gofer::abi::{Errno, FileType, InodeKey};
use wasi_gofer::backend::{Backend, NodeKind, Object};

fn mkdir_is_an_empty_directory<S: Subject>(fs: &Fs<S>) {
    let stat = fs.mkdir_as("d", 0o700).expect("made");
    assert_eq!((stat.file_type, stat.mode.bits()), (FileType::Directory, 0o700));
    assert_eq!(stat.key, fs.stat("d").expect("there").key);
    assert_eq!(fs.names("d"), Ok(Vec::new()));
}

fn mkdir_over_anything_is_exist<S: Subject>(fs: &Fs<S>) {
    fs.dir("d");
    fs.file("f", b"");
    fs.symlink("l", "nowhere").expect("made");
    for path in ["d", "f", "l"] {
        assert_eq!(errno(fs.mkdir(path)), Errno::Exist, "{path}");
    }
    assert!(!fs.exists("nowhere"));
}

fn mkdir_in_a_file_is_notdir<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"");
    assert_eq!(errno(fs.mkdir("f/d")), Errno::Notdir);
}

fn mknod_makes_each_kind<S: Subject>(fs: &Fs<S>) {
    let kinds = [
        (NodeKind::Fifo, FileType::Fifo),
        (NodeKind::Socket, FileType::Socket),
        (NodeKind::Regular, FileType::Regular),
    ];
    for (number, (kind, file_type)) in kinds.into_iter().enumerate() {
        let path = format!("n{number}");
        let stat = fs.mknod(&path, kind).expect("made");
        assert_eq!((stat.file_type, stat.size, stat.mode.bits()), (file_type, 0, 0o600));
        assert_eq!(stat.key, fs.stat(&path).expect("there").key);
    }
}

fn mknod_over_a_name_is_exist<S: Subject>(fs: &Fs<S>) {
    fs.symlink("l", "nowhere").expect("made");
    for kind in [NodeKind::Fifo, NodeKind::Socket, NodeKind::Regular] {
        assert_eq!(errno(fs.mknod("l", kind)), Errno::Exist);
    }
    assert!(!fs.exists("nowhere"));
}

fn symlink_keeps_any_contents<S: Subject>(fs: &Fs<S>) {
    let long = "x/".repeat(500);
    for (number, target) in ["/etc/passwd", "../../..", "a//b/", long.as_str()].into_iter().enumerate() {
        let path = format!("l{number}");
        fs.symlink(&path, target).expect("made");
        assert_eq!(fs.readlink(&path).expect("reads"), target.as_bytes());
    }
    fs.symlink("bytes", b"\xff\n").expect("made");
    assert_eq!(fs.readlink("bytes").expect("reads"), b"\xff\n");
}

fn symlink_over_a_name_is_exist<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"");
    assert_eq!(errno(fs.symlink("f", "x")), Errno::Exist);
}

fn symlink_with_impossible_contents_is_refused<S: Subject>(fs: &Fs<S>) {
    assert_eq!(errno(fs.symlink("l", "")), Errno::Noent);
    assert_eq!(errno(fs.symlink("l", "x".repeat(4096))), Errno::Nametoolong);
    assert_eq!(errno(fs.symlink("l", "a\0b")), Errno::Inval);
    assert!(!fs.exists("l"));
}

fn readlink_of_anything_else_is_inval<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"");
    fs.dir("d");
    for path in ["f", "d", ""] {
        assert_eq!(errno(fs.readlink(path)), Errno::Inval, "{path}");
    }
}

fn readlink_with_another_key_is_stale<S: Subject>(fs: &Fs<S>) {
    fs.symlink("l", "target").expect("made");
    let at = fs.walk("l").expect("there");
    let object = Object { key: InodeKey { ino: at.key().ino + 1, ..at.key() }, ..at.object() };
    assert_eq!(errno(fs.run(&[&at], |call| fs.backend().readlink(call, object))), Errno::Stale);
}

crate::suite! {
    mkdir_is_an_empty_directory
    mkdir_over_anything_is_exist
    mkdir_in_a_file_is_notdir
    mknod_makes_each_kind
    mknod_over_a_name_is_exist
    symlink_keeps_any_contents
    symlink_over_a_name_is_exist
    symlink_with_impossible_contents_is_refused
    readlink_of_anything_else_is_inval
    readlink_with_another_key_is_stale
}
