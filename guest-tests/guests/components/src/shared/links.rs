//! Unlinking, hard links and symlinks.

use crate::kit::*;

fn link(from: &str, to: &str) -> Result<()> {
    root().link_at(NOFOLLOW, from, root(), to)
}

pub fn unlink_removes_the_name() {
    make("file", b"x");
    make("other", b"y");

    unlink("file");

    assert_missing("file");
    refused(root().unlink_file_at("file"), &[Code::NoEntry]);
    assert_eq!(names("."), set(["other"]));
}

pub fn unlink_refuses_a_directory() {
    mkdir("directory");
    // The interface allows all of them.
    let refusals = &[Code::IsDirectory, Code::Access, Code::NotPermitted];

    refused(root().unlink_file_at("directory"), refusals);
    refused(root().unlink_file_at("directory/"), refusals);
    refused(root().unlink_file_at("."), &[Code::IsDirectory, Code::Invalid, Code::Busy]);

    assert!(exists("directory"));
}

pub fn an_unlinked_file_lives_on_while_it_is_open() {
    let file = create("file");
    ok(file.write(b"contents", 0));

    unlink("file");
    make("file", b"another file of that name");

    let gone = ok(file.stat());
    assert_eq!((gone.links, gone.size), (0, 8));
    ok(file.write(b", more", 8));
    assert_same(&read_all(&file), b"contents, more");
    ok(file.append(b"!"));
    ok(file.set_size(3));
    ok(file.sync());
    assert_same(&read_all(&file), b"con");
    assert_contents("file", b"another file of that name");
}

pub fn a_hard_link_is_the_same_file() {
    make("one", b"contents");
    mkdir("directory");

    ok(link("one", "directory/two"));

    assert_eq!((stat("one").links, stat("directory/two").links), (2, 2));
    let file = open("directory/two", NONE, WRITE);
    ok(file.write(b"CON", 0));
    assert_contents("one", b"CONtents");
    ok(file.set_size(1));
    assert_eq!(stat("one").size, 1);
}

pub fn a_hard_link_outlives_the_first_name() {
    make("one", b"contents");
    ok(link("one", "two"));
    ok(link("two", "three"));
    assert_eq!(stat("one").links, 3);

    unlink("one");

    assert_contents("two", b"contents");
    assert_eq!(stat("two").links, 2);
    unlink("three");
    assert_eq!(stat("two").links, 1);
}

pub fn a_hard_link_goes_from_one_directory_to_another() {
    mkdir("a");
    mkdir("b");
    make("a/file", b"contents");

    ok(open_dir("a").link_at(NOFOLLOW, "file", &open_dir("b"), "linked"));

    assert_contents("b/linked", b"contents");
}

pub fn a_hard_link_to_a_directory_is_refused() {
    mkdir("directory");

    refused(link("directory", "link"), &[Code::NotPermitted]);

    assert_missing("link");
}

pub fn a_hard_link_never_replaces() {
    make("one", b"1");
    make("two", b"2");
    mkdir("directory");

    refused(link("one", "two"), &[Code::Exist]);
    refused(link("one", "directory"), &[Code::Exist]);
    refused(link("one", "one"), &[Code::Exist]);
    refused(link("missing", "new"), &[Code::NoEntry]);
    refused(link("one", "missing/new"), &[Code::NoEntry]);
    refused(link("one", "two/new"), &[Code::NotDirectory]);

    assert_contents("two", b"2");
    assert_eq!(stat("one").links, 1);
}

pub fn a_hard_link_to_a_symlink_links_the_symlink() {
    make("file", b"contents");
    symlink("file", "link");

    ok(link("link", "second"));

    assert_eq!(stat("second").kind, Kind::Symlink);
    assert_eq!(readlink("second"), "file");
    assert_eq!(stat("file").links, 1);
}

pub fn a_hard_link_follows_a_symlink_when_asked() {
    make("file", b"contents");
    symlink("file", "link");
    symlink("nowhere", "dangling");

    ok(root().link_at(FOLLOW, "link", root(), "second"));

    assert_eq!((stat("second").kind, stat("file").links), (Kind::File, 2));
    refused(root().link_at(FOLLOW, "dangling", root(), "third"), &[Code::NoEntry]);
}

pub fn a_symlink_holds_its_target() {
    make("file", b"contents");

    symlink("file", "link");

    assert_eq!(readlink("link"), "file");
    assert_eq!((stat("link").kind, stat("link").size), (Kind::Symlink, 4));
    assert_eq!(ok(follow("link")), stat("file"));
    assert_contents("link", b"contents");
}

pub fn a_symlink_may_hold_any_text() {
    for (n, target) in ["a/rather/long/target", "..", " ", "e\u{301}/日本語", "new\nline"].into_iter().enumerate() {
        symlink(target, &n.to_string());
        assert_eq!(readlink(&n.to_string()), target);
    }
}

pub fn readlink_wants_a_symlink() {
    make("file", b"");
    mkdir("directory");

    refused(root().readlink_at("file"), &[Code::Invalid]);
    refused(root().readlink_at("directory"), &[Code::Invalid]);
    refused(root().readlink_at("missing"), &[Code::NoEntry]);
}

pub fn a_symlink_never_replaces() {
    make("file", b"contents");
    mkdir("directory");
    symlink("x", "link");

    for path in ["file", "directory", "link"] {
        refused(root().symlink_at("target", path), &[Code::Exist]);
    }
    refused(root().symlink_at("target", "missing/link"), &[Code::NoEntry]);

    assert_eq!(readlink("link"), "x");
}

pub fn a_dangling_symlink_is_there_but_leads_nowhere() {
    symlink("nowhere", "link");

    assert_eq!(stat("link").kind, Kind::Symlink);
    refused(follow("link"), &[Code::NoEntry]);
    refused(try_open("link", NONE, READ), &[Code::NoEntry]);
    refused(follow("link/below"), &[Code::NoEntry]);

    make("nowhere", b"now it leads somewhere");
    assert_contents("link", b"now it leads somewhere");
}

pub fn symlinks_before_the_last_component_are_always_followed() {
    mkdir("directory");
    make("directory/file", b"contents");
    symlink("directory", "link");

    assert_eq!(stat("link/file"), stat("directory/file"));
    make("link/new", b"made through the link");
    assert_contents("directory/new", b"made through the link");
    unlink("link/file");
    assert_missing("directory/file");
}

pub fn a_chain_of_forty_symlinks_is_followed_and_no_longer_one() {
    make("link-0", b"the end");
    for n in 1..=41 {
        symlink(&format!("link-{}", n - 1), &format!("link-{n}"));
    }

    assert_contents("link-40", b"the end");
    refused(follow("link-41"), &[Code::Loop]);
    refused(try_open("link-41", NONE, READ), &[Code::Loop]);
    assert_eq!(readlink("link-41"), "link-40");
}

pub fn a_symlink_loop_is_refused() {
    symlink("b", "a");
    symlink("a", "b");
    symlink("self", "self");

    for path in ["a", "b", "self"] {
        refused(follow(path), &[Code::Loop]);
        refused(try_open(path, NONE, READ), &[Code::Loop]);
        refused(follow(&format!("{path}/below")), &[Code::Loop]);
        assert_eq!(stat(path).kind, Kind::Symlink);
    }
    unlink("a");
    refused(follow("b"), &[Code::NoEntry]);
}

pub fn an_absolute_symlink_target_is_refused() {
    make("file", b"");

    refused(root().symlink_at("/file", "link"), &[Code::NotPermitted]);

    assert_missing("link");
}

pub fn a_symlink_cannot_lead_out() {
    mkdir("a");
    symlink("..", "out");
    symlink("../../outside", "a/out");
    symlink("a/../..", "winding");

    for path in ["out", "out/etc", "a/out", "winding", "winding/etc/passwd"] {
        refused(follow(path), &[Code::NotPermitted]);
        refused(try_open(path, NONE, READ), &[Code::NotPermitted]);
    }
    refused(try_open("a/out", CREATE, READ_WRITE), &[Code::NotPermitted]);

    assert_eq!(readlink("out"), "..", "reading it is harmless");
}

/// Two links, a slash after the first: the way that led out of a resolver that trusted O_NOFOLLOW.
pub fn a_slash_after_a_symlink_that_leads_out_is_refused() {
    symlink("../outside", "hidden");
    symlink("hidden/", "indirect");
    make("file", b"");

    for path in ["hidden", "hidden/", "hidden/.", "indirect", "indirect/", "hidden/file", "indirect/file"] {
        refused(try_open(path, NONE, READ), &[Code::NotPermitted]);
        refused(try_open(path, DIRECTORY, READ), &[Code::NotPermitted]);
        refused(follow(path), &[Code::NotPermitted]);
    }
    for path in ["hidden/new", "indirect/new"] {
        refused(root().create_directory_at(path), &[Code::NotPermitted]);
        refused(root().unlink_file_at(path), &[Code::NotPermitted]);
        refused(root().rename_at("file", root(), path), &[Code::NotPermitted]);
        refused(root().symlink_at("x", path), &[Code::NotPermitted]);
        refused(root().link_at(NOFOLLOW, "file", root(), path), &[Code::NotPermitted]);
        refused(try_open(path, CREATE, READ_WRITE), &[Code::NotPermitted]);
    }
}

pub fn a_slash_after_a_symlink_means_its_directory() {
    mkdir("directory");
    make("file", b"");
    symlink("directory", "to-directory");
    symlink("file", "to-file");

    assert_eq!(stat("to-directory/").kind, Kind::Directory);
    refused(root().stat_at(NOFOLLOW, "to-file/"), &[Code::NotDirectory]);
    refused(root().readlink_at("to-directory/"), &[Code::Invalid]);
}

pub fn unlink_removes_the_symlink_and_not_its_target() {
    make("file", b"contents");
    mkdir("directory");
    symlink("file", "to-file");
    symlink("directory", "to-directory");

    unlink("to-file");
    unlink("to-directory");

    assert_eq!(names("."), set(["directory", "file"]));
}
