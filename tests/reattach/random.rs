//! Many guests change their own directories while the sidecar is killed again and again: what each was told is so.

use crate::kit;
use crate::sidecar::Served;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use wasi_gofer::abi::{Call, Errno, Error};
use wasi_gofer::{CachePolicy, Gofer};

const CALL: &Call = &Call::WAITING;
const GUESTS: usize = 3;
const CHANGES: usize = 300;
/// Changes that take far longer than the killer waits.
const CHANGES_MOST: usize = 1_000 * CHANGES;
const NAMES: u64 = 12;

#[derive(Default)]
struct Counts {
    changes: AtomicUsize,
    undecided: AtomicUsize,
    kills: AtomicUsize,
}

/// A guest in a directory of its own: what is there, as it was told. Changes whose outcome nobody knows are looked at.
///
/// It goes on until somebody was killed, or that long that somebody ought to have been.
fn guest(gofer: &Gofer, number: u64, counts: &Counts) -> BTreeSet<String> {
    let (_, root) = kit::root(gofer);
    let dir = format!("guest-{number}");
    root.create_directory_at(CALL, dir.as_bytes()).expect("made");
    let mut there = BTreeSet::new();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(number + 1);
    let mut next = |most: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % most
    };
    for change in 0..CHANGES_MOST {
        if change >= CHANGES && counts.kills.load(Ordering::Relaxed) > 0 {
            break;
        }
        let (one, other) = (format!("{dir}/{}", next(NAMES)), format!("{dir}/{}", next(NAMES)));
        let (told, expected) = match next(3) {
            0 => {
                let expected = if there.contains(&one) { Err(Errno::Exist.into()) } else { Ok(()) };
                (root.create_directory_at(CALL, one.as_bytes()), expected)
            }
            1 => {
                let expected = if there.contains(&one) { Ok(()) } else { Err(Errno::Noent.into()) };
                (root.remove_directory_at(CALL, one.as_bytes()), expected)
            }
            _ => {
                let expected = if there.contains(&one) { Ok(()) } else { Err(Errno::Noent.into()) };
                (root.rename_at(CALL, one.as_bytes(), &root, other.as_bytes()), expected)
            }
        };
        if told == Err(Error::Errno(Errno::Io)) {
            counts.undecided.fetch_add(1, Ordering::Relaxed);
        } else {
            assert_eq!(told, expected, "{one} {other} of {there:?}");
        }
        for name in [one, other] {
            let seen = root.stat_at(CALL, name.as_bytes(), false);
            match seen {
                Ok(_) => there.insert(name),
                Err(Error::Errno(Errno::Noent)) => there.remove(&name),
                Err(error) => panic!("{name}: {error}"),
            };
        }
        counts.changes.fetch_add(1, Ordering::Relaxed);
    }
    there
}

#[test]
fn changes_beside_kills_are_as_each_guest_was_told() {
    for policy in CachePolicy::ALL {
        let served = Served::new();
        let gofer = served.gofer(policy);
        let (counts, done) = (Counts::default(), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let guests: Vec<_> = (0..GUESTS as u64)
                .map(|number| {
                    let (gofer, counts) = (&gofer, &counts);
                    scope.spawn(move || guest(gofer, number, counts))
                })
                .collect();
            let killer = scope.spawn(|| {
                let mut changes_before = 0;
                while !done.load(Ordering::Relaxed) {
                    // Where it takes longer than that to start a sidecar, none would ever be of use.
                    let changes = counts.changes.load(Ordering::Relaxed);
                    if changes == changes_before {
                        std::thread::sleep(Duration::from_millis(1));
                        continue;
                    }
                    changes_before = changes;
                    std::thread::sleep(Duration::from_millis(25));
                    counts.kills.fetch_add(usize::from(served.kill() > 0), Ordering::Relaxed);
                }
            });
            let told: Vec<_> = guests.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
            done.store(true, Ordering::Relaxed);
            killer.join().expect("it ends");
            let told: BTreeSet<String> = told.into_iter().flat_map(|told| told.expect("as it was told")).collect();
            gofer.check_invariants().expect("sound");
            let mut found = BTreeSet::new();
            for dir in std::fs::read_dir(served.dir.path()).expect("listed").flatten() {
                let dir_name = dir.file_name().into_string().expect("UTF-8");
                for entry in std::fs::read_dir(dir.path()).expect("listed").flatten() {
                    found.insert(format!("{dir_name}/{}", entry.file_name().into_string().expect("UTF-8")));
                }
            }
            assert_eq!(found, told, "{policy}");
        });
        let (changes, undecided, kills) =
            (counts.changes.into_inner(), counts.undecided.into_inner(), counts.kills.into_inner());
        println!("{policy}: {kills} kills, {undecided} of {changes} changes undecided");
        assert!(kills > 0, "{policy}: nobody was killed");
    }
}
