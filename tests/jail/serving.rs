//! What serving a directory takes is there: the conformance suite, watches, threads.

use crate::cases::ALL;
use crate::start::{Place, Who};
use std::os::fd::OwnedFd;
use std::panic::catch_unwind;
use wasi_gofer::DirectFs;
use wasi_gofer::abi::{Call, Mode, Name};
use wasi_gofer::backend::{Backend, Change};

/// In the jail: every case, each in a directory of its own.
pub(crate) fn run_cases() {
    let (mut passed, mut failed) = (0, 0);
    for (file, cases) in ALL {
        for (name, case) in *cases {
            match catch_unwind(case) {
                Ok(()) => passed += 1,
                Err(_) => {
                    failed += 1;
                    println!("failed: {file}::{name}");
                }
            }
        }
    }
    println!("cases: {passed} passed, {failed} failed");
}

fn conformance(with: &[(&str, &str)]) {
    for who in Who::all() {
        let place = Place::new(*who);
        // Some cases have several threads at work.
        let start = place.child("cases").with("THREADS", 16);
        let start = with.iter().fold(start, |start, (option, value)| start.with(option, value));
        let ran = start.run();
        let total: usize = ALL.iter().map(|(_, cases)| cases.len()).sum();
        assert!(total > 150, "{total} cases");
        assert_eq!(ran.told("cases"), Some(format!("{total} passed, 0 failed").as_str()), "{who:?}: {ran:#?}");
        assert_eq!(ran.code, 0, "{ran:#?}");
        println!("jail, {who:?}: {total} cases pass in it\n{}", ran.log());
    }
}

fn conformance_in_the_jail_passes() {
    conformance(&[]);
}

fn conformance_without_namespaces_passes() {
    conformance(&[("WITHOUT", "namespaces")]);
}

/// In the jail: hears of a name that is made in a watched directory.
pub(crate) fn watch(root: &OwnedFd) {
    let dir = cap_std::fs::Dir::from_std_file(root.try_clone().expect("duplicated").into());
    let backend = DirectFs::from_dir(dir).expect("a directory");
    let call = &Call::WAITING;
    let name = |name: &'static str| Name::new(name.as_bytes()).expect("a name");
    let top = backend.root(call).expect("there");
    // A path that would be taken for the descriptor's if it were looked up.
    for (at, part) in ["proc", "thread-self", "fd"].into_iter().enumerate() {
        let path = ["proc", "thread-self", "fd"][..=at].join("/");
        println!("made: {part}: {:?}", rustix::fs::mkdirat(root, &path, 0o777.into()));
    }
    let below = backend.mkdir(call, &top.node, name("watched"), Mode::new(0o755)).expect("made");
    let mut found = Vec::new();
    backend.walk_many(call, &top.node, &[name("watched"), name("none")], &mut found).expect("walked");
    let held = found.into_iter().next().expect("found");
    assert_eq!(held.stat.key, below.stat.key);
    let queue = backend.change_queue().expect("a queue");
    let watch = queue.watch(call, &held.node).expect("watched");
    assert!(queue.is_empty());
    backend.mkdir(call, &held.node, name("new"), Mode::new(0o755)).expect("made");
    let mut seen = Vec::new();
    queue
        .drain(&mut |change| {
            if let Change::Name { watch: id, name } = change {
                seen.push((id, name.as_bytes().to_vec()));
            }
        })
        .expect("read");
    println!("heard: {}", seen == [(watch.id, b"new".to_vec())]);
}

fn watch_in_the_jail_hears_of_what_is_watched() {
    for who in Who::all() {
        let ran = Place::new(*who).child("watch").run();
        assert_eq!((ran.told("heard"), ran.code), (Some("true"), 0), "{ran:#?}");
    }
}

/// In the jail: starts threads that take memory and lock.
pub(crate) fn start_threads() {
    let sum = std::sync::Mutex::new(0);
    std::thread::scope(|scope| {
        for n in 0..4 {
            let sum = &sum;
            std::thread::Builder::new()
                .name(format!("worker {n}"))
                .spawn_scoped(scope, move || {
                    let much = vec![n; 1 << 20];
                    *sum.lock().expect("nobody panics") += much.iter().sum::<usize>() >> 20;
                })
                .expect("started");
        }
    });
    println!("sum: {}", sum.into_inner().expect("nobody panics"));
}

fn threads_in_a_jail_for_them_run() {
    for who in Who::all() {
        let ran = Place::new(*who).child("threads").with("THREADS", 4).run();
        assert_eq!((ran.told("sum"), ran.code), (Some("6"), 0), "{ran:#?}");
    }
}

crate::tests! {
    conformance_in_the_jail_passes
    conformance_without_namespaces_passes
    watch_in_the_jail_hears_of_what_is_watched
    threads_in_a_jail_for_them_run
}
