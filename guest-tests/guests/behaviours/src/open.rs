//! Opening: the flags, and what a descriptor may do afterwards.

use crate::kit::*;
use crate::wasi::*;

/// What a host may say to somebody who uses a descriptor for what it was not opened for.
const NOT_FOR_THAT: &[Errno] = &[Errno::BADF, Errno::NOTCAPABLE];

fn try_open(path: &str, lookup: u32, oflags: u16, rights: u64) -> Result<Fd> {
    path_open(ROOT, lookup, path, oflags, rights, fdflags::NONE)
}

pub fn open_of_a_missing_file_is_refused() {
    refused(try_open("missing", FOLLOW, oflags::NONE, rights::READ), &[Errno::NOENT]);
    refused(try_open("missing", FOLLOW, oflags::NONE, rights::READ_WRITE), &[Errno::NOENT]);
    refused(try_open("missing", FOLLOW, oflags::TRUNC, rights::READ_WRITE), &[Errno::NOENT]);
    refused(try_open("missing", FOLLOW, oflags::DIRECTORY, rights::READ), &[Errno::NOENT]);
    refused(try_open("missing/file", FOLLOW, oflags::CREAT, rights::READ_WRITE), &[Errno::NOENT]);

    assert_eq!(names("."), set::<&str>([]));
}

pub fn a_miss_is_forgotten_once_the_file_exists() {
    refused(try_open("late", FOLLOW, oflags::NONE, rights::READ), &[Errno::NOENT]);
    assert_missing("late");

    make("late", b"here");

    assert_contents("late", b"here");
    unlink("late");
    assert_missing("late");
    mkdir("late");
    assert_eq!(stat("late").filetype(), FileType::DIRECTORY);
}

pub fn open_creat_keeps_what_is_there() {
    make("file", b"contents");

    let fd = open("file", oflags::CREAT, rights::READ_WRITE);

    assert_eq!(read_to_end(fd), b"contents");
}

pub fn open_excl_refuses_what_is_there() {
    make("file", b"contents");
    mkdir("directory");
    symlink("nowhere", "dangling");

    for path in ["file", "directory", "dangling"] {
        for lookup in [FOLLOW, NOFOLLOW] {
            let opened = try_open(path, lookup, oflags::CREAT | oflags::EXCL, rights::READ_WRITE);
            refused(opened, &[Errno::EXIST]);
        }
    }
    ok(try_open("new", FOLLOW, oflags::CREAT | oflags::EXCL, rights::READ_WRITE));

    assert_contents("file", b"contents");
    assert_missing("nowhere");
}

pub fn open_trunc_empties() {
    make("file", b"contents");

    let fd = open("file", oflags::TRUNC, rights::READ_WRITE);

    assert_eq!(ok(fd_filestat_get(fd)).size, 0);
    write_all(fd, b"new");
    assert_contents("file", b"new");
}

pub fn open_directory_flag_wants_a_directory() {
    make("file", b"");
    mkdir("directory");

    refused(try_open("file", FOLLOW, oflags::DIRECTORY, rights::READ), &[Errno::NOTDIR]);
    let fd = ok(try_open("directory", FOLLOW, oflags::DIRECTORY, rights::READ));

    assert_eq!(ok(fd_fdstat_get(fd)).filetype(), FileType::DIRECTORY);
}

pub fn open_directory_flag_goes_with_no_creation() {
    mkdir("directory");
    let bad = oflags::DIRECTORY | oflags::CREAT;

    refused(try_open("new", FOLLOW, bad, rights::READ), &[Errno::INVAL]);
    refused(try_open("directory", FOLLOW, bad, rights::READ), &[Errno::INVAL]);

    assert_missing("new");
}

pub fn a_directory_cannot_be_opened_for_writing() {
    mkdir("directory");

    refused(try_open("directory", FOLLOW, oflags::NONE, rights::READ_WRITE), &[Errno::ISDIR]);
    refused(try_open("directory", FOLLOW, oflags::CREAT, rights::READ_WRITE), &[Errno::ISDIR]);
    refused(try_open("directory", FOLLOW, oflags::TRUNC, rights::READ_WRITE), &[Errno::ISDIR]);
    refused(try_open(".", FOLLOW, oflags::NONE, rights::READ_WRITE), &[Errno::ISDIR]);
}

pub fn open_of_a_directory_without_the_flag_gives_a_directory() {
    mkdir("directory");
    make("directory/file", b"x");

    let fd = ok(try_open("directory", FOLLOW, oflags::NONE, rights::READ));

    assert_eq!(ok(fd_filestat_get(fd)).filetype(), FileType::DIRECTORY);
    ok(path_open(fd, FOLLOW, "file", oflags::NONE, rights::READ, fdflags::NONE));
}

pub fn a_symlink_is_opened_only_when_followed() {
    make("file", b"contents");
    mkdir("directory");
    symlink("file", "to-file");
    symlink("directory", "to-directory");

    refused(try_open("to-file", NOFOLLOW, oflags::NONE, rights::READ), &[Errno::LOOP]);
    refused(try_open("to-file", NOFOLLOW, oflags::CREAT, rights::READ_WRITE), &[Errno::LOOP]);
    // Linux says NOTDIR where O_DIRECTORY meets O_NOFOLLOW.
    let opened = try_open("to-directory", NOFOLLOW, oflags::DIRECTORY, rights::READ);
    refused(opened, &[Errno::LOOP, Errno::NOTDIR]);

    let fd = ok(try_open("to-file", FOLLOW, oflags::NONE, rights::READ));
    assert_eq!(read_to_end(fd), b"contents");
    ok(try_open("to-directory", FOLLOW, oflags::DIRECTORY, rights::READ));
}

pub fn open_creates_through_a_dangling_symlink() {
    mkdir("directory");
    symlink("directory/target", "link");

    let fd = open("link", oflags::CREAT, rights::READ_WRITE);
    write_all(fd, b"through");

    assert_contents("directory/target", b"through");
    assert_eq!(stat("link").filetype(), FileType::SYMLINK);
}

pub fn a_read_only_descriptor_cannot_write() {
    make("file", b"contents");

    let fd = open("file", oflags::NONE, rights::READ);

    refused(fd_write(fd, b"x"), NOT_FOR_THAT);
    refused(fd_pwrite(fd, b"x", 0), NOT_FOR_THAT);
    // Linux says EINVAL for ftruncate on a descriptor that is not for writing.
    refused(fd_filestat_set_size(fd, 0), &[Errno::INVAL, Errno::BADF, Errno::NOTCAPABLE]);
    // stock: NOTSUP for every fd_allocate.
    refused(fd_allocate(fd, 0, 100), &[Errno::BADF, Errno::NOTCAPABLE, Errno::NOTSUP]);
    assert_contents("file", b"contents");
}

// stock: creating or truncating opens the host's file for writing, and nobody asks the rights again.
pub fn a_read_only_descriptor_that_created_the_file_cannot_write() {
    for (path, flags) in [("created", oflags::CREAT), ("new", oflags::CREAT | oflags::EXCL)] {
        let fd = open(path, flags, rights::READ);

        refused(fd_write(fd, b"x"), NOT_FOR_THAT);
        refused(fd_pwrite(fd, b"x", 0), NOT_FOR_THAT);
        refused(fd_filestat_set_size(fd, 10), &[Errno::INVAL, Errno::BADF, Errno::NOTCAPABLE]);

        assert_eq!(ok(fd_fdstat_get(fd)).rights & rights::FD_WRITE, 0);
        assert_eq!(stat(path).size, 0);
    }
}

pub fn a_write_only_descriptor_cannot_read() {
    make("file", b"contents");

    let fd = open("file", oflags::NONE, rights::WRITE);

    refused(fd_read(fd, &mut [0; 4]), NOT_FOR_THAT);
    refused(fd_pread(fd, &mut [0; 4], 0), NOT_FOR_THAT);
    write_all(fd, b"CON");
    assert_contents("file", b"CONtents");
}

pub fn setting_rights_never_adds_any() {
    make("file", b"contents");
    let fd = open("file", oflags::NONE, rights::READ);

    // stock: NOTSUP for any change.
    refused(fd_fdstat_set_rights(fd, rights::READ_WRITE, 0), &[Errno::NOTCAPABLE, Errno::NOTSUP]);

    refused(fd_write(fd, b"x"), NOT_FOR_THAT);
    assert_eq!(ok(fd_fdstat_get(fd)).rights & rights::FD_WRITE, 0);
}

pub fn a_path_is_opened_relative_to_the_directory_descriptor() {
    mkdir("a");
    mkdir("a/b");
    make("a/b/file", b"deep");
    let a = open_dir("a");

    let b = ok(path_open(a, FOLLOW, "b", oflags::DIRECTORY, rights::READ, fdflags::NONE));
    let file = ok(path_open(b, FOLLOW, "./file", oflags::NONE, rights::READ, fdflags::NONE));

    assert_eq!(read_to_end(file), b"deep");
    ok(path_create_directory(b, "c"));
    ok(path_rename(b, "file", a, "moved"));
    assert_contents("a/moved", b"deep");
    assert_eq!(names("a/b"), set(["c"]));
}
