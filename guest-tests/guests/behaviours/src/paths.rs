//! How paths are read, and what never gets out.

use std::fs;

use crate::kit::*;
use crate::wasi::*;

fn open_read(path: impl AsRef<[u8]>) -> Result<Fd> {
    path_open(ROOT, FOLLOW, path, oflags::NONE, rights::READ, fdflags::NONE)
}

fn open_create(path: impl AsRef<[u8]>) -> Result<Fd> {
    path_open(ROOT, FOLLOW, path, oflags::CREAT, rights::READ_WRITE, fdflags::NONE)
}

pub fn dot_dot_cannot_leave_the_root() {
    mkdir("a");
    make("file", b"");

    for path in ["..", "../", "../outside", "a/../..", "a/../../outside", "./..", "../../../../etc/passwd"] {
        refused(open_read(path), &[Errno::PERM]);
        refused(path_filestat_get(ROOT, FOLLOW, path), &[Errno::PERM]);
        refused(path_readlink(ROOT, path, &mut [0; 8]), &[Errno::PERM]);
    }
    for path in ["../outside", "a/../../outside"] {
        refused(open_create(path), &[Errno::PERM]);
        refused(path_create_directory(ROOT, path), &[Errno::PERM]);
        refused(path_unlink_file(ROOT, path), &[Errno::PERM]);
        refused(path_remove_directory(ROOT, path), &[Errno::PERM]);
        refused(path_symlink("x", ROOT, path), &[Errno::PERM]);
        refused(path_rename(ROOT, "file", ROOT, path), &[Errno::PERM]);
        refused(path_rename(ROOT, path, ROOT, "new"), &[Errno::PERM]);
        refused(path_link(ROOT, NOFOLLOW, "file", ROOT, path), &[Errno::PERM]);
        refused(path_link(ROOT, NOFOLLOW, path, ROOT, "new"), &[Errno::PERM]);
        refused(path_filestat_set_times(ROOT, FOLLOW, path, 0, 0, fstflags::MTIM), &[Errno::PERM]);
    }

    assert_eq!(names("."), set(["a", "file"]));
}

pub fn dot_dot_cannot_leave_an_opened_directory() {
    mkdir("a");
    mkdir("b");
    make("b/file", b"secret of b");
    symlink("../b/file", "a/link");
    let a = open_dir("a");

    refused(path_filestat_get(a, FOLLOW, ".."), &[Errno::PERM]);
    refused(path_open(a, FOLLOW, "../b/file", oflags::NONE, rights::READ, 0), &[Errno::PERM]);
    refused(path_open(a, FOLLOW, "link", oflags::NONE, rights::READ, 0), &[Errno::PERM]);

    assert_contents("a/link", b"secret of b");
}

pub fn dot_dot_inside_the_root_goes_up() {
    mkdir("a");
    mkdir("a/b");
    make("file", b"top");

    assert_contents("a/b/../../file", b"top");
    assert_eq!(stat("a/b/..").ino, stat("a").ino);
    assert_eq!(stat("a/..").ino, stat(".").ino);
    refused(path_filestat_get(ROOT, FOLLOW, "missing/../file"), &[Errno::NOENT]);
    refused(path_filestat_get(ROOT, FOLLOW, "file/../file"), &[Errno::NOTDIR]);
}

pub fn an_absolute_path_is_refused() {
    make("file", b"");

    for path in ["/", "/file", "//file", "/etc/passwd"] {
        refused(open_read(path), &[Errno::PERM]);
        refused(path_filestat_get(ROOT, FOLLOW, path), &[Errno::PERM]);
    }
    refused(open_create("/new"), &[Errno::PERM]);
    refused(path_create_directory(ROOT, "/new"), &[Errno::PERM]);
    refused(path_unlink_file(ROOT, "/file"), &[Errno::PERM]);
    refused(path_rename(ROOT, "file", ROOT, "/new"), &[Errno::PERM]);

    assert_eq!(names("."), set(["file"]));
}

pub fn an_empty_path_is_refused() {
    let refusals = &[Errno::NOENT, Errno::INVAL];

    refused(open_read(""), refusals);
    refused(open_create(""), refusals);
    refused(path_filestat_get(ROOT, FOLLOW, ""), refusals);
    refused(path_create_directory(ROOT, ""), refusals);
    refused(path_unlink_file(ROOT, ""), refusals);
    refused(path_remove_directory(ROOT, ""), refusals);
    refused(path_readlink(ROOT, "", &mut [0; 8]), refusals);
    refused(path_symlink("target", ROOT, ""), refusals);
    refused(path_symlink("", ROOT, "link"), refusals);
    make("file", b"");
    refused(path_rename(ROOT, "file", ROOT, ""), refusals);
    refused(path_rename(ROOT, "", ROOT, "new"), refusals);
    refused(path_link(ROOT, NOFOLLOW, "file", ROOT, ""), refusals);

    assert_eq!(names("."), set(["file"]));
}

pub fn a_nul_byte_is_refused() {
    make("file", b"");

    refused(open_read("file\0"), &[Errno::INVAL, Errno::ILSEQ]);
    refused(open_create("new\0name"), &[Errno::INVAL, Errno::ILSEQ]);
    refused(path_create_directory(ROOT, "\0"), &[Errno::INVAL, Errno::ILSEQ]);
    refused(path_symlink("tar\0get", ROOT, "link"), &[Errno::INVAL, Errno::ILSEQ]);

    assert_eq!(names("."), set(["file"]));
}

pub fn a_name_that_is_no_utf8_is_refused() {
    refused(open_create(b"\xff"), &[Errno::ILSEQ]);
    refused(open_create(b"caf\xe9"), &[Errno::ILSEQ]);
    refused(path_create_directory(ROOT, b"\xc3\x28"), &[Errno::ILSEQ]);
    refused(path_symlink(b"\xf0\x80", ROOT, "link"), &[Errno::ILSEQ]);

    assert_eq!(names("."), set::<&str>([]));
}

pub fn a_name_has_at_most_255_bytes() {
    let longest = "n".repeat(255);
    let too_long = "n".repeat(256);

    make(&longest, b"contents");
    assert_contents(&longest, b"contents");
    assert_eq!(names("."), set([&longest]));

    refused(open_read(&too_long), &[Errno::NAMETOOLONG]);
    refused(open_create(&too_long), &[Errno::NAMETOOLONG]);
    refused(path_create_directory(ROOT, &too_long), &[Errno::NAMETOOLONG]);
    refused(path_filestat_get(ROOT, FOLLOW, &too_long), &[Errno::NAMETOOLONG]);
    refused(path_filestat_get(ROOT, FOLLOW, format!("{too_long}/below")), &[Errno::NAMETOOLONG]);
    refused(path_rename(ROOT, &longest, ROOT, &too_long), &[Errno::NAMETOOLONG]);
    refused(path_symlink("target", ROOT, &too_long), &[Errno::NAMETOOLONG]);
}

pub fn a_path_has_less_than_4096_bytes() {
    make("file", b"contents");
    let long = |len: usize| format!("{}file", "./".repeat(len / 2 - 2));

    assert_eq!(read_to_end(ok(open_read(long(4_094)))), b"contents");
    refused(open_read(long(4_096)), &[Errno::NAMETOOLONG]);
    refused(path_filestat_get(ROOT, FOLLOW, long(4_096)), &[Errno::NAMETOOLONG]);
    refused(path_filestat_get(ROOT, FOLLOW, long(100_000)), &[Errno::NAMETOOLONG]);
}

pub fn a_slash_after_a_file_is_refused() {
    make("file", b"contents");

    refused(open_read("file/"), &[Errno::NOTDIR]);
    refused(open_read("file/."), &[Errno::NOTDIR]);
    refused(path_unlink_file(ROOT, "file/"), &[Errno::NOTDIR]);
    refused(open_create("new/"), &[Errno::ISDIR, Errno::NOTDIR, Errno::NOENT]);

    assert_eq!(names("."), set(["file"]));
}

// stock: drops the slash.
pub fn stat_of_a_file_with_a_slash_is_refused() {
    make("file", b"contents");

    for lookup in [FOLLOW, NOFOLLOW] {
        refused(path_filestat_get(ROOT, lookup, "file/"), &[Errno::NOTDIR]);
        refused(path_filestat_get(ROOT, lookup, "file//"), &[Errno::NOTDIR]);
        refused(path_filestat_get(ROOT, lookup, "file/."), &[Errno::NOTDIR]);
    }
}

pub fn a_file_has_nothing_below_it() {
    make("file", b"contents");

    refused(open_read("file/below"), &[Errno::NOTDIR]);
    refused(open_create("file/below"), &[Errno::NOTDIR]);
    refused(path_filestat_get(ROOT, FOLLOW, "file/below/more"), &[Errno::NOTDIR]);
    refused(path_unlink_file(ROOT, "file/below"), &[Errno::NOTDIR]);
    refused(path_symlink("target", ROOT, "file/below"), &[Errno::NOTDIR]);
}

pub fn dots_and_double_slashes_do_not_count() {
    mkdir("a");
    make("a/file", b"contents");

    for path in ["a/file", "./a/file", "a//file", "a/./file", ".//a/.//./file", "a/../a/file"] {
        assert_contents(path, b"contents");
    }
    for path in ["a", "a/", "a/.", "a//", "./a/./"] {
        assert_eq!(stat(path).ino, stat("a").ino);
    }
}

pub fn names_may_hold_anything_but_slash_and_nul() {
    let odd = [
        " ",
        "  leading",
        "trailing ",
        "new\nline",
        "tab\t",
        "quote'\"`",
        "back\\slash",
        "-rf",
        "...",
        "..a",
        "a..",
        "*?[]",
        "é",
        "e\u{301}",
        "日本語",
        "🦀",
        "\u{7f}",
        "%2e%2e",
        ".hidden",
        "CON",
        "a:b",
    ];

    for (n, name) in odd.iter().enumerate() {
        make(name, n.to_string());
    }

    assert_eq!(names("."), set(odd));
    for (n, name) in odd.iter().enumerate() {
        assert_contents(name, n.to_string());
    }
}

pub fn names_differ_by_case() {
    make("name", b"lower");
    make("NAME", b"upper");

    assert_contents("name", b"lower");
    assert_contents("NAME", b"upper");
    assert_missing("Name");
}

pub fn the_standard_library_sees_the_usual_errors() {
    use std::io::ErrorKind;
    fs::write("/file", "x").unwrap();
    fs::create_dir("/directory").unwrap();
    fs::write("/directory/file", "x").unwrap();

    assert_eq!(fs::read("/missing").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(fs::create_dir("/directory").unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(fs::remove_dir("/directory").unwrap_err().kind(), ErrorKind::DirectoryNotEmpty);
    assert_eq!(fs::read_dir("/file").unwrap_err().kind(), ErrorKind::NotADirectory);
    assert_eq!(fs::read("/file/below").unwrap_err().kind(), ErrorKind::NotADirectory);
    assert_eq!(fs::File::create_new("/file").unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(fs::canonicalize("/file").unwrap_err().kind(), ErrorKind::Unsupported);
}
