//! Removing names.

use crate::harness::{Fs, Subject, errno};
use wasi_gofer::abi::{Errno, OpenFlags};
use wasi_gofer::backend::NodeKind;

fn unlink_of_a_file_removes_the_name<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"");
    assert_eq!(fs.unlink("f"), Ok(()));
    assert!(!fs.exists("f"));
    assert_eq!(errno(fs.unlink("f")), Errno::Noent);
}

fn unlink_of_an_open_file_keeps_its_data<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"data");
    let handle = fs.open("f", OpenFlags::READ | OpenFlags::WRITE).expect("opens");
    fs.unlink("f").expect("there");
    assert_eq!(fs.stat_handle(&handle).expect("open").nlink, 0);
    assert_eq!(fs.read(&handle, 0, 9).expect("reads"), b"data");
    assert_eq!(fs.append(&handle, b"!"), Ok((1, 5)));
}

fn unlink_of_one_of_two_names_keeps_the_other<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"data");
    fs.link("f", "g").expect("links");
    fs.unlink("f").expect("there");
    assert_eq!(fs.stat("g").expect("there").nlink, 1);
    assert_eq!(fs.contents("g").expect("reads"), b"data");
}

fn unlink_of_a_symlink_keeps_its_target<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"");
    fs.symlink("l", "f").expect("made");
    fs.unlink("l").expect("there");
    assert_eq!(fs.names(""), Ok(vec!["f".to_owned()]));
}

fn unlink_of_a_fifo_and_a_socket_removes_them<S: Subject>(fs: &Fs<S>) {
    for kind in [NodeKind::Fifo, NodeKind::Socket] {
        fs.mknod("n", kind).expect("made");
        assert_eq!(fs.unlink("n"), Ok(()));
    }
    assert_eq!(fs.names(""), Ok(Vec::new()));
}

fn unlink_of_a_directory_is_isdir<S: Subject>(fs: &Fs<S>) {
    fs.dir("d");
    assert_eq!(errno(fs.unlink("d")), Errno::Isdir);
    assert!(fs.exists("d"));
}

fn unlink_in_a_file_is_notdir<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"");
    assert_eq!(errno(fs.unlink("f/x")), Errno::Notdir);
}

fn rmdir_of_an_empty_directory_removes_it<S: Subject>(fs: &Fs<S>) {
    fs.dir("d");
    assert_eq!(fs.rmdir("d"), Ok(()));
    assert_eq!(errno(fs.rmdir("d")), Errno::Noent);
}

fn rmdir_of_a_directory_with_entries_is_notempty<S: Subject>(fs: &Fs<S>) {
    fs.dir("d");
    fs.file("d/f", b"");
    assert_eq!(errno(fs.rmdir("d")), Errno::Notempty);
    fs.unlink("d/f").expect("there");
    assert_eq!(fs.rmdir("d"), Ok(()));
}

fn rmdir_of_a_file_or_symlink_is_notdir<S: Subject>(fs: &Fs<S>) {
    fs.dir("d");
    fs.file("f", b"");
    fs.symlink("l", "d").expect("made");
    assert_eq!(errno(fs.rmdir("f")), Errno::Notdir);
    assert_eq!(errno(fs.rmdir("l")), Errno::Notdir);
    assert_eq!(fs.names(""), Ok(["d", "f", "l"].map(str::to_owned).to_vec()));
}

crate::suite! {
    unlink_of_a_file_removes_the_name
    unlink_of_an_open_file_keeps_its_data
    unlink_of_one_of_two_names_keeps_the_other
    unlink_of_a_symlink_keeps_its_target
    unlink_of_a_fifo_and_a_socket_removes_them
    unlink_of_a_directory_is_isdir
    unlink_in_a_file_is_notdir
    rmdir_of_an_empty_directory_removes_it
    rmdir_of_a_directory_with_entries_is_notempty
    rmdir_of_a_file_or_symlink_is_notdir
}
