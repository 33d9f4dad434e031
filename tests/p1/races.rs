//! An outsider who swaps things while a guest works. Bounded by the guest's iterations; a hang or an escape is a failure.

use crate::kit::abi::oflags;
use crate::kit::{Errno, Guest, Open, Scene, args};
use rustix::fs::{CWD, Mode, RenameFlags, mkfifoat, renameat_with};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use wasi_gofer::CachePolicy;

const ROUNDS: usize = 600;

/// Runs `guest` while another thread swaps the names `one` and `other` over and over.
fn while_swapped(scene: &Scene, (one, other): (&str, &str), guest: impl FnOnce()) {
    let (one, other) = (scene.inside().join(one), scene.inside().join(other));
    let swap = move || renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE).expect("swapped");
    while_outsider(swap, guest);
}

/// Runs `guest` while another thread does `act` over and over; it has done so once before, and at least once meanwhile.
fn while_outsider(act: impl Fn() + Send, guest: impl FnOnce()) {
    let (acted, ended) = (AtomicU32::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let (acted, ended) = (&acted, &ended);
        scope.spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                act();
                acted.fetch_add(1, Ordering::Relaxed);
            }
        });
        while acted.load(Ordering::Relaxed) == 0 {
            std::thread::yield_now();
        }
        // Ends the other thread when the guest's assertions fail, too.
        struct End<'a>(&'a AtomicBool);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let _end = End(ended);
        guest();
    });
}

fn children(dir: &Path) -> usize {
    fs::read_dir(dir).expect("listed").count()
}

#[test]
fn open_through_a_directory_swapped_for_a_link_out_never_reads_the_outside() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("door/secret", "the guest's own");
        scene.symlink("../outside", "swap");
        let gofer = scene.gofer(policy);
        let mut guest = Guest::new(gofer.ctx());

        while_swapped(&scene, ("door", "swap"), || {
            for _ in 0..ROUNDS {
                for path in ["door/secret", "swap/secret", "door/../swap/secret"] {
                    match guest.contents(path) {
                        Ok(contents) => assert_eq!(contents, "the guest's own", "{policy}"),
                        Err(errno) => assert!(
                            [Errno::PERM, Errno::NOENT, Errno::STALE, Errno::NOTDIR].contains(&errno),
                            "{policy} {errno:?}"
                        ),
                    }
                }
            }
        });

        scene.assert_untouched();
        assert_eq!(gofer.check_invariants(), Ok(()), "{policy}");
    }
}

#[test]
fn changes_through_a_directory_swapped_for_a_link_out_never_change_the_outside() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("door/keep", "x");
        scene.symlink("../outside", "swap");
        let gofer = scene.gofer(policy);
        let mut guest = Guest::new(gofer.ctx());
        guest.make("own", "x").expect("made");

        while_swapped(&scene, ("door", "swap"), || {
            for _ in 0..ROUNDS {
                let _ = guest.make("door/planted", "x");
                let _ = guest.mkdir("door/made");
                let _ = guest.symlink("x", "door/link");
                let _ = guest.rename("own", "door/own");
                let _ = guest.rename("door/own", "own");
                let _ = guest.rename("door/secret", "stolen");
                let _ = guest.link_at((Guest::ROOT, "door/secret"), (Guest::ROOT, "stolen"));
                let _ = guest.set_times_at((Guest::ROOT, "door/secret"), (0, 0), 4);
                let _ = guest.unlink("door/secret");
                let _ = guest.rmdir("door/empty");
                let _ = guest.unlink("door/planted");
                let _ = guest.rmdir("door/made");
                let _ = guest.unlink("door/link");
                let _ = guest.names("door");
            }
        });

        scene.assert_untouched();
        assert_eq!(guest.lstat("stolen"), Err(Errno::NOENT), "{policy}");
        assert_eq!(gofer.check_invariants(), Ok(()), "{policy}");
    }
}

#[test]
fn open_of_a_file_swapped_for_a_link_out_never_touches_the_outside() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("file", "the guest's own");
        scene.symlink("../outside/secret", "swap");
        let gofer = scene.gofer(policy);
        let mut guest = Guest::new(gofer.ctx());

        while_swapped(&scene, ("file", "swap"), || {
            for _ in 0..ROUNDS {
                for how in [Open::READ_WRITE, Open::READ_WRITE.nofollow()] {
                    if let Ok(fd) = guest.open("file", how) {
                        let contents = guest.read(fd, 64).expect("read");
                        assert!(contents.is_empty() || contents == b"the guest's own", "{policy}");
                        guest.seek(fd, 0, 0).expect("sought");
                        guest.write(fd, "the guest's own").expect("written");
                        guest.close(fd).expect("closed");
                    }
                }
                if let Ok(fd) = guest.open("file", Open::WRITE.and(oflags::TRUNC)) {
                    guest.close(fd).expect("closed");
                }
            }
        });

        scene.assert_untouched();
        assert_eq!(gofer.check_invariants(), Ok(()), "{policy}");
    }
}

#[test]
fn open_of_a_file_swapped_for_a_pipe_never_waits() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("file", "the guest's own");
        mkfifoat(CWD, scene.inside().join("swap"), Mode::from_raw_mode(0o600)).expect("made");
        let gofer = scene.gofer(policy);
        let mut guest = Guest::new(gofer.ctx());

        while_swapped(&scene, ("file", "swap"), || {
            for _ in 0..ROUNDS {
                for how in [Open::READ, Open::WRITE, Open::READ_WRITE, Open::READ.and(oflags::TRUNC | oflags::CREAT)] {
                    if let Ok(fd) = guest.open("file", how) {
                        let _ = guest.read(fd, 64);
                        let _ = guest.answer("fd_datasync", args![fd]);
                        guest.close(fd).expect("closed");
                    }
                }
            }
        });

        assert_eq!(gofer.check_invariants(), Ok(()), "{policy}");
    }
}

#[test]
fn a_tree_whose_directories_are_moved_under_the_guest_stays_inside() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("a/b/c/d/file", "the guest's own");
        scene.write("x/b/c/d/file", "the guest's own");
        let gofer = scene.gofer(policy);
        let mut guest = Guest::new(gofer.ctx());
        let c = guest.open("a/b/c", Open::DIRECTORY).expect("opened");

        while_swapped(&scene, ("a/b", "x"), || {
            for _ in 0..ROUNDS {
                for path in ["a/b/c/d/file", "a/b/b/c/d/file", "x/c/d/file", "a/b/c/../../b/c/d/file"] {
                    if let Ok(contents) = guest.contents(path) {
                        assert_eq!(contents, "the guest's own", "{policy}");
                    }
                }
                for path in ["a/../..", "x/../../outside/secret", "a/b/c/../../../../outside/secret"] {
                    assert!(guest.open(path, Open::READ).is_err(), "{policy} {path}");
                }
                assert_eq!(guest.open_at(c, "..", Open::DIRECTORY), Err(Errno::PERM), "{policy}");
                assert_eq!(guest.stat_at(c, "d/file", true).map(|stat| stat.size), Ok(15), "{policy}");
            }
        });

        scene.assert_untouched();
        assert_eq!(gofer.check_invariants(), Ok(()), "{policy}");
    }
}

#[test]
fn names_that_an_outsider_makes_and_removes_are_there_or_not() {
    for policy in [CachePolicy::Shared, CachePolicy::None] {
        let scene = Scene::new();
        fs::create_dir(scene.inside().join("dir")).expect("made");
        let gofer = scene.gofer(policy);
        let mut guest = Guest::new(gofer.ctx());
        let path = scene.inside().join("dir/file");

        while_outsider(
            || {
                fs::write(&path, "x").expect("written");
                // The guest removes it as well.
                let _ = fs::remove_file(&path);
            },
            || {
                for _ in 0..ROUNDS {
                    let stat = guest.lstat("dir/file");
                    assert!(matches!(stat, Ok(_) | Err(Errno::NOENT)), "{policy} {stat:?}");
                    let opened = guest.open("dir/file", Open::CREATE);
                    let fd = opened.unwrap_or_else(|errno| panic!("{policy} {errno:?}"));
                    assert_eq!(guest.write(fd, "yy"), Ok(2), "{policy}");
                    guest.close(fd).expect("closed");
                    let unlinked = guest.unlink("dir/file");
                    assert!(matches!(unlinked, Ok(()) | Err(Errno::NOENT)), "{policy} {unlinked:?}");
                    assert!(guest.names("dir").expect("listed").len() <= 1, "{policy}");
                }
            },
        );

        let _ = fs::remove_file(&path);
        assert_eq!(guest.lstat("dir/file"), Err(Errno::NOENT), "{policy}");
        assert_eq!(gofer.check_invariants(), Ok(()), "{policy}");
    }
}

#[test]
fn two_guests_that_rename_into_each_other_lose_no_file() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        for n in 0..8 {
            scene.write(&format!("a/file-{n}"), "x");
        }
        fs::create_dir(scene.inside().join("b")).expect("made");
        let gofer = scene.gofer(policy);
        let turn = |from: &'static str, to: &'static str| {
            let mut guest = Guest::new(gofer.ctx());
            move || {
                for round in 0..ROUNDS {
                    let name = format!("file-{}", round % 8);
                    let moved = guest.rename(&format!("{from}/{name}"), &format!("{to}/{name}"));
                    assert!(matches!(moved, Ok(()) | Err(Errno::NOENT)), "{policy} {moved:?}");
                }
            }
        };

        std::thread::scope(|scope| {
            scope.spawn(turn("a", "b"));
            scope.spawn(turn("b", "a"));
        });

        let (a, b) = (children(&scene.inside().join("a")), children(&scene.inside().join("b")));
        assert_eq!(a + b, 8, "{policy}");
        let mut guest = Guest::new(gofer.ctx());
        assert_eq!(guest.names("a").map(|names| names.len()), Ok(a), "{policy}");
        assert_eq!(guest.names("b").map(|names| names.len()), Ok(b), "{policy}");
        assert_eq!(gofer.check_invariants(), Ok(()), "{policy}");
    }
}
