//! Renaming.

use crate::kit::*;
use crate::wasi::*;

fn try_rename(from: &str, to: &str) -> Result<()> {
    path_rename(ROOT, from, ROOT, to)
}

pub fn rename_moves_a_file() {
    make("old", b"contents");
    let ino = stat("old").ino;
    assert_missing("new");

    rename("old", "new");

    assert_missing("old");
    assert_contents("new", b"contents");
    assert_eq!(stat("new").ino, ino);
    assert_eq!(names("."), set(["new"]));
}

pub fn rename_across_directories() {
    mkdir("a");
    mkdir("b");
    make("a/file", b"contents");

    rename("a/file", "b/moved");

    assert_eq!(names("a"), set::<&str>([]));
    assert_contents("b/moved", b"contents");
}

pub fn rename_of_a_missing_name_is_refused() {
    make("file", b"contents");

    refused(try_rename("missing", "new"), &[Errno::NOENT]);
    refused(try_rename("missing", "file"), &[Errno::NOENT]);
    refused(try_rename("file", "missing/new"), &[Errno::NOENT]);
    refused(try_rename("file/below", "new"), &[Errno::NOTDIR]);

    assert_contents("file", b"contents");
}

pub fn rename_replaces_a_file() {
    make("new", b"version 2");
    make("file", b"version 1");
    let old = open("file", oflags::NONE, rights::READ);

    rename("new", "file");

    assert_contents("file", b"version 2");
    assert_missing("new");
    assert_eq!(read_to_end(old), b"version 1", "who had the old file open still has it");
    assert_eq!(ok(fd_filestat_get(old)).nlink, 0);
}

pub fn rename_replaces_an_empty_directory() {
    mkdir("full");
    make("full/file", b"x");
    mkdir("empty");
    let replaced = open_dir("empty");

    rename("full", "empty");

    assert_eq!(names("."), set(["empty"]));
    assert_eq!(names("empty"), set(["file"]));
    refused(path_create_directory(replaced, "child"), &[Errno::NOENT]);
}

pub fn rename_refuses_to_replace_a_full_directory() {
    mkdir("one");
    mkdir("two");
    make("two/file", b"x");

    refused(try_rename("one", "two"), &[Errno::NOTEMPTY, Errno::EXIST]);

    assert_eq!(names("two"), set(["file"]));
    assert!(exists("one"));
}

pub fn rename_refuses_to_mix_files_and_directories() {
    mkdir("directory");
    make("file", b"x");

    refused(try_rename("directory", "file"), &[Errno::NOTDIR]);
    refused(try_rename("file", "directory"), &[Errno::ISDIR]);

    assert_eq!(names("."), set(["directory", "file"]));
}

pub fn rename_into_itself_is_refused() {
    mkdir("a");
    mkdir("a/b");
    mkdir("a/b/c");

    refused(try_rename("a", "a/b/c/d"), &[Errno::INVAL]);
    refused(try_rename("a", "a/d"), &[Errno::INVAL]);
    // The target is an ancestor of what is moved, and so never empty.
    refused(try_rename("a/b/c", "a"), &[Errno::NOTEMPTY, Errno::EXIST]);

    assert_eq!(names("a/b"), set(["c"]));
}

pub fn rename_onto_the_same_file_does_nothing() {
    make("one", b"contents");
    mkdir("directory");
    ok(path_link(ROOT, NOFOLLOW, "one", ROOT, "two"));

    rename("one", "one");
    rename("directory", "directory");
    rename("one", "two");

    assert_eq!(names("."), set(["directory", "one", "two"]), "POSIX: two links of one file both stay");
    assert_eq!(stat("one").nlink, 2);
}

pub fn an_open_file_survives_rename() {
    let fd = create("old");
    write_all(fd, b"before");

    rename("old", "new");
    write_all(fd, b", after");

    assert_contents("new", b"before, after");
    assert_eq!(ok(fd_filestat_get(fd)).ino, stat("new").ino);
    make("old", b"someone else");
    assert_eq!(read_range(fd, 0, 100), b"before, after");
}

pub fn an_open_directory_survives_the_rename_of_its_ancestor() {
    mkdir("a");
    mkdir("a/b");
    mkdir("a/b/c");
    let c = open_dir("a/b/c");

    rename("a", "z");
    let file = ok(path_open(c, FOLLOW, "file", oflags::CREAT, rights::READ_WRITE, 0));
    write_all(file, b"found");

    assert_contents("z/b/c/file", b"found");
    assert_missing("a");
    rename("z/b/c", "c");
    ok(path_create_directory(c, "child"));
    assert_eq!(names("c"), set(["child", "file"]));
    refused(path_filestat_get(c, FOLLOW, "../../b"), &[Errno::PERM, Errno::NOENT]);
}

pub fn a_renamed_directory_takes_its_names_along() {
    mkdir("a");
    mkdir("a/b");
    make("a/b/file", b"one");
    assert_contents("a/b/file", b"one");
    assert_missing("a/b/other");

    rename("a", "c");

    refused(path_filestat_get(ROOT, FOLLOW, "a/b/file"), &[Errno::NOENT]);
    assert_contents("c/b/file", b"one");
    assert_missing("c/b/other");
    mkdir("a");
    assert_eq!(names("a"), set::<&str>([]));
    refused(path_filestat_get(ROOT, FOLLOW, "a/b"), &[Errno::NOENT]);
}

pub fn rename_moves_the_symlink_and_not_its_target() {
    make("file", b"contents");
    make("other", b"other");
    symlink("file", "link");

    rename("link", "moved");
    assert_eq!(readlink("moved"), "file");
    assert_missing("link");

    rename("other", "moved");
    assert_eq!(stat("moved").filetype(), FileType::REGULAR);
    assert_contents("file", b"contents");
}

pub fn rename_with_trailing_slashes_wants_a_directory() {
    mkdir("directory");
    make("file", b"x");

    refused(try_rename("file/", "new"), &[Errno::NOTDIR]);
    refused(try_rename("file", "new/"), &[Errno::NOTDIR]);
    ok(try_rename("directory/", "renamed/"));

    assert_eq!(names("."), set(["file", "renamed"]));
}

pub fn rename_refuses_dot_names() {
    mkdir("directory");

    refused(try_rename(".", "directory/x"), &[Errno::BUSY, Errno::INVAL]);
    refused(try_rename("directory", "."), &[Errno::BUSY, Errno::INVAL, Errno::EXIST, Errno::NOTEMPTY]);
    refused(try_rename("directory/.", "new"), &[Errno::BUSY, Errno::INVAL]);

    assert_eq!(names("."), set(["directory"]));
}

pub fn five_hundred_swaps() {
    mkdir("d");
    make("a", b"first");
    make("d/b", b"second");
    let first = stat("a").ino;

    for _ in 0..500 {
        rename("a", "d/swap");
        rename("d/b", "a");
        rename("d/swap", "d/b");
    }
    assert_contents("a", b"first");
    assert_contents("d/b", b"second");
    assert_eq!(stat("a").ino, first);
    assert_eq!(names("d"), set(["b"]));

    rename("a", "d/swap");
    rename("d/b", "a");
    assert_contents("a", b"second");
}
