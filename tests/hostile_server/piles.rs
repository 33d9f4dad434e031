//! What a server could have its client gather without end.

use crate::ALONE;
use crate::case::at;
use crate::direct::name;
use crate::proxy::{Lie, Reply};
use crate::scene::{LONG, Scene, connect};
use rustix::fd::OwnedFd;
use rustix::fs::inotify::{self, WatchFlags};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use wasi_gofer::abi::{Call, Errno, Error};
use wasi_gofer::backend::lisafs::{LisaFs, LisaNode};
use wasi_gofer::backend::{Backend, Found};
use wasi_gofer::proto::lisafs::Mid;

const CALL: &Call = &Call::WAITING;

fn sent(fs: &LisaFs, message: &str) -> u64 {
    fs.rpc_counts().snapshot().iter().filter(|count| count.message == message).map(|count| count.count).sum()
}

fn mounted() -> (Scene, LisaFs, Found<LisaNode>) {
    let (scene, socket) = Scene::new();
    let fs = connect(socket, LONG, true).expect("mounted");
    let root = fs.root(CALL).expect("the root");
    (scene, fs, root)
}

#[test]
fn numbers_whose_close_is_refused_are_done_with() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let (scene, fs, root) = mounted();
    let refused: Lie = Arc::new(|reply: &mut Reply| {
        (reply.mid, reply.payload) = (0, 5u32.to_le_bytes().to_vec());
    });
    scene.proxy.arm(Mid::CLOSE.0, &refused, true);
    let before = Instant::now();
    for _ in 0..1_000 {
        drop(fs.lookup(CALL, &root.node, name("d")).expect("there"));
    }
    // A hundred at a time, and what has waited for a second.
    let most = 10 + before.elapsed().as_secs();
    let closes = sent(&fs, "Close");
    assert!(scene.proxy.disarm() == closes && (1..=most).contains(&closes), "{closes} messages for 1,000 numbers");
    drop((root, fs));
    scene.end();
}

#[test]
fn late_answer_with_more_objects_than_were_asked_for_ends_the_connection() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let (scene, fs, root) = mounted();
    let late: Lie = Arc::new(|reply: &mut Reply| {
        let one = reply.payload[3..3 + at::INODE_BYTES].to_vec();
        (1..6_000).for_each(|_| reply.payload.extend(&one));
        reply.payload[1..3].copy_from_slice(&6_000u16.to_le_bytes());
        reply.stall = Some(0);
    });
    scene.proxy.arm(Mid::WALK.0, &late, false);
    let told = crate::direct::ask_who_stalls(&scene, || {
        let soon = Call { deadline: Some(Instant::now() + Duration::from_millis(50)), ..Call::WAITING };
        fs.lookup(&soon, &root.node, name("d")).map(|_| ())
    });
    assert_eq!(told, Err(Error::Errno(Errno::Timedout)));
    scene.proxy.disarm();
    assert_eq!(fs.statfs(CALL).map(|_| ()), Err(Error::Errno(Errno::Io)));
    assert!(fs.is_over());
    drop((root, fs));
    scene.end();
}

#[test]
fn watches_that_end_and_were_granted_to_nobody_are_told_to_nobody() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let (scene, fs, root) = mounted();
    let kept = Arc::new(Mutex::new(None::<OwnedFd>));
    let keep: Lie = {
        let kept = Arc::clone(&kept);
        Arc::new(move |reply: &mut Reply| {
            let copy = reply.fds.first().map(|fd| fd.try_clone().expect("a copy"));
            *kept.lock().expect("no panic") = copy;
        })
    };
    scene.proxy.arm(Mid::CHANGE_QUEUE.0, &keep, false);
    let queue = fs.change_queue().expect("offered");
    let watch = match queue.watch(CALL, &root.node) {
        Err(error) if error.is(Errno::Opnotsupp) => {
            eprintln!("the test directory's filesystem announces nothing: SKIPPED");
            return;
        }
        watch => watch.expect("granted"),
    };
    let shared = kept.lock().expect("no panic").take().expect("handed out");
    let other = tempfile::tempdir().expect("a directory");
    let mut lost = 0;
    for _ in 0..2_000 {
        let wd = inotify::add_watch(&shared, other.path(), WatchFlags::CREATE).expect("watched");
        inotify::remove_watch(&shared, wd).expect("ended");
        if wd % 100 == 0 {
            queue.drain(&mut |_| lost += 1).expect("read");
        }
    }
    while !queue.is_empty() {
        queue.drain(&mut |_| lost += 1).expect("read");
    }
    assert_eq!(lost, 2_000);
    // A watch that was granted, and is given back twice, is told of once; with the others it would be at once.
    let d = fs.lookup(CALL, &root.node, name("d")).expect("there");
    queue.unwatch(watch.id);
    queue.unwatch(watch.id);
    queue.watch(CALL, &d.node).expect("granted");
    assert_eq!(sent(&fs, "RemoveWatch"), 0, "{}", fs.rpc_counts());
    drop((queue, d, root, fs));
    scene.end();
}
