//! How paths are read, and what never gets out.

use crate::kit::*;

pub fn dot_dot_cannot_leave_the_root() {
    mkdir("a");
    make("file", b"");
    let out = &[Code::NotPermitted];

    for path in ["..", "../", "../outside", "a/../..", "a/../../outside", "./..", "../../../../etc/passwd"] {
        refused(try_open(path, NONE, READ), out);
        refused(follow(path), out);
        refused(root().readlink_at(path), out);
        refused(root().metadata_hash_at(FOLLOW, path), out);
    }
    for path in ["../outside", "a/../../outside"] {
        refused(try_open(path, CREATE, READ_WRITE), out);
        refused(root().create_directory_at(path), out);
        refused(root().unlink_file_at(path), out);
        refused(root().remove_directory_at(path), out);
        refused(root().symlink_at("x", path), out);
        refused(root().rename_at("file", root(), path), out);
        refused(root().rename_at(path, root(), "new"), out);
        refused(root().link_at(NOFOLLOW, "file", root(), path), out);
        refused(root().link_at(NOFOLLOW, path, root(), "new"), out);
        refused(root().set_times_at(FOLLOW, path, Time::Keep, Time::At(0)), out);
    }

    assert_eq!(names("."), set(["a", "file"]));
}

pub fn dot_dot_cannot_leave_an_opened_directory() {
    mkdir("a");
    mkdir("b");
    make("b/file", b"secret of b");
    symlink("../b/file", "a/link");
    let a = open_dir("a");

    refused(a.stat_at(FOLLOW, ".."), &[Code::NotPermitted]);
    refused(a.open_at(FOLLOW, "../b/file", NONE, READ), &[Code::NotPermitted]);
    refused(a.open_at(FOLLOW, "link", NONE, READ), &[Code::NotPermitted]);

    assert_contents("a/link", b"secret of b");
}

pub fn dot_dot_inside_the_root_goes_up() {
    mkdir("a");
    mkdir("a/b");
    make("file", b"top");

    assert_contents("a/b/../../file", b"top");
    assert_eq!(stat("a/b/.."), stat("a"));
    refused(follow("missing/../file"), &[Code::NoEntry]);
    refused(follow("file/../file"), &[Code::NotDirectory]);
}

pub fn an_absolute_path_is_refused() {
    make("file", b"");

    for path in ["/", "/file", "//file", "/etc/passwd"] {
        refused(try_open(path, NONE, READ), &[Code::NotPermitted]);
        refused(follow(path), &[Code::NotPermitted]);
    }
    refused(try_open("/new", CREATE, READ_WRITE), &[Code::NotPermitted]);
    refused(root().create_directory_at("/new"), &[Code::NotPermitted]);
    refused(root().unlink_file_at("/file"), &[Code::NotPermitted]);
    refused(root().rename_at("file", root(), "/new"), &[Code::NotPermitted]);

    assert_eq!(names("."), set(["file"]));
}

pub fn an_empty_path_is_refused() {
    let refusals = &[Code::NoEntry, Code::Invalid];

    refused(try_open("", NONE, READ), refusals);
    refused(try_open("", CREATE, READ_WRITE), refusals);
    refused(follow(""), refusals);
    refused(root().create_directory_at(""), refusals);
    refused(root().unlink_file_at(""), refusals);
    refused(root().remove_directory_at(""), refusals);
    refused(root().readlink_at(""), refusals);
    refused(root().symlink_at("target", ""), refusals);
    refused(root().symlink_at("", "link"), refusals);
    refused(root().metadata_hash_at(FOLLOW, ""), refusals);
    make("file", b"");
    refused(root().rename_at("file", root(), ""), refusals);
    refused(root().rename_at("", root(), "new"), refusals);
    refused(root().link_at(NOFOLLOW, "file", root(), ""), refusals);

    assert_eq!(names("."), set(["file"]));
}

pub fn a_nul_byte_is_refused() {
    make("file", b"");
    let refusals = &[Code::Invalid, Code::IllegalByteSequence];

    refused(try_open("file\0", NONE, READ), refusals);
    refused(try_open("new\0name", CREATE, READ_WRITE), refusals);
    refused(root().create_directory_at("\0"), refusals);
    refused(root().symlink_at("tar\0get", "link"), refusals);

    assert_eq!(names("."), set(["file"]));
}

pub fn a_name_has_at_most_255_bytes() {
    let longest = "n".repeat(255);
    let too_long = "n".repeat(256);

    make(&longest, b"contents");
    assert_contents(&longest, b"contents");
    assert_eq!(names("."), set([&longest]));

    refused(try_open(&too_long, NONE, READ), &[Code::NameTooLong]);
    refused(try_open(&too_long, CREATE, READ_WRITE), &[Code::NameTooLong]);
    refused(root().create_directory_at(&too_long), &[Code::NameTooLong]);
    refused(follow(&too_long), &[Code::NameTooLong]);
    refused(follow(&format!("{too_long}/below")), &[Code::NameTooLong]);
    refused(root().rename_at(&longest, root(), &too_long), &[Code::NameTooLong]);
    refused(root().symlink_at("target", &too_long), &[Code::NameTooLong]);
}

pub fn a_path_has_less_than_4096_bytes() {
    make("file", b"contents");
    let long = |len: usize| format!("{}file", "./".repeat(len / 2 - 2));

    assert_contents(&long(4_094), b"contents");
    refused(try_open(&long(4_096), NONE, READ), &[Code::NameTooLong]);
    refused(follow(&long(4_096)), &[Code::NameTooLong]);
    refused(follow(&long(100_000)), &[Code::NameTooLong]);
}

pub fn a_slash_after_a_file_is_refused() {
    make("file", b"contents");

    refused(try_open("file/", NONE, READ), &[Code::NotDirectory]);
    refused(try_open("file/.", NONE, READ), &[Code::NotDirectory]);
    refused(root().unlink_file_at("file/"), &[Code::NotDirectory]);
    refused(try_open("new/", CREATE, READ_WRITE), &[Code::IsDirectory, Code::NotDirectory, Code::NoEntry]);

    assert_eq!(names("."), set(["file"]));
}

pub fn stat_of_a_file_with_a_slash_is_refused() {
    make("file", b"contents");

    for path in ["file/", "file//", "file/."] {
        refused(follow(path), &[Code::NotDirectory]);
        refused(root().stat_at(NOFOLLOW, path), &[Code::NotDirectory]);
    }
}

pub fn a_file_has_nothing_below_it() {
    make("file", b"contents");

    refused(try_open("file/below", NONE, READ), &[Code::NotDirectory]);
    refused(try_open("file/below", CREATE, READ_WRITE), &[Code::NotDirectory]);
    refused(follow("file/below/more"), &[Code::NotDirectory]);
    refused(root().unlink_file_at("file/below"), &[Code::NotDirectory]);
    refused(root().symlink_at("target", "file/below"), &[Code::NotDirectory]);
}

pub fn dots_and_double_slashes_do_not_count() {
    mkdir("a");
    make("a/file", b"contents");

    for path in ["a/file", "./a/file", "a//file", "a/./file", ".//a/.//./file", "a/../a/file"] {
        assert_contents(path, b"contents");
    }
    for path in ["a", "a/", "a/.", "a//", "./a/./"] {
        assert_eq!(stat(path), stat("a"));
    }
}

pub fn names_may_hold_anything_but_slash_and_nul() {
    let odd = [
        " ",
        "  leading",
        "trailing ",
        "new\nline",
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
