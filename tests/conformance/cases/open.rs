//! Opening files that exist.

use crate::harness::{Fs, Subject, errno};
use wasi_gofer::abi::{Errno, InodeKey, OpenFlags};
use wasi_gofer::backend::{Backend, NodeKind, Object};

const READ: OpenFlags = OpenFlags::READ;
const WRITE: OpenFlags = OpenFlags::WRITE;

fn open_for_reading_and_writing_does_both<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"old");
    let handle = fs.open("f", READ | WRITE).expect("opens");
    assert_eq!(fs.write(&handle, 0, b"new!"), Ok(4));
    assert_eq!(fs.read(&handle, 0, 10).expect("reads"), b"new!");
}

fn open_for_reading_refuses_writes_with_badf<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"old");
    let handle = fs.open("f", READ).expect("opens");
    assert_eq!(errno(fs.write(&handle, 0, b"new")), Errno::Badf);
    assert_eq!(fs.contents("f").expect("reads"), b"old");
}

fn open_for_writing_refuses_reads_with_badf<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"old");
    let handle = fs.open("f", WRITE).expect("opens");
    assert_eq!(errno(fs.read(&handle, 0, 3)), Errno::Badf);
}

fn open_of_a_directory_is_isdir<S: Subject>(fs: &Fs<S>) {
    fs.dir("d");
    assert_eq!(errno(fs.open("d", READ)), Errno::Isdir);
    assert_eq!(errno(fs.open("", READ)), Errno::Isdir);
}

fn open_of_a_symlink_is_loop<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"");
    fs.symlink("l", "f").expect("made");
    assert_eq!(errno(fs.open("l", READ)), Errno::Loop);
}

fn open_of_a_socket_is_nxio<S: Subject>(fs: &Fs<S>) {
    fs.mknod("s", NodeKind::Socket).expect("made");
    assert_eq!(errno(fs.open("s", READ)), Errno::Nxio);
}

fn open_of_a_fifo_for_writing_is_nxio_and_does_not_wait<S: Subject>(fs: &Fs<S>) {
    fs.mknod("p", NodeKind::Fifo).expect("made");
    assert_eq!(errno(fs.open("p", WRITE)), Errno::Nxio);
}

fn open_with_another_key_is_stale<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"old");
    let at = fs.walk("f").expect("there");
    let object = Object { key: InodeKey { ino: at.key().ino + 1, ..at.key() }, ..at.object() };
    let flags = READ | WRITE | OpenFlags::TRUNC;
    assert_eq!(errno(fs.run(&[&at], |call| fs.backend().open(call, object, flags))), Errno::Stale);
    assert_eq!(fs.contents("f").expect("reads"), b"old", "not truncated");
}

fn open_with_trunc_empties<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"old");
    fs.open("f", WRITE | OpenFlags::TRUNC).expect("opens");
    assert_eq!(fs.stat("f").expect("there").size, 0);
}

fn open_with_trunc_and_without_write_is_inval_and_empties_nothing<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"old");
    assert_eq!(errno(fs.open("f", READ | OpenFlags::TRUNC)), Errno::Inval);
    assert_eq!(errno(fs.open("f", OpenFlags::TRUNC)), Errno::Inval);
    assert_eq!(fs.contents("f").expect("reads"), b"old");
}

fn open_without_an_access_is_inval<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"");
    assert_eq!(errno(fs.open("f", OpenFlags::empty())), Errno::Inval);
}

fn open_with_sync_flags_writes<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"");
    for flags in [OpenFlags::SYNC, OpenFlags::DSYNC] {
        let handle = fs.open("f", WRITE | flags).expect("opens");
        assert_eq!(fs.write(&handle, 0, b"x"), Ok(1));
    }
}

fn open_through_another_name_is_the_same_file<S: Subject>(fs: &Fs<S>) {
    let made = fs.file("a", b"one");
    fs.link("a", "b").expect("links");
    let (a, b) = (fs.open("a", READ).expect("opens"), fs.open("b", WRITE).expect("opens"));
    fs.write(&b, 0, b"two").expect("writes");
    assert_eq!(fs.read(&a, 0, 3).expect("reads"), b"two");
    assert_eq!(fs.stat_handle(&a).expect("open").key, made.key);
}

crate::suite! {
    open_for_reading_and_writing_does_both
    open_for_reading_refuses_writes_with_badf
    open_for_writing_refuses_reads_with_badf
    open_of_a_directory_is_isdir
    open_of_a_symlink_is_loop
    open_of_a_socket_is_nxio
    open_of_a_fifo_for_writing_is_nxio_and_does_not_wait
    open_with_another_key_is_stale
    open_with_trunc_empties
    open_with_trunc_and_without_write_is_inval_and_empties_nothing
    open_without_an_access_is_inval
    open_with_sync_flags_writes
    open_through_another_name_is_the_same_file
}
