//! Renames that are refused, and change nothing.

use crate::harness::{Fs, Subject, errno};
use wasi_gofer::abi::Errno;

/// Renames, which must fail, and looks whether anything changed.
#[track_caller]
fn refused<S: Subject>(fs: &Fs<S>, from: &str, to: &str, expected: Errno) {
    let before = fs.snapshot();
    assert_eq!(errno(fs.rename(from, to)), expected, "{from} -> {to}");
    assert_eq!(fs.snapshot(), before);
}

fn rename_of_a_missing_name_is_noent<S: Subject>(fs: &Fs<S>) {
    fs.file("g", b"");
    refused(fs, "f", "g", Errno::Noent);
    refused(fs, "f", "f", Errno::Noent);
}

fn rename_of_a_file_over_a_directory_is_isdir<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"");
    fs.dir("d");
    refused(fs, "f", "d", Errno::Isdir);
    fs.file("d/x", b"");
    refused(fs, "f", "d", Errno::Isdir);
}

fn rename_of_a_directory_over_a_file_or_symlink_is_notdir<S: Subject>(fs: &Fs<S>) {
    fs.dir("d");
    fs.dir("e");
    fs.file("f", b"");
    fs.symlink("l", "e").expect("made");
    refused(fs, "d", "f", Errno::Notdir);
    refused(fs, "d", "l", Errno::Notdir);
}

fn rename_over_a_directory_with_entries_is_notempty<S: Subject>(fs: &Fs<S>) {
    fs.dir("d");
    fs.dir("e");
    fs.file("e/f", b"");
    refused(fs, "d", "e", Errno::Notempty);
}

fn rename_of_a_directory_into_itself_is_inval<S: Subject>(fs: &Fs<S>) {
    fs.dir("a");
    fs.dir("a/b");
    fs.dir("a/b/c");
    refused(fs, "a", "a/x", Errno::Inval);
    refused(fs, "a", "a/b/c/x", Errno::Inval);
    refused(fs, "a", "a/b/c", Errno::Inval);
    refused(fs, "a/b", "a/b/c/x", Errno::Inval);
}

fn rename_of_a_directory_that_was_moved_goes_by_its_new_place<S: Subject>(fs: &Fs<S>) {
    fs.dir("a");
    fs.dir("b");
    fs.dir("a/d");
    fs.rename("a/d", "b/d").expect("moves");
    refused(fs, "b", "b/d/x", Errno::Inval);
    refused(fs, "b/d", "b", Errno::Notempty);
    assert_eq!(fs.rename("a", "b/d/x"), Ok(()));
    refused(fs, "b", "b/d/x/y", Errno::Inval);
}

fn rename_onto_a_directory_that_holds_it_is_notempty<S: Subject>(fs: &Fs<S>) {
    fs.dir("a");
    fs.dir("a/b");
    fs.dir("a/b/c");
    fs.file("a/b/f", b"");
    refused(fs, "a/b/c", "a", Errno::Notempty);
    refused(fs, "a/b/c", "a/b", Errno::Notempty);
    refused(fs, "a/b/f", "a", Errno::Notempty);
}

fn rename_in_or_into_a_file_is_notdir<S: Subject>(fs: &Fs<S>) {
    fs.file("f", b"");
    fs.file("g", b"");
    refused(fs, "f/x", "g", Errno::Notdir);
    refused(fs, "f", "g/x", Errno::Notdir);
}

crate::suite! {
    rename_of_a_missing_name_is_noent
    rename_of_a_file_over_a_directory_is_isdir
    rename_of_a_directory_over_a_file_or_symlink_is_notdir
    rename_over_a_directory_with_entries_is_notempty
    rename_of_a_directory_into_itself_is_inval
    rename_of_a_directory_that_was_moved_goes_by_its_new_place
    rename_onto_a_directory_that_holds_it_is_notempty
    rename_in_or_into_a_file_is_notdir
}
