//! Standard streams under their numbers and others.

use crate::kit::{Errno, Front, Guest, Open, args, mount};
use wasi_gofer::{MemoryFs, MountOptions};

fn guest(front: Front) -> Guest {
    let files = MemoryFs::new().with_file("a", "of a").expect("made");
    Guest::with_front(front, mount("/", files, MountOptions::default()).ctx())
}

#[test]
fn stdout_moved_to_5_is_written_under_5() {
    for front in Front::BOTH {
        let mut guest = guest(front);
        guest.open("a", Open::READ).expect("4");
        guest.open("a", Open::READ).expect("5");

        assert_eq!(guest.renumber(1, 5), Ok(()));

        assert_eq!(guest.write(5, "moved"), Ok(5));
        assert_eq!(guest.write(1, "lost"), Err(Errno::BADF));
        assert_eq!(guest.printed(), "moved", "{front:?}");
    }
}

#[test]
fn stdin_moved_to_5_is_read_under_5() {
    for front in Front::BOTH {
        let mut guest = guest(front);
        guest.open("a", Open::READ).expect("4");
        guest.open("a", Open::READ).expect("5");

        assert_eq!(guest.renumber(0, 5), Ok(()));

        assert_eq!(guest.read(5, 16), Ok(b"input".to_vec()));
        assert_eq!(guest.read(0, 16), Err(Errno::BADF));
    }
}

#[test]
fn a_file_moved_over_stdout_gets_what_is_printed() {
    for front in Front::BOTH {
        let mut guest = guest(front);
        let log = guest.open("log", Open::CREATE).expect("opened");

        assert_eq!(guest.renumber(log, 1), Ok(()));

        assert_eq!(guest.write(1, "logged"), Ok(6));
        assert_eq!(guest.contents("log").as_deref(), Ok("logged"));
        assert_eq!(guest.printed(), "", "{front:?}");
    }
}

#[test]
fn stdout_moved_over_stderr_leaves_stdout_free() {
    let mut guest = guest(Front::Sync);

    assert_eq!(guest.renumber(1, 2), Ok(()));

    assert_eq!(guest.write(2, "out"), Ok(3));
    assert_eq!(guest.printed(), "out");
    assert_eq!(guest.open("a", Open::READ), Ok(1));
    assert_eq!(guest.read(1, 16), Ok(b"of a".to_vec()));
}

#[test]
fn write_to_stdout_after_closing_it_is_badf() {
    for front in Front::BOTH {
        let mut guest = guest(front);
        guest.write(1, "before").expect("written");

        assert_eq!(guest.close(1), Ok(()));

        assert_eq!(guest.write(1, "after"), Err(Errno::BADF));
        assert_eq!(guest.close(1), Err(Errno::BADF));
        assert_eq!(guest.printed(), "before", "{front:?}");
    }
}

#[test]
fn stdout_closed_under_another_number_stays_closed() {
    let mut guest = guest(Front::Sync);
    let fd = guest.open("a", Open::READ).expect("opened");
    guest.renumber(1, fd).expect("moved");

    assert_eq!(guest.close(fd), Ok(()));

    assert_eq!(guest.write(fd, "after"), Err(Errno::BADF));
    assert_eq!(guest.open("a", Open::READ), Ok(1));
    assert_eq!(guest.write(1, "after"), Err(Errno::BADF));
    assert_eq!(guest.printed(), "");
}

#[test]
fn stdio_has_no_position_no_names_and_no_size() {
    let mut guest = guest(Front::Sync);

    for fd in [0, 1, 2] {
        assert_eq!(guest.seek(fd, 0, 1), Err(Errno::SPIPE));
        assert_eq!(guest.answer("fd_tell", args![fd, 0x20000]), Err(Errno::SPIPE));
        assert_eq!(guest.answer("fd_filestat_set_size", args![fd, 0i64]), Err(Errno::BADF));
        assert_eq!(guest.readdir(fd, 64, 0), Err(Errno::BADF));
        assert_eq!(guest.open_at(fd, "a", Open::READ), Err(Errno::BADF));
        assert_eq!(guest.unlink_at(fd, "a"), Err(Errno::BADF));
        assert_eq!(guest.answer("fd_prestat_get", args![fd, 0x20000]), Err(Errno::BADF));
    }
    assert_eq!(guest.answer("fd_pread", args![0, 0x20000, 0, 0i64, 0x20000]), Err(Errno::SPIPE));
    assert_eq!(guest.answer("fd_pwrite", args![1, 0x20000, 0, 0i64, 0x20000]), Err(Errno::SPIPE));
}

#[test]
fn stdio_of_the_wrong_direction_is_badf() {
    for front in Front::BOTH {
        let mut guest = guest(front);

        assert_eq!(guest.read(1, 4), Err(Errno::BADF));
        assert_eq!(guest.write(0, "x"), Err(Errno::BADF));
    }
}

#[test]
fn fdstat_and_filestat_of_moved_stdio_are_those_of_stdio() {
    let mut guest = guest(Front::Sync);
    let fd = guest.open("a", Open::READ).expect("opened");
    let fdstat = |guest: &mut Guest, fd: u32| {
        guest.put(0x20000, &[0; 24]);
        guest.answer("fd_fdstat_get", args![fd, 0x20000]).map(|()| guest.get(0x20000, 24))
    };
    let (before, before_stat) = (fdstat(&mut guest, 1), guest.fstat(1));

    guest.renumber(1, fd).expect("moved");

    assert_eq!(fdstat(&mut guest, fd), before);
    assert_eq!(guest.fstat(fd), before_stat);
}

#[test]
fn stdin_is_read_to_its_end() {
    for front in Front::BOTH {
        let mut guest = guest(front);

        assert_eq!(guest.read(0, 3), Ok(b"inp".to_vec()));
        assert_eq!(guest.read(0, 3), Ok(b"ut".to_vec()));
        assert_eq!(guest.read(0, 3), Ok(Vec::new()));
    }
}
