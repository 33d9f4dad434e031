//! An outsider who swaps objects while the directory backend is at work.
//!
//! Bounded by iterations, not by time; whichever way a race goes, what is outside is never read or changed.

use crate::directfs_swapped::{Served, name};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::fs;
use std::io::IoSliceMut;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};
use wasi_gofer::abi::{Call, Errno, Error, FileType, OpenFlags};
use wasi_gofer::backend::{Backend, Handle, Location, Object, WalkEnd};

const CALL: &Call = &Call::WAITING;
const ROUNDS: usize = 8_000;

/// Exchanges two names of the served directory for as long as `work` runs.
fn while_swapping(served: &Served, one: &str, other: &str, work: impl FnOnce()) {
    /// Ends the swapping also when `work` panics, so that a test that fails ends.
    struct Stop<'a>(&'a AtomicBool);
    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (one, other) = (served.inside(one), served.inside(other));
            while !stop.load(Ordering::Relaxed) {
                renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE).expect("exchanges");
            }
        });
        let _stop = Stop(&stop);
        work();
    });
}

#[test]
fn walking_and_opening_through_a_directory_that_is_swapped_for_a_symlink_never_leaves() {
    let served = Served::new();
    fs::create_dir(served.inside("d")).expect("made");
    fs::write(served.inside("d/secret"), "inner!").expect("made");
    symlink(served.outside(""), served.inside("link")).expect("made");
    let (mut read, mut stopped) = (0, 0);
    while_swapping(&served, "d", "link", || {
        for _ in 0..ROUNDS {
            let mut found = Vec::new();
            let end = served.fs.walk_many(CALL, &served.root, &[name("d"), name("secret")], &mut found);
            match end {
                Ok(WalkEnd::Complete) => {}
                Ok(WalkEnd::NotDirectory) | Err(Error::Errno(Errno::Stale)) => {
                    stopped += 1;
                    continue;
                }
                other => panic!("{other:?}"),
            }
            let object = Object {
                node: &found[1].node,
                location: Some(Location { dir: &found[0].node, name: name("secret") }),
                key: found[1].stat.key,
                file_type: found[1].stat.file_type,
            };
            let file = served.fs.open(CALL, object, OpenFlags::READ).expect("held by its directory");
            let mut bytes = [0; 16];
            let length = file.read_at(CALL, &mut [IoSliceMut::new(&mut bytes)], 0).expect("reads");
            assert_eq!(&bytes[..length], b"inner!");
            read += 1;
        }
    });
    eprintln!("read {read}, stopped {stopped}");
    served.assert_outside_is_untouched();
}

#[test]
fn opening_with_trunc_a_file_that_is_swapped_for_a_symlink_truncates_nothing_outside() {
    let served = Served::new();
    fs::write(served.inside("f"), "inner").expect("made");
    symlink(served.outside("secret"), served.inside("link")).expect("made");
    while_swapping(&served, "f", "link", || {
        for _ in 0..ROUNDS {
            let found = served.lookup("f");
            let object = served.object(&found, "f");
            match served.fs.open(CALL, object, OpenFlags::WRITE | OpenFlags::TRUNC) {
                Ok(_) => assert_eq!(found.stat.file_type, FileType::Regular),
                Err(error) => assert!(error.is(Errno::Stale) || error.is(Errno::Loop), "{error:?}"),
            }
        }
    });
    served.assert_outside_is_untouched();
}

#[test]
fn opening_a_file_that_is_swapped_for_a_fifo_never_waits() {
    use rustix::fs::{FileType as OsType, Mode, mknodat};
    let served = Served::new();
    fs::write(served.inside("f"), "inner").expect("made");
    mknodat(CWD, served.inside("fifo"), OsType::Fifo, Mode::from_raw_mode(0o666), 0).expect("made");
    while_swapping(&served, "f", "fifo", || {
        for round in 0..ROUNDS {
            let found = served.lookup("f");
            if found.stat.file_type != FileType::Regular {
                continue;
            }
            let flags = if round % 2 == 0 { OpenFlags::READ } else { OpenFlags::WRITE };
            match served.fs.open(CALL, served.object(&found, "f"), flags) {
                Ok(file) => assert_eq!(file.stat(CALL).expect("open").file_type, FileType::Regular),
                Err(error) => assert!(error.is(Errno::Stale), "{error:?}"),
            }
        }
    });
}

#[test]
fn linking_a_file_that_is_swapped_for_another_links_that_file_or_nothing() {
    let served = Served::new();
    fs::write(served.inside("f"), "inner").expect("made");
    fs::hard_link(served.outside("secret"), served.inside("other")).expect("links");
    let meant = served.lookup("f");
    while_swapping(&served, "f", "other", || {
        for _ in 0..ROUNDS {
            match served.fs.link(CALL, served.object(&meant, "f"), &served.root, name("new")) {
                Ok(stat) => {
                    assert_eq!(stat.key, meant.stat.key);
                    served.fs.unlink(CALL, &served.root, name("new")).expect("there");
                }
                Err(error) => assert!(error.is(Errno::Stale), "{error:?}"),
            }
            assert!(!served.inside("new").exists(), "a name of another object was left");
        }
    });
}

#[test]
fn changing_attributes_of_a_file_that_is_swapped_for_a_symlink_changes_nothing_outside() {
    use wasi_gofer::abi::{Mode, SetStat, SetTime, Timespec};
    let served = Served::new();
    fs::write(served.inside("f"), "inner").expect("made");
    symlink(served.outside("secret"), served.inside("link")).expect("made");
    let before = fs::metadata(served.outside("secret")).expect("there");
    let meant = served.lookup("f");
    let old = Some(SetTime::At(Timespec { secs: 1, nanos: 0 }));
    let set = SetStat { mode: Some(Mode::new(0o600)), atime: old, mtime: old, ..SetStat::default() };
    while_swapping(&served, "f", "link", || {
        for _ in 0..ROUNDS {
            match served.fs.set_stat(CALL, served.object(&meant, "f"), &set) {
                // The mode needs a second open, which may find the link.
                Ok(report) => assert!(matches!(report.errno, None | Some(Errno::Stale)), "{report:?}"),
                Err(error) => assert!(error.is(Errno::Stale), "{error:?}"),
            }
        }
    });
    let after = fs::metadata(served.outside("secret")).expect("there");
    assert_eq!((before.permissions(), before.modified().ok()), (after.permissions(), after.modified().ok()));
}
