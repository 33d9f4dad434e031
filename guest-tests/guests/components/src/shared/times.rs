//! Timestamps.

use crate::kit::*;

/// 2001-09-09, with all nine digits of the nanoseconds in use.
const LONG_AGO: Nanos = 1_000_000_000 * SECOND + 123_456_789;
const OTHER: Nanos = 1_100_000_000 * SECOND + 987_654_321;

fn times(path: &str) -> (Nanos, Nanos) {
    (stat(path).accessed, stat(path).modified)
}

pub fn a_new_file_has_the_time_of_now() {
    let before = now();

    make("file", b"x");
    mkdir("directory");
    symlink("x", "link");

    for path in ["file", "directory", "link"] {
        let stat = stat(path);
        assert_is_now(stat.modified, before);
        assert_is_now(stat.accessed, before);
        assert_is_now(stat.changed, before);
    }
}

pub fn times_are_set_to_the_nanosecond() {
    let file = create("file");
    mkdir("directory");
    let directory = open_dir("directory");

    ok(root().set_times_at(FOLLOW, "file", Time::At(LONG_AGO), Time::At(OTHER)));
    assert_eq!(times("file"), (LONG_AGO, OTHER));

    ok(file.set_times(Time::At(OTHER), Time::At(LONG_AGO)));
    assert_eq!(times("file"), (OTHER, LONG_AGO));
    assert_eq!(ok(file.stat()).modified, LONG_AGO);

    ok(directory.set_times(Time::At(LONG_AGO), Time::At(OTHER)));
    assert_eq!(times("directory"), (LONG_AGO, OTHER));
}

pub fn times_from_1970_to_2096_are_kept() {
    make("file", b"");

    for time in [0, 1, SECOND, 2_147_483_648 * SECOND, 4_000_000_000 * SECOND + 999_999_999] {
        set_times("file", time, time);
        assert_eq!(times("file"), (time, time));
    }
}

pub fn a_time_that_is_kept_stays() {
    let file = create("file");
    set_times("file", LONG_AGO, LONG_AGO);

    ok(root().set_times_at(FOLLOW, "file", Time::Keep, Time::At(OTHER)));
    assert_eq!(times("file"), (LONG_AGO, OTHER));

    ok(file.set_times(Time::At(OTHER), Time::Keep));
    assert_eq!(times("file"), (OTHER, OTHER));

    ok(file.set_times(Time::Keep, Time::Keep));
    assert_eq!(times("file"), (OTHER, OTHER));
}

pub fn times_are_set_to_now() {
    let file = create("file");
    set_times("file", LONG_AGO, LONG_AGO);
    let before = now();

    ok(root().set_times_at(FOLLOW, "file", Time::Keep, Time::Now));
    assert_is_now(stat("file").modified, before);
    assert_eq!(stat("file").accessed, LONG_AGO);

    ok(file.set_times(Time::Now, Time::At(OTHER)));
    assert_is_now(stat("file").accessed, before);
    assert_eq!(stat("file").modified, OTHER);
}

pub fn times_are_set_through_a_read_only_descriptor() {
    make("file", b"");
    let file = open("file", NONE, READ);

    ok(file.set_times(Time::At(LONG_AGO), Time::At(OTHER)));

    assert_eq!(times("file"), (LONG_AGO, OTHER), "futimens asks for the owner, not for the descriptor");
}

pub fn a_symlink_has_times_of_its_own() {
    make("file", b"");
    symlink("file", "link");
    set_times("file", LONG_AGO, LONG_AGO);

    ok(root().set_times_at(NOFOLLOW, "link", Time::Keep, Time::At(OTHER)));
    assert_eq!((stat("link").modified, stat("file").modified), (OTHER, LONG_AGO));

    ok(root().set_times_at(FOLLOW, "link", Time::Keep, Time::At(5 * SECOND)));
    assert_eq!((stat("link").modified, stat("file").modified), (OTHER, 5 * SECOND));
}

pub fn times_of_a_missing_file_are_refused() {
    symlink("nowhere", "dangling");

    refused(root().set_times_at(FOLLOW, "missing", Time::Keep, Time::At(0)), &[Code::NoEntry]);
    refused(root().set_times_at(FOLLOW, "dangling", Time::Keep, Time::At(0)), &[Code::NoEntry]);
}

pub fn writing_and_truncating_move_the_modification_time() {
    let file = create("file");
    let changes: [(&str, &dyn Fn()); 4] = [
        ("write", &|| ok(file.write(b"x", 0))),
        ("append", &|| ok(file.append(b"yz"))),
        ("set_size", &|| ok(file.set_size(1))),
        ("open with truncate", &|| drop(open("file", TRUNCATE, READ_WRITE))),
    ];

    for (what, change) in changes {
        set_times("file", LONG_AGO, LONG_AGO);
        let before = now();
        change();
        assert!(stat("file").modified > LONG_AGO, "{what} left the modification time");
        assert_is_now(ok(file.stat()).modified, before);
    }
}

pub fn times_set_after_a_write_stay() {
    let file = create("file");
    ok(file.write(&vec![1; 10_000], 0));

    ok(file.set_times(Time::At(LONG_AGO), Time::At(LONG_AGO)));
    ok(file.sync());
    drop(file);

    assert_eq!(stat("file").modified, LONG_AGO, "as `cp -p` and `tar -x` rely on");
}

pub fn reading_and_renaming_leave_the_modification_time() {
    make("file", b"contents");
    set_times("file", LONG_AGO, LONG_AGO);

    assert_contents("file", b"contents");
    rename("file", "renamed");
    ok(root().link_at(NOFOLLOW, "renamed", root(), "linked"));

    assert_eq!(stat("renamed").modified, LONG_AGO);
}

pub fn changes_in_a_directory_move_its_modification_time() {
    mkdir("directory");
    make("outside", b"");
    let changes: [(&str, &dyn Fn()); 8] = [
        ("create", &|| make("directory/file", b"")),
        ("mkdir", &|| mkdir("directory/child")),
        ("symlink", &|| symlink("x", "directory/link")),
        ("link", &|| ok(root().link_at(NOFOLLOW, "outside", root(), "directory/hard"))),
        ("rename inside", &|| rename("directory/file", "directory/renamed")),
        ("rename out", &|| rename("directory/renamed", "renamed")),
        ("unlink", &|| unlink("directory/link")),
        ("rmdir", &|| rmdir("directory/child")),
    ];

    for (what, change) in changes {
        set_times("directory", LONG_AGO, LONG_AGO);
        change();
        assert!(stat("directory").modified > LONG_AGO, "{what} left the directory's modification time");
    }

    set_times("directory", LONG_AGO, LONG_AGO);
    make("directory/hard", b"contents of a file that is there");
    assert_eq!(stat("directory").modified, LONG_AGO, "writing a file is no change of its directory");
}

pub fn changes_of_a_file_move_its_change_time() {
    let file = create("file");
    let changes: [(&str, &dyn Fn()); 4] = [
        ("write", &|| ok(file.write(b"x", 0))),
        ("link", &|| ok(root().link_at(NOFOLLOW, "file", root(), "second"))),
        ("unlink", &|| unlink("second")),
        ("set_times", &|| set_times("file", LONG_AGO, LONG_AGO)),
    ];

    for (what, change) in changes {
        let before = stat("file").changed;
        // The clock of the filesystem may tick as slowly as a hundred times a second.
        let next_tick = now() + SECOND / 30;
        while now() < next_tick {}
        change();
        assert!(stat("file").changed > before, "{what} left the change time");
    }
}
