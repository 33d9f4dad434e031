//! Timestamps.

use crate::kit::*;
use crate::wasi::*;

const SECOND: u64 = 1_000_000_000;
/// 2001-09-09, with all nine digits of the nanoseconds in use.
const LONG_AGO: u64 = 1_000_000_000 * SECOND + 123_456_789;
const OTHER: u64 = 1_100_000_000 * SECOND + 987_654_321;

/// A file's clock may tick coarsely and be read from another place than ours.
#[track_caller]
fn assert_is_now(time: u64, before: u64) {
    let after = now();
    assert!(time + SECOND >= before, "{time} is before {before}");
    assert!(time <= after + SECOND, "{time} is after {after}");
}

#[track_caller]
fn set_times(path: &str, atim: u64, mtim: u64) {
    ok(path_filestat_set_times(ROOT, NOFOLLOW, path, atim, mtim, fstflags::ATIM | fstflags::MTIM));
}

pub fn a_new_file_has_the_time_of_now() {
    let before = now();

    make("file", b"x");
    mkdir("directory");
    symlink("x", "link");

    for path in ["file", "directory", "link"] {
        let stat = stat(path);
        assert_is_now(stat.mtim, before);
        assert_is_now(stat.atim, before);
        assert_is_now(stat.ctim, before);
    }
}

pub fn times_are_set_to_the_nanosecond() {
    let fd = create("file");
    mkdir("directory");
    let directory = open_dir("directory");
    let both = fstflags::ATIM | fstflags::MTIM;

    ok(path_filestat_set_times(ROOT, FOLLOW, "file", LONG_AGO, OTHER, both));
    assert_eq!((stat("file").atim, stat("file").mtim), (LONG_AGO, OTHER));

    ok(fd_filestat_set_times(fd, OTHER, LONG_AGO, both));
    assert_eq!((stat("file").atim, stat("file").mtim), (OTHER, LONG_AGO));
    let by_fd = ok(fd_filestat_get(fd));
    assert_eq!((by_fd.atim, by_fd.mtim), (OTHER, LONG_AGO));

    ok(fd_filestat_set_times(directory, LONG_AGO, OTHER, both));
    assert_eq!((stat("directory").atim, stat("directory").mtim), (LONG_AGO, OTHER));
}

pub fn times_from_1970_to_2096_are_kept() {
    make("file", b"");

    for time in [0, 1, SECOND, 2_147_483_648 * SECOND, 4_000_000_000 * SECOND + 999_999_999] {
        set_times("file", time, time);
        assert_eq!((stat("file").atim, stat("file").mtim), (time, time));
    }
}

pub fn a_time_that_is_not_named_stays() {
    make("file", b"");
    set_times("file", LONG_AGO, LONG_AGO);

    ok(path_filestat_set_times(ROOT, FOLLOW, "file", 0, OTHER, fstflags::MTIM));
    assert_eq!((stat("file").atim, stat("file").mtim), (LONG_AGO, OTHER));

    ok(path_filestat_set_times(ROOT, FOLLOW, "file", OTHER, 0, fstflags::ATIM));
    assert_eq!((stat("file").atim, stat("file").mtim), (OTHER, OTHER));

    ok(path_filestat_set_times(ROOT, FOLLOW, "file", 1, 1, 0));
    assert_eq!((stat("file").atim, stat("file").mtim), (OTHER, OTHER));
}

pub fn times_are_set_to_now() {
    let fd = create("file");
    set_times("file", LONG_AGO, LONG_AGO);
    let before = now();

    ok(path_filestat_set_times(ROOT, FOLLOW, "file", 0, 0, fstflags::MTIM_NOW));
    assert_is_now(stat("file").mtim, before);
    assert_eq!(stat("file").atim, LONG_AGO);

    ok(fd_filestat_set_times(fd, 0, OTHER, fstflags::ATIM_NOW | fstflags::MTIM));
    assert_is_now(stat("file").atim, before);
    assert_eq!(stat("file").mtim, OTHER);
}

pub fn a_time_and_now_together_are_refused() {
    let fd = create("file");
    set_times("file", LONG_AGO, LONG_AGO);

    for flags in [fstflags::ATIM | fstflags::ATIM_NOW, fstflags::MTIM | fstflags::MTIM_NOW] {
        refused(fd_filestat_set_times(fd, OTHER, OTHER, flags), &[Errno::INVAL]);
        refused(path_filestat_set_times(ROOT, FOLLOW, "file", OTHER, OTHER, flags), &[Errno::INVAL]);
    }

    assert_eq!((stat("file").atim, stat("file").mtim), (LONG_AGO, LONG_AGO));
}

pub fn a_symlink_has_times_of_its_own() {
    make("file", b"");
    symlink("file", "link");
    set_times("file", LONG_AGO, LONG_AGO);

    ok(path_filestat_set_times(ROOT, NOFOLLOW, "link", 0, OTHER, fstflags::MTIM));
    assert_eq!((stat("link").mtim, stat("file").mtim), (OTHER, LONG_AGO));

    ok(path_filestat_set_times(ROOT, FOLLOW, "link", 0, 5 * SECOND, fstflags::MTIM));
    assert_eq!((stat("link").mtim, stat("file").mtim), (OTHER, 5 * SECOND));
}

pub fn times_of_a_missing_file_are_refused() {
    symlink("nowhere", "dangling");

    refused(path_filestat_set_times(ROOT, FOLLOW, "missing", 0, 0, fstflags::MTIM), &[Errno::NOENT]);
    refused(path_filestat_set_times(ROOT, FOLLOW, "dangling", 0, 0, fstflags::MTIM), &[Errno::NOENT]);
}

pub fn writing_and_truncating_move_the_modification_time() {
    let fd = create("file");
    let changes: [(&str, &dyn Fn()); 4] = [
        ("write", &|| write_all(fd, b"x")),
        ("pwrite", &|| assert_eq!(ok(fd_pwrite(fd, b"yz", 0)), 2)),
        ("set_size", &|| ok(fd_filestat_set_size(fd, 1))),
        ("open with trunc", &|| ok(fd_close(open("file", oflags::TRUNC, rights::READ_WRITE)))),
    ];

    for (what, change) in changes {
        set_times("file", LONG_AGO, LONG_AGO);
        let before = now();
        change();
        assert!(stat("file").mtim > LONG_AGO, "{what} left the modification time");
        assert_is_now(ok(fd_filestat_get(fd)).mtim, before);
    }
}

pub fn times_set_after_a_write_stay() {
    let fd = create("file");
    write_all(fd, &[1; 10_000]);

    ok(fd_filestat_set_times(fd, LONG_AGO, LONG_AGO, fstflags::ATIM | fstflags::MTIM));
    ok(fd_sync(fd));
    ok(fd_close(fd));

    assert_eq!(stat("file").mtim, LONG_AGO, "as `cp -p` and `tar -x` rely on");
}

pub fn reading_and_renaming_leave_the_modification_time() {
    make("file", b"contents");
    set_times("file", LONG_AGO, LONG_AGO);

    assert_contents("file", b"contents");
    rename("file", "renamed");
    ok(path_link(ROOT, NOFOLLOW, "renamed", ROOT, "linked"));

    assert_eq!(stat("renamed").mtim, LONG_AGO);
}

pub fn changes_in_a_directory_move_its_modification_time() {
    mkdir("directory");
    make("outside", b"");
    let changes: [(&str, &dyn Fn()); 8] = [
        ("create", &|| make("directory/file", b"")),
        ("mkdir", &|| mkdir("directory/child")),
        ("symlink", &|| symlink("x", "directory/link")),
        ("link", &|| ok(path_link(ROOT, NOFOLLOW, "outside", ROOT, "directory/hard"))),
        ("rename inside", &|| rename("directory/file", "directory/renamed")),
        ("rename out", &|| rename("directory/renamed", "renamed")),
        ("unlink", &|| unlink("directory/link")),
        ("rmdir", &|| ok(path_remove_directory(ROOT, "directory/child"))),
    ];

    for (what, change) in changes {
        set_times("directory", LONG_AGO, LONG_AGO);
        change();
        assert!(stat("directory").mtim > LONG_AGO, "{what} left the directory's modification time");
    }

    set_times("directory", LONG_AGO, LONG_AGO);
    make("directory/hard", b"contents of a file that is there");
    assert_eq!(stat("directory").mtim, LONG_AGO, "writing a file is no change of its directory");
}

// stock: reports the birth time as the change time.
pub fn changes_of_a_file_move_its_change_time() {
    let fd = create("file");
    let changes: [(&str, &dyn Fn()); 4] = [
        ("write", &|| write_all(fd, b"x")),
        ("link", &|| ok(path_link(ROOT, NOFOLLOW, "file", ROOT, "second"))),
        ("unlink", &|| unlink("second")),
        ("set_times", &|| set_times("file", LONG_AGO, LONG_AGO)),
    ];

    for (what, change) in changes {
        let before = stat("file").ctim;
        // The clock of the filesystem may tick as slowly as a hundred times a second.
        let next_tick = now() + SECOND / 30;
        while now() < next_tick {}
        change();
        assert!(stat("file").ctim > before, "{what} left the change time");
    }
}
