//! The end of several mounts: one whose backend does not answer takes nothing from the others.

use crate::kit::{Peek, READ_WRITE, open};
use crate::mounted::{CALL, PATIENCE, full_of, join, lazy, write};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};
use wasi_gofer::abi::Errno;
use wasi_gofer::backend::faulty::{FaultPlan, Faulty, Op};
use wasi_gofer::vfs::OpenFile;
use wasi_gofer::{Failure, Gofer, MemoryFs, MountOptions, SharedBackend};

/// Memories with the file `one` of their own, mounted beside each other.
struct Mounts {
    gofer: Gofer,
    plans: Vec<Arc<FaultPlan>>,
    peeks: Vec<Peek>,
    /// Open, and written to.
    _files: Vec<OpenFile>,
}

impl Mounts {
    fn written(count: usize) -> Mounts {
        let mut builder = Gofer::builder();
        let (mut plans, mut peeks) = (Vec::new(), Vec::new());
        for mount in 0..count {
            let backend = Faulty::new(MemoryFs::new().with_file("one", "old").expect("a fresh name"));
            plans.push(Arc::clone(backend.plan()));
            let backend = SharedBackend::new(backend);
            peeks.push(Peek::mounted(&backend));
            builder.mount(&path(mount), backend, MountOptions { read_only: false, fs: lazy() });
        }
        let gofer = builder.build().expect("the mounts are fine");
        let ctx = gofer.ctx();
        let opened = ctx.preopens().iter().map(|preopen| {
            let root = ctx.open_preopen(CALL, preopen).expect("it opens");
            let file = open(CALL, &root, "one", READ_WRITE).expect("it opens");
            write(&file, b'n');
            file
        });
        let _files = opened.collect();
        Mounts { gofer, plans, peeks, _files }
    }

    fn is_behind(&self, mount: usize) -> bool {
        self.peeks[mount].file("one").is_ok_and(|file| file.data == full_of(b'n').0)
    }
}

fn path(mount: usize) -> String {
    format!("/m{mount}")
}

fn late(mount: usize) -> Failure {
    Failure { mount: path(mount), path: Some("one".to_owned()), errno: Errno::Timedout }
}

#[test]
fn shutdown_with_one_mount_that_waits_until_the_deadline_brings_out_the_others() {
    for stuck in 0..3 {
        // A thread that gets no processor before the deadline is late too. One behind the other is late at each.
        let tried = [200, 2_000, 10_000].map(Duration::from_millis).into_iter().find_map(|until| {
            let mounts = Mounts::written(3);
            let gate = mounts.plans[stuck].hold(Op::WriteAt);
            let report = mounts.gofer.shutdown(Instant::now().checked_add(until));
            drop(gate);
            (report.failures == [late(stuck)]).then_some(mounts)
        });
        let mounts = tried.unwrap_or_else(|| panic!("mounts were late beside {stuck}"));
        for other in (0..3).filter(|mount| *mount != stuck) {
            assert!(mounts.is_behind(other), "{other} beside {stuck}");
        }
    }
}

#[test]
fn shutdown_with_one_mount_that_never_comes_back_brings_out_the_others() {
    for stuck in 0..3 {
        let mounts = Mounts::written(3);
        let end = Instant::now() + PATIENCE;
        scope(|s| {
            let (release, held) = channel::<()>();
            let held = Mutex::new(held);
            // A backend that heeds no deadline.
            mounts.plans[stuck].set_observer(Some(Arc::new(move |op| {
                if op == Op::WriteAt {
                    drop(held.lock().map(|held| held.recv()));
                }
            })));
            let shutdown = s.spawn(|| mounts.gofer.shutdown(Some(end)));
            let is_held = || mounts.plans[stuck].calls(Op::WriteAt) > 0;
            while !is_held() || !(0..3).all(|mount| mount == stuck || mounts.is_behind(mount)) {
                assert!(Instant::now() < end, "beside {stuck}");
                sleep(Duration::from_millis(2));
            }
            assert!(!shutdown.is_finished());
            drop(release);
            assert_eq!(join(shutdown).failures, []);
        });
    }
}

#[test]
fn shutdown_of_more_mounts_than_it_has_threads_for_tries_each() {
    let mounts = Mounts::written(200);
    assert_eq!(mounts.gofer.shutdown(None).failures, []);
    assert!((0..200).all(|mount| mounts.is_behind(mount)));
}
