//! Directories: making, removing, depth and breadth.

use std::fs;

use crate::kit::*;
use crate::wasi::*;

pub fn mkdir_makes_an_empty_directory() {
    mkdir("directory");

    assert_eq!(stat("directory").filetype(), FileType::DIRECTORY);
    assert_eq!(names("directory"), set::<&str>([]));
    assert_eq!(names("."), set(["directory"]));
}

pub fn mkdir_refuses_what_is_there() {
    mkdir("directory");
    make("file", b"");
    symlink("nowhere", "dangling");

    for path in ["directory", "directory/", "file", "dangling", "."] {
        refused(path_create_directory(ROOT, path), &[Errno::EXIST]);
    }

    assert_missing("nowhere");
}

pub fn mkdir_wants_a_parent() {
    make("file", b"");

    refused(path_create_directory(ROOT, "missing/directory"), &[Errno::NOENT]);
    refused(path_create_directory(ROOT, "file/directory"), &[Errno::NOTDIR]);
}

pub fn mkdir_takes_a_trailing_slash() {
    ok(path_create_directory(ROOT, "one/"));
    ok(path_create_directory(ROOT, "one/two///"));

    assert_eq!(names("one"), set(["two"]));
}

pub fn rmdir_removes_an_empty_directory() {
    mkdir("directory");

    ok(path_remove_directory(ROOT, "directory"));

    assert_missing("directory");
    assert_eq!(names("."), set::<&str>([]));
    refused(path_remove_directory(ROOT, "directory"), &[Errno::NOENT]);
}

// stock: INVAL, because it asks the host to remove `.` in the directory.
pub fn rmdir_takes_a_trailing_slash() {
    mkdir("directory");
    mkdir("directory/child");

    ok(path_remove_directory(ROOT, "directory/child/"));
    ok(path_remove_directory(ROOT, "directory//"));

    assert_eq!(names("."), set::<&str>([]));
}

pub fn rmdir_refuses_a_directory_in_use() {
    mkdir("full");
    make("full/file", b"x");

    refused(path_remove_directory(ROOT, "full"), &[Errno::NOTEMPTY, Errno::EXIST]);
    unlink("full/file");
    ok(path_remove_directory(ROOT, "full"));

    mkdir("parent");
    mkdir("parent/child");
    refused(path_remove_directory(ROOT, "parent"), &[Errno::NOTEMPTY, Errno::EXIST]);
}

pub fn rmdir_refuses_what_is_no_directory() {
    make("file", b"");
    mkdir("directory");
    symlink("directory", "link");

    refused(path_remove_directory(ROOT, "file"), &[Errno::NOTDIR]);
    refused(path_remove_directory(ROOT, "link"), &[Errno::NOTDIR]);
    refused(path_remove_directory(ROOT, "file/below"), &[Errno::NOTDIR]);

    assert_eq!(names("."), set(["directory", "file", "link"]));
}

pub fn rmdir_refuses_dot_names() {
    mkdir("directory");
    mkdir("directory/child");

    refused(path_remove_directory(ROOT, "directory/."), &[Errno::INVAL]);
    refused(path_remove_directory(ROOT, "directory/child/.."), &[Errno::NOTEMPTY, Errno::INVAL]);
    refused(path_remove_directory(ROOT, "."), &[Errno::INVAL, Errno::BUSY]);

    assert_eq!(names("directory"), set(["child"]));
}

pub fn a_removed_directory_takes_nothing_new() {
    mkdir("directory");
    let fd = open_dir("directory");

    ok(path_remove_directory(ROOT, "directory"));

    refused(path_open(fd, FOLLOW, "file", oflags::CREAT, rights::READ_WRITE, 0), &[Errno::NOENT]);
    refused(path_create_directory(fd, "child"), &[Errno::NOENT]);
    refused(path_symlink("target", fd, "link"), &[Errno::NOENT]);
    assert_eq!(ok(fd_filestat_get(fd)).filetype(), FileType::DIRECTORY);
    // Linux lists nothing at all; `.` and `..` are tolerable.
    match fd_readdir(fd, &mut [0; 200], 0) {
        Err(errno) => assert_eq!(errno, Errno::NOENT),
        Ok(_) => assert_eq!(names_of(&entries(fd)), set::<&str>([])),
    }
    mkdir("directory");
    make("directory/file", b"of the new one");
    refused(path_filestat_get(fd, FOLLOW, "file"), &[Errno::NOENT]);
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
    let up = "../".repeat(59);
    assert_eq!(stat(&format!("{path}/{up}")).ino, stat("level").ino);

    unlink(&format!("{path}/file"));
    while let Some(at) = path.rfind('/') {
        ok(path_remove_directory(ROOT, &path));
        path.truncate(at);
    }
    assert_eq!(names("level"), set::<&str>([]));
}

pub fn a_thousand_files_in_a_directory() {
    mkdir("many");

    for n in 0..1_000 {
        make(&format!("many/file-{n:04}"), n.to_string());
    }

    let expected: Vec<String> = (0..1_000).map(|n| format!("file-{n:04}")).collect();
    assert_eq!(names("many"), set(&expected));
    for n in [0, 1, 499, 998, 999] {
        assert_contents(&format!("many/file-{n:04}"), n.to_string());
    }
    assert_missing("many/file-1000");
}

/// 31 directories and 125 files below and with `/tree`.
fn plant_a_tree() {
    for a in 0..5 {
        for b in 0..5 {
            fs::create_dir_all(format!("/tree/{a}/{b}")).unwrap();
            for c in 0..5 {
                fs::write(format!("/tree/{a}/{b}/{c}"), format!("{a}{b}{c}")).unwrap();
            }
        }
    }
}

pub fn a_tree_is_walked() {
    plant_a_tree();

    let (mut directories, mut files, mut todo) = (0, 0, vec![std::path::PathBuf::from("/tree")]);
    while let Some(directory) = todo.pop() {
        directories += 1;
        for entry in fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                todo.push(entry.path());
            } else {
                files += 1;
                assert_eq!(fs::read(entry.path()).unwrap().len(), 3);
            }
        }
    }

    assert_eq!((directories, files), (31, 125));
}

// stock: leaves entries out of a listing that is being unlinked (see `listing_and_unlinking_leaves_nothing`).
pub fn a_tree_is_removed_with_all_that_is_in_it() {
    plant_a_tree();

    fs::remove_dir_all("/tree").unwrap();

    assert_missing("tree");
    assert_eq!(names("."), set::<&str>([]));
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
        ok(path_remove_directory(ROOT, "name"));
        assert_missing("name");
        refused(path_filestat_get(ROOT, FOLLOW, "name/inside"), &[Errno::NOENT]);
    }
}
