//! Append mode.

use crate::kit::*;
use crate::wasi::*;

pub fn append_goes_to_the_end() {
    make("file", b"start");
    let fd = create_append("file");

    write_all(fd, b"-one");
    ok(fd_seek(fd, 0, whence::SET));
    write_all(fd, b"-two");

    assert_contents("file", b"start-one-two");
}

pub fn append_leaves_the_position_at_the_end() {
    make("file", b"start");
    let fd = create_append("file");
    assert_eq!(ok(fd_tell(fd)), 0);

    write_all(fd, b"-one");

    assert_eq!(ok(fd_tell(fd)), 9);
    assert_eq!(ok(fd_read(fd, &mut [0; 4])), 0);
}

pub fn append_reads_from_the_position() {
    make("file", b"start");
    let fd = create_append("file");
    let mut buffer = [0; 5];

    assert_eq!(ok(fd_read(fd, &mut buffer)), 5);

    assert_eq!(&buffer, b"start");
    ok(fd_seek(fd, 1, whence::SET));
    assert_eq!(read_to_end(fd), b"tart");
}

/// Linux: with O_APPEND, pwrite appends whatever the offset, and leaves the position.
pub fn pwrite_in_append_mode_appends() {
    make("file", b"start");
    let fd = create_append("file");
    ok(fd_seek(fd, 2, whence::SET));

    assert_eq!(ok(fd_pwrite(fd, b"-end", 0)), 4);

    assert_eq!(ok(fd_tell(fd)), 2);
    assert_contents("file", b"start-end");
}

pub fn append_is_switched_on_and_off() {
    make("file", b"start");
    let fd = open("file", oflags::NONE, rights::READ_WRITE);

    ok(fd_fdstat_set_flags(fd, fdflags::APPEND));
    assert_eq!(ok(fd_fdstat_get(fd)).flags & fdflags::APPEND, fdflags::APPEND);
    write_all(fd, b"-end");

    ok(fd_fdstat_set_flags(fd, fdflags::NONE));
    assert_eq!(ok(fd_fdstat_get(fd)).flags & fdflags::APPEND, 0);
    ok(fd_seek(fd, 0, whence::SET));
    write_all(fd, b"S");

    assert_contents("file", b"Start-end");
}

pub fn append_follows_the_end_that_others_move() {
    let appender = create_append("file");
    let other = open("file", oflags::NONE, rights::READ_WRITE);
    write_all(appender, b"0123456789");

    ok(fd_filestat_set_size(other, 3));
    write_all(appender, b"abc");
    ok(fd_pwrite(other, b"xyz", 8));
    write_all(appender, b"!");

    assert_contents("file", b"012abc\0\0xyz!");
}

pub fn two_appenders_do_not_overwrite_each_other() {
    let (a, b) = (create_append("log"), create_append("log"));
    let mut expected = String::new();

    for line in 0..300 {
        let text = format!("line {line} {}\n", "x".repeat(line % 50));
        write_all(if line % 3 == 0 { a } else { b }, text.as_bytes());
        expected += &text;
    }

    assert_contents("log", expected);
    assert_eq!(ok(fd_filestat_get(a)).size, ok(fd_filestat_get(b)).size);
}
