//! Numbers of descriptors: the lowest that is free, renumbering, limits.

use crate::kit::{Errno, Guest, Open, Scene, alone, args, assert_none_leads_into, at_root, mount, open_descriptors};
use wasi_gofer::{CachePolicy, MemoryFs, MountOptions};

fn guest() -> Guest {
    let files = MemoryFs::new().with_file("a", "of a").expect("made").with_file("b", "of b").expect("made");
    at_root(files)
}

#[test]
fn open_after_closes_takes_the_lowest_free_number() {
    let mut guest = guest();
    for expected in 4..10 {
        assert_eq!(guest.open("a", Open::READ), Ok(expected));
    }

    for fd in [8, 5, 6] {
        guest.close(fd).expect("closed");
    }

    for expected in [5, 6, 8, 10] {
        assert_eq!(guest.open("a", Open::READ), Ok(expected));
    }
}

#[test]
fn open_after_closing_stdio_takes_its_numbers() {
    let mut guest = guest();
    for fd in [2, 0, 1] {
        guest.close(fd).expect("closed");
    }

    assert_eq!(guest.open("a", Open::READ), Ok(0));
    assert_eq!(guest.open("b", Open::READ), Ok(1));
    assert_eq!(guest.open(".", Open::DIRECTORY), Ok(2));
    assert_eq!(guest.open("a", Open::READ), Ok(4));

    assert_eq!(guest.read(0, 16), Ok(b"of a".to_vec()));
    assert_eq!(guest.read(1, 16), Ok(b"of b".to_vec()));
    assert_eq!(guest.stat_at(2, "a", true).map(|stat| stat.size), Ok(4));
}

#[test]
fn open_after_closing_the_preopen_takes_its_number_and_is_no_preopen() {
    let mut guest = guest();
    let dir = guest.open(".", Open::DIRECTORY).expect("opened");
    guest.close(Guest::ROOT).expect("closed");

    assert_eq!(guest.open_at(dir, ".", Open::DIRECTORY), Ok(Guest::ROOT));

    assert_eq!(guest.answer("fd_prestat_get", args![Guest::ROOT, 0x20000]), Err(Errno::BADF));
    assert_eq!(guest.contents("a").as_deref(), Ok("of a"));
}

#[test]
fn renumber_moves_a_descriptor_with_its_position() {
    let mut guest = guest();
    let a = guest.open("a", Open::READ).expect("opened");
    let b = guest.open("b", Open::READ).expect("opened");
    guest.seek(a, 3, 0).expect("sought");

    assert_eq!(guest.renumber(a, b), Ok(()));

    assert_eq!(guest.read(b, 16), Ok(b"a".to_vec()));
    assert_eq!(guest.read(a, 16), Err(Errno::BADF));
    assert_eq!(guest.open("b", Open::READ), Ok(a));
}

#[test]
fn renumber_onto_itself_changes_nothing() {
    let mut guest = guest();
    let a = guest.open("a", Open::READ).expect("opened");

    for fd in [a, Guest::ROOT, 1] {
        assert_eq!(guest.renumber(fd, fd), Ok(()));
    }

    assert_eq!(guest.read(a, 16), Ok(b"of a".to_vec()));
    assert_eq!(guest.contents("b").as_deref(), Ok("of b"));
    assert_eq!(guest.write(1, "printed"), Ok(7));
    assert_eq!(guest.printed(), "printed");
}

#[test]
fn renumber_of_or_onto_a_closed_descriptor_is_badf_and_changes_nothing() {
    let mut guest = guest();
    let a = guest.open("a", Open::READ).expect("opened");
    let closed = guest.open("b", Open::READ).expect("opened");
    guest.close(closed).expect("closed");

    for unknown in [closed, 1000, u32::MAX] {
        assert_eq!(guest.renumber(a, unknown), Err(Errno::BADF));
        assert_eq!(guest.renumber(unknown, a), Err(Errno::BADF));
        assert_eq!(guest.renumber(unknown, unknown), Err(Errno::BADF));
    }

    assert_eq!(guest.read(a, 16), Ok(b"of a".to_vec()));
}

#[test]
fn renumber_of_the_preopen_takes_its_name_along() {
    let mut guest = guest();
    let a = guest.open("a", Open::READ).expect("opened");

    assert_eq!(guest.renumber(Guest::ROOT, a), Ok(()));

    assert_eq!(guest.answer("fd_prestat_get", args![a, 0x20000]), Ok(()));
    assert_eq!(guest.answer("fd_prestat_get", args![Guest::ROOT, 0x20000]), Err(Errno::BADF));
    assert_eq!(guest.open_at(a, "b", Open::READ), Ok(Guest::ROOT));
}

#[test]
fn renumber_over_and_over_leaves_no_descriptor_of_the_host() {
    alone(|| {
        for policy in CachePolicy::ALL {
            let scene = Scene::new();
            scene.write("a", "of a");
            scene.write("dir/b", "of b");
            let mut guest = scene.guest(policy);
            let target = guest.open("a", Open::READ).expect("opened");
            let other = guest.open("dir", Open::DIRECTORY).expect("opened");
            guest.renumber(other, target).expect("renumbered");
            let before = open_descriptors();

            for _ in 0..200 {
                let file = guest.open("dir/b", Open::READ_WRITE).expect("opened");
                guest.renumber(file, target).expect("renumbered");
                let dir = guest.open("dir", Open::DIRECTORY).expect("opened");
                guest.renumber(dir, target).expect("renumbered");
            }

            assert_eq!(open_descriptors().len().max(before.len() + 2), before.len() + 2, "{policy}");
            drop(guest);
            assert_none_leads_into(&scene.inside(), policy);
        }
    });
}

#[test]
fn close_and_drop_leave_no_descriptor_of_the_host() {
    alone(|| {
        for policy in CachePolicy::ALL {
            let scene = Scene::new();
            scene.write("dir/sub/file", "contents");
            let mut guest = scene.guest(policy);

            for _ in 0..100 {
                guest.open("dir/sub/file", Open::READ_WRITE).expect("opened");
                guest.open("dir/sub", Open::DIRECTORY).expect("opened");
            }
            drop(guest);

            assert_none_leads_into(&scene.inside(), policy);
        }
    });
}

#[test]
fn open_beyond_the_limit_is_mfile_and_makes_nothing() {
    let files = MemoryFs::new().with_file("a", "of a").expect("made");
    let mut guest = Guest::new(mount("/", files, MountOptions::default()).ctx().with_max_descriptors(6));
    assert_eq!(guest.open("a", Open::READ), Ok(4));
    assert_eq!(guest.open(".", Open::DIRECTORY), Ok(5));

    assert_eq!(guest.open("a", Open::READ), Err(Errno::MFILE));
    assert_eq!(guest.open("made", Open::CREATE), Err(Errno::MFILE));
    assert_eq!(guest.open("a", Open::WRITE.and(crate::kit::abi::oflags::TRUNC)), Err(Errno::MFILE));

    assert_eq!(guest.lstat("made"), Err(Errno::NOENT));
    assert_eq!(guest.lstat("a").map(|stat| stat.size), Ok(4));
    guest.close(4).expect("closed");
    assert_eq!(guest.open("made", Open::CREATE), Ok(4));
}

#[test]
fn the_limit_counts_stdio_and_what_is_closed_gives_room() {
    let files = MemoryFs::new().with_file("a", "").expect("made");
    let mut guest = Guest::new(mount("/", files, MountOptions::default()).ctx().with_max_descriptors(4));

    for _ in 0..10 {
        assert_eq!(guest.open("a", Open::READ), Err(Errno::MFILE));
        guest.close(2).expect("closed");
        assert_eq!(guest.open("a", Open::READ), Ok(2));
    }
}

#[test]
fn what_a_guest_starts_with_is_never_beyond_the_limit() {
    let files = MemoryFs::new().with_file("a", "of a").expect("made");
    let mut guest = Guest::new(mount("/", files, MountOptions::default()).ctx().with_max_descriptors(0));

    assert_eq!(guest.write(1, "printed"), Ok(7));
    assert_eq!(guest.lstat("a").map(|stat| stat.size), Ok(4));
    assert_eq!(guest.open("a", Open::READ), Err(Errno::MFILE));
}

#[test]
fn a_hundred_thousand_opens_are_refused_at_the_default_limit() {
    let mut guest = guest();

    let mut opened = 4usize;
    let refused = loop {
        match guest.open("a", Open::READ) {
            Ok(_) => opened += 1,
            Err(errno) => break errno,
        }
        assert!(opened <= 100_000, "there is no limit");
    };

    assert_eq!((refused, opened), (Errno::MFILE, 65_536));
}

#[test]
fn files_held_across_the_end_of_their_mount_go_on_and_lose_nothing() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("file", "hello");
        let gofer = scene.gofer(policy);
        let mut guest = Guest::new(gofer.ctx());
        let file = guest.open("file", Open::READ_WRITE).expect("opened");
        assert_eq!(guest.write(file, "HELLO"), Ok(5), "{policy}");

        let report = gofer.shutdown(None);
        drop(gofer);

        assert!(report.failures.is_empty(), "{policy}: {report:?}");
        assert_eq!(scene.read("file"), "HELLO", "{policy}");
        assert_eq!(guest.write(file, " world"), Ok(6), "{policy}: what a guest holds stays");
        guest.seek(file, 0, 0).expect("moved");
        assert_eq!(guest.read(file, 100), Ok(b"HELLO world".to_vec()), "{policy}");
        drop(guest);
        assert_eq!(scene.read("file"), "HELLO world", "{policy}: the last close brings it out");
    }
}
