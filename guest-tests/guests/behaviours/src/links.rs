//! Unlinking, hard links and symlinks.

use crate::kit::*;
use crate::wasi::*;

fn link(from: &str, to: &str) -> Result<()> {
    path_link(ROOT, NOFOLLOW, from, ROOT, to)
}

fn follow(path: &str) -> Result<Filestat> {
    path_filestat_get(ROOT, FOLLOW, path)
}

pub fn unlink_removes_the_name() {
    make("file", b"x");
    make("other", b"y");

    unlink("file");

    assert_missing("file");
    refused(path_unlink_file(ROOT, "file"), &[Errno::NOENT]);
    assert_eq!(names("."), set(["other"]));
}

pub fn unlink_refuses_a_directory() {
    mkdir("directory");

    refused(path_unlink_file(ROOT, "directory"), &[Errno::ISDIR]);
    refused(path_unlink_file(ROOT, "directory/"), &[Errno::ISDIR]);
    refused(path_unlink_file(ROOT, "."), &[Errno::ISDIR, Errno::INVAL, Errno::BUSY]);

    assert!(exists("directory"));
}

pub fn an_unlinked_file_lives_on_while_it_is_open() {
    let fd = create("file");
    write_all(fd, b"contents");
    let ino = ok(fd_filestat_get(fd)).ino;

    unlink("file");
    make("file", b"another file of that name");

    let gone = ok(fd_filestat_get(fd));
    assert_eq!((gone.ino, gone.nlink, gone.size), (ino, 0, 8));
    write_all(fd, b", more");
    assert_eq!(read_range(fd, 0, 100), b"contents, more");
    ok(fd_filestat_set_size(fd, 3));
    ok(fd_sync(fd));
    assert_eq!(read_range(fd, 0, 100), b"con");
    assert_contents("file", b"another file of that name");
}

pub fn a_hard_link_is_the_same_file() {
    make("one", b"contents");
    mkdir("directory");

    ok(link("one", "directory/two"));

    let (one, two) = (stat("one"), stat("directory/two"));
    assert_eq!((one.ino, one.nlink), (two.ino, 2));
    assert_eq!(two.nlink, 2);
    let fd = open("directory/two", oflags::NONE, rights::WRITE);
    write_all(fd, b"CON");
    assert_contents("one", b"CONtents");
    ok(fd_filestat_set_size(fd, 1));
    assert_eq!(stat("one").size, 1);
}

pub fn a_hard_link_outlives_the_first_name() {
    make("one", b"contents");
    ok(link("one", "two"));
    ok(link("two", "three"));
    assert_eq!(stat("one").nlink, 3);

    unlink("one");

    assert_contents("two", b"contents");
    assert_eq!(stat("two").nlink, 2);
    unlink("three");
    assert_eq!(stat("two").nlink, 1);
}

pub fn a_hard_link_to_a_directory_is_refused() {
    mkdir("directory");

    refused(link("directory", "link"), &[Errno::PERM]);

    assert_missing("link");
}

pub fn a_hard_link_never_replaces() {
    make("one", b"1");
    make("two", b"2");
    mkdir("directory");

    refused(link("one", "two"), &[Errno::EXIST]);
    refused(link("one", "directory"), &[Errno::EXIST]);
    refused(link("one", "one"), &[Errno::EXIST]);
    refused(link("missing", "new"), &[Errno::NOENT]);
    refused(link("one", "missing/new"), &[Errno::NOENT]);
    refused(link("one", "two/new"), &[Errno::NOTDIR]);

    assert_contents("two", b"2");
    assert_eq!(stat("one").nlink, 1);
}

pub fn a_hard_link_to_a_symlink_links_the_symlink() {
    make("file", b"contents");
    symlink("file", "link");

    ok(link("link", "second"));

    assert_eq!(stat("second").filetype(), FileType::SYMLINK);
    assert_eq!(stat("second").ino, stat("link").ino);
    assert_eq!(readlink("second"), "file");
    assert_eq!(stat("file").nlink, 1);
}

pub fn a_symlink_holds_its_target() {
    make("file", b"contents");

    symlink("file", "link");

    assert_eq!(readlink("link"), "file");
    let link = stat("link");
    assert_eq!((link.filetype(), link.size), (FileType::SYMLINK, 4));
    assert_eq!(ok(follow("link")).ino, stat("file").ino);
    assert_contents("link", b"contents");
}

pub fn readlink_cuts_to_the_buffer() {
    symlink("a/rather/long/target", "link");
    let mut buffer = *b"........";

    assert_eq!(ok(path_readlink(ROOT, "link", &mut buffer[..6])), 6);

    assert_eq!(&buffer, b"a/rath..");
}

pub fn readlink_wants_a_symlink() {
    make("file", b"");
    mkdir("directory");

    refused(path_readlink(ROOT, "file", &mut [0; 8]), &[Errno::INVAL]);
    refused(path_readlink(ROOT, "directory", &mut [0; 8]), &[Errno::INVAL]);
    refused(path_readlink(ROOT, "missing", &mut [0; 8]), &[Errno::NOENT]);
}

pub fn a_symlink_never_replaces() {
    make("file", b"contents");
    mkdir("directory");
    symlink("x", "link");

    for path in ["file", "directory", "link"] {
        refused(path_symlink("target", ROOT, path), &[Errno::EXIST]);
    }
    refused(path_symlink("target", ROOT, "missing/link"), &[Errno::NOENT]);

    assert_eq!(readlink("link"), "x");
}

pub fn a_dangling_symlink_is_there_but_leads_nowhere() {
    symlink("nowhere", "link");

    assert_eq!(stat("link").filetype(), FileType::SYMLINK);
    refused(follow("link"), &[Errno::NOENT]);
    refused(path_open(ROOT, FOLLOW, "link", oflags::NONE, rights::READ, 0), &[Errno::NOENT]);
    refused(follow("link/below"), &[Errno::NOENT]);

    make("nowhere", b"now it leads somewhere");
    assert_contents("link", b"now it leads somewhere");
}

pub fn symlinks_before_the_last_component_are_always_followed() {
    mkdir("directory");
    make("directory/file", b"contents");
    symlink("directory", "link");

    assert_eq!(stat("link/file").ino, stat("directory/file").ino);
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
    refused(follow("link-41"), &[Errno::LOOP]);
    refused(path_open(ROOT, FOLLOW, "link-41", oflags::NONE, rights::READ, 0), &[Errno::LOOP]);
    assert_eq!(readlink("link-41"), "link-40");
}

pub fn a_symlink_loop_is_refused() {
    symlink("b", "a");
    symlink("a", "b");
    symlink("self", "self");

    for path in ["a", "b", "self"] {
        refused(follow(path), &[Errno::LOOP]);
        refused(path_open(ROOT, FOLLOW, path, oflags::NONE, rights::READ, 0), &[Errno::LOOP]);
        refused(follow(&format!("{path}/below")), &[Errno::LOOP]);
        assert_eq!(stat(path).filetype(), FileType::SYMLINK);
    }
    unlink("a");
    refused(follow("b"), &[Errno::NOENT]);
}

pub fn a_symlink_target_is_relative_to_the_symlink() {
    mkdir("a");
    mkdir("a/b");
    mkdir("c");
    make("c/file", b"in c");
    symlink("../../c/file", "a/b/up");
    symlink("../c", "a/across");
    symlink("b/../across/./file", "a/winding");

    assert_contents("a/b/up", b"in c");
    assert_contents("a/across/file", b"in c");
    assert_contents("a/winding", b"in c");
    assert_eq!(ok(follow("a/across/..")).ino, stat(".").ino, "`..` is the parent of where the link led");
}

pub fn an_absolute_symlink_target_is_refused() {
    make("file", b"");

    refused(path_symlink("/file", ROOT, "link"), &[Errno::PERM]);

    assert_missing("link");
}

pub fn a_symlink_cannot_lead_out() {
    mkdir("a");
    symlink("..", "out");
    symlink("../../outside", "a/out");
    symlink("a/../..", "winding");

    for path in ["out", "out/etc", "a/out", "winding", "winding/etc/passwd"] {
        refused(follow(path), &[Errno::PERM]);
        refused(path_open(ROOT, FOLLOW, path, oflags::NONE, rights::READ, 0), &[Errno::PERM]);
    }
    refused(path_open(ROOT, FOLLOW, "a/out", oflags::CREAT, rights::READ_WRITE, 0), &[Errno::PERM]);

    assert_eq!(readlink("out"), "..", "reading it is harmless");
}

// stock: drops the slash in a stat, and so answers for the symlink.
pub fn a_slash_after_a_symlink_means_its_directory() {
    mkdir("directory");
    make("file", b"");
    symlink("directory", "to-directory");
    symlink("file", "to-file");

    let through = ok(path_filestat_get(ROOT, NOFOLLOW, "to-directory/"));

    assert_eq!(through.ino, stat("directory").ino);
    refused(path_filestat_get(ROOT, NOFOLLOW, "to-file/"), &[Errno::NOTDIR]);
    refused(path_readlink(ROOT, "to-directory/", &mut [0; 8]), &[Errno::INVAL]);
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

pub fn a_symlink_can_be_changed_by_replacing_it() {
    make("a", b"contents of a");
    make("b", b"contents of b");
    symlink("a", "link");
    assert_contents("link", b"contents of a");

    symlink("b", "new");
    rename("new", "link");

    assert_eq!(readlink("link"), "b");
    assert_contents("link", b"contents of b");
    assert_eq!(stat("a").nlink, 1);
}
