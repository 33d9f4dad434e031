//! Directories and what is listed of them.

use crate::kit::*;

pub fn mkdir_makes_an_empty_directory() {
    mkdir("directory");

    assert_eq!(stat("directory").kind, Kind::Directory);
    assert_eq!(names("directory"), set::<&str>([]));
    assert_eq!(names("."), set(["directory"]));
}

pub fn mkdir_refuses_what_is_there() {
    mkdir("directory");
    make("file", b"");
    symlink("nowhere", "dangling");

    for path in ["directory", "directory/", "file", "dangling", "."] {
        refused(root().create_directory_at(path), &[Code::Exist]);
    }

    assert_missing("nowhere");
}

pub fn mkdir_wants_a_parent() {
    make("file", b"");

    refused(root().create_directory_at("missing/directory"), &[Code::NoEntry]);
    refused(root().create_directory_at("file/directory"), &[Code::NotDirectory]);
}

pub fn mkdir_takes_a_trailing_slash() {
    mkdir("one/");
    mkdir("one/two///");

    assert_eq!(names("one"), set(["two"]));
}

pub fn rmdir_removes_an_empty_directory() {
    mkdir("directory");

    rmdir("directory");

    assert_missing("directory");
    assert_eq!(names("."), set::<&str>([]));
    refused(root().remove_directory_at("directory"), &[Code::NoEntry]);
}

pub fn rmdir_takes_a_trailing_slash() {
    mkdir("directory");
    mkdir("directory/child");

    rmdir("directory/child/");
    rmdir("directory//");

    assert_eq!(names("."), set::<&str>([]));
}

pub fn rmdir_refuses_a_directory_in_use() {
    mkdir("full");
    make("full/file", b"x");

    refused(root().remove_directory_at("full"), &[Code::NotEmpty]);
    unlink("full/file");
    rmdir("full");

    mkdir("parent");
    mkdir("parent/child");
    refused(root().remove_directory_at("parent"), &[Code::NotEmpty]);
}

pub fn rmdir_refuses_what_is_no_directory() {
    make("file", b"");
    mkdir("directory");
    symlink("directory", "link");

    refused(root().remove_directory_at("file"), &[Code::NotDirectory]);
    refused(root().remove_directory_at("link"), &[Code::NotDirectory]);
    refused(root().remove_directory_at("file/below"), &[Code::NotDirectory]);

    assert_eq!(names("."), set(["directory", "file", "link"]));
}

pub fn rmdir_refuses_dot_names() {
    mkdir("directory");
    mkdir("directory/child");

    refused(root().remove_directory_at("directory/."), &[Code::Invalid]);
    refused(root().remove_directory_at("directory/child/.."), &[Code::NotEmpty, Code::Invalid]);
    refused(root().remove_directory_at("."), &[Code::Invalid, Code::Busy]);

    assert_eq!(names("directory"), set(["child"]));
}

pub fn a_removed_directory_takes_nothing_new() {
    mkdir("directory");
    let directory = open_dir("directory");

    rmdir("directory");

    refused(directory.open_at(FOLLOW, "file", CREATE, READ_WRITE), &[Code::NoEntry]);
    refused(directory.create_directory_at("child"), &[Code::NoEntry]);
    refused(directory.symlink_at("target", "link"), &[Code::NoEntry]);
    assert_eq!(ok(directory.stat()).kind, Kind::Directory);
    match directory.entries() {
        Ok(entries) => assert_eq!(entries, []),
        result => refused(result, &[Code::NoEntry]),
    }
    mkdir("directory");
    make("directory/file", b"of the new one");
    refused(directory.stat_at(FOLLOW, "file"), &[Code::NoEntry]);
}

pub fn a_tree_of_sixty_levels() {
    let mut path = String::from("level");
    mkdir(&path);
    for level in 1..60 {
        path += &format!("/level-{level}");
        mkdir(&path);
    }
    make(&format!("{path}/file"), b"deep down");

    assert_contents(&format!("{path}/file"), b"deep down");
    let up = open(&format!("{path}/{}", "../".repeat(59)), DIRECTORY, READ);
    assert!(up.is_same_object(&open_dir("level")));

    unlink(&format!("{path}/file"));
    while let Some(at) = path.rfind('/') {
        rmdir(&path);
        path.truncate(at);
    }
    assert_eq!(names("level"), set::<&str>([]));
}

pub fn a_thousand_files_in_a_directory() {
    let (list, expected) = directory_of(1_000);

    assert_eq!(names_of(ok(list.entries())), expected);
    assert_eq!(names("list"), expected);
    assert_missing("list/file-1000");
}

pub fn names_come_and_go() {
    for round in 0..50 {
        make("name", round.to_string());
        assert_contents("name", round.to_string());
        unlink("name");
        assert_missing("name");

        mkdir("name");
        make("name/inside", b"x");
        unlink("name/inside");
        rmdir("name");
        assert_missing("name");
        refused(follow("name/inside"), &[Code::NoEntry]);
    }
}

pub fn a_listing_holds_no_dot_names() {
    mkdir("directory");
    make("file", b"");

    assert_eq!(ok(open("directory", DIRECTORY, READ).entries()), []);
    let mut entries = ok(root().entries());
    entries.sort();
    assert_eq!(entries.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), ["directory", "file"]);
}

pub fn entries_tell_the_kind() {
    make("file", b"");
    mkdir("directory");
    symlink("directory", "link");

    for entry in ok(root().entries()) {
        assert_eq!(entry.kind, stat(&entry.name).kind, "{}", entry.name);
    }
}

pub fn long_names_are_listed_whole() {
    let names: Vec<String> = (1..=255).map(|len| format!("{len:03}{}", "n".repeat(len - len.min(3)))).collect();
    mkdir("list");
    for name in &names {
        make(&format!("list/{name}"), b"");
    }

    assert_eq!(names_of(ok(open_dir("list").entries())), set(&names));
}

pub fn a_new_listing_sees_new_and_removed_names() {
    let (list, _) = directory_of(10);
    assert_eq!(ok(list.entries()).len(), 10);

    make("list/new", b"");
    unlink("list/file-0003");
    rename("list/file-0004", "list/renamed");

    let listed = names_of(ok(list.entries()));
    assert_eq!(listed.len(), 10);
    assert!(listed.contains("new") && listed.contains("renamed"));
    assert!(!listed.contains("file-0003") && !listed.contains("file-0004"));
}

pub fn a_renamed_directory_is_listed_through_its_descriptor() {
    let (list, names) = directory_of(50);

    rename("list", "renamed");

    assert_eq!(names_of(ok(list.entries())), names);
}
