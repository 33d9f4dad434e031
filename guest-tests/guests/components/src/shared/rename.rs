//! Renaming.

use crate::kit::*;

fn try_rename(from: &str, to: &str) -> Result<()> {
    root().rename_at(from, root(), to)
}

pub fn rename_moves_a_file() {
    make("old", b"contents");
    let file = open("old", NONE, READ);
    assert_missing("new");

    rename("old", "new");

    assert_missing("old");
    assert_contents("new", b"contents");
    assert!(file.is_same_object(&open("new", NONE, READ)));
    assert_eq!(names("."), set(["new"]));
}

pub fn rename_across_directories() {
    mkdir("a");
    mkdir("b");
    make("a/file", b"contents");

    ok(open_dir("a").rename_at("file", &open_dir("b"), "moved"));

    assert_eq!(names("a"), set::<&str>([]));
    assert_contents("b/moved", b"contents");
}

pub fn rename_of_a_missing_name_is_refused() {
    make("file", b"contents");

    refused(try_rename("missing", "new"), &[Code::NoEntry]);
    refused(try_rename("missing", "file"), &[Code::NoEntry]);
    refused(try_rename("file", "missing/new"), &[Code::NoEntry]);
    refused(try_rename("file/below", "new"), &[Code::NotDirectory]);

    assert_contents("file", b"contents");
}

pub fn rename_replaces_a_file() {
    make("new", b"version 2");
    make("file", b"version 1");
    let old = open("file", NONE, READ);

    rename("new", "file");

    assert_contents("file", b"version 2");
    assert_missing("new");
    assert_same(&read_all(&old), b"version 1");
    assert_eq!(ok(old.stat()).links, 0);
}

pub fn rename_replaces_an_empty_directory() {
    mkdir("full");
    make("full/file", b"x");
    mkdir("empty");
    let replaced = open_dir("empty");

    rename("full", "empty");

    assert_eq!(names("."), set(["empty"]));
    assert_eq!(names("empty"), set(["file"]));
    refused(replaced.create_directory_at("child"), &[Code::NoEntry]);
}

pub fn rename_refuses_to_replace_a_full_directory() {
    mkdir("one");
    mkdir("two");
    make("two/file", b"x");

    refused(try_rename("one", "two"), &[Code::NotEmpty, Code::Exist]);

    assert_eq!(names("two"), set(["file"]));
    assert!(exists("one"));
}

pub fn rename_refuses_to_mix_files_and_directories() {
    mkdir("directory");
    make("file", b"x");

    refused(try_rename("directory", "file"), &[Code::NotDirectory]);
    refused(try_rename("file", "directory"), &[Code::IsDirectory]);

    assert_eq!(names("."), set(["directory", "file"]));
}

pub fn rename_into_itself_is_refused() {
    mkdir("a");
    mkdir("a/b");
    mkdir("a/b/c");

    refused(try_rename("a", "a/b/c/d"), &[Code::Invalid]);
    refused(try_rename("a", "a/d"), &[Code::Invalid]);
    refused(try_rename("a/b/c", "a"), &[Code::NotEmpty, Code::Exist]);

    assert_eq!(names("a/b"), set(["c"]));
}

pub fn rename_onto_the_same_file_does_nothing() {
    make("one", b"contents");
    mkdir("directory");
    ok(root().link_at(NOFOLLOW, "one", root(), "two"));

    rename("one", "one");
    rename("directory", "directory");
    rename("one", "two");

    assert_eq!(names("."), set(["directory", "one", "two"]), "POSIX: two links of one file both stay");
    assert_eq!(stat("one").links, 2);
}

pub fn an_open_file_survives_rename() {
    let file = create("old");
    ok(file.write(b"before", 0));

    rename("old", "new");
    ok(file.append(b", after"));

    assert_contents("new", b"before, after");
    make("old", b"someone else");
    assert_same(&read_all(&file), b"before, after");
}

pub fn an_open_directory_survives_the_rename_of_its_ancestor() {
    mkdir("a");
    mkdir("a/b");
    mkdir("a/b/c");
    let c = open_dir("a/b/c");

    rename("a", "z");
    ok(ok(c.open_at(FOLLOW, "file", CREATE, READ_WRITE)).write(b"found", 0));

    assert_contents("z/b/c/file", b"found");
    assert_missing("a");
    rename("z/b/c", "c");
    ok(c.create_directory_at("child"));
    assert_eq!(names("c"), set(["child", "file"]));
    refused(c.stat_at(FOLLOW, "../../b"), &[Code::NotPermitted]);
}

pub fn a_renamed_directory_takes_its_names_along() {
    mkdir("a");
    mkdir("a/b");
    make("a/b/file", b"one");
    assert_contents("a/b/file", b"one");
    assert_missing("a/b/other");

    rename("a", "c");

    refused(follow("a/b/file"), &[Code::NoEntry]);
    assert_contents("c/b/file", b"one");
    assert_missing("c/b/other");
    mkdir("a");
    assert_eq!(names("a"), set::<&str>([]));
    refused(follow("a/b"), &[Code::NoEntry]);
}

pub fn rename_moves_the_symlink_and_not_its_target() {
    make("file", b"contents");
    make("other", b"other");
    symlink("file", "link");

    rename("link", "moved");
    assert_eq!(readlink("moved"), "file");
    assert_missing("link");

    rename("other", "moved");
    assert_eq!(stat("moved").kind, Kind::File);
    assert_contents("file", b"contents");
}

pub fn rename_with_trailing_slashes_wants_a_directory() {
    mkdir("directory");
    make("file", b"x");

    refused(try_rename("file/", "new"), &[Code::NotDirectory]);
    refused(try_rename("file", "new/"), &[Code::NotDirectory]);
    ok(try_rename("directory/", "renamed/"));

    assert_eq!(names("."), set(["file", "renamed"]));
}

pub fn rename_refuses_dot_names() {
    mkdir("directory");

    refused(try_rename(".", "directory/x"), &[Code::Busy, Code::Invalid]);
    refused(try_rename("directory", "."), &[Code::Busy, Code::Invalid, Code::Exist, Code::NotEmpty]);
    refused(try_rename("directory/.", "new"), &[Code::Busy, Code::Invalid]);

    assert_eq!(names("."), set(["directory"]));
}
