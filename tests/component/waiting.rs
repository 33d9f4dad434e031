//! Calls that would have to wait for a backend, where the executor must not be blocked.

use crate::kit::abi::{DescriptorStat, flags, open};
use crate::kit::{Guest, NewTime, PATIENCE, Slow, args, executor, is_pending};
use std::pin::pin;
use wasi_gofer::CachePolicy;
use wasi_gofer::component::Blocking;

#[test]
fn a_guest_that_waits_for_its_backend_lets_another_on_the_same_thread_go_on() {
    let slow = Slow::new(CachePolicy::Exclusive);
    let (mut stuck, mut quick) = (slow.guest(Blocking::HandOver), slow.guest(Blocking::HandOver));
    quick.stat_path("warm").expect("there");
    let (cold, warm) = (stuck.path("cold"), quick.path("warm"));
    let (stuck_root, quick_root) = (stuck.root, quick.root);
    let gate = slow.close();

    executor().block_on(async {
        let of_cold = args![stuck_root, 0u32, cold.0, cold.1, 0x100u32];
        let of_warm = args![quick_root, 0u32, warm.0, warm.1, 0x100u32];
        let mut waits = pin!(stuck.call_here("descriptor-stat-at", of_cold));
        assert!(is_pending(waits.as_mut()));
        // Once when it was tried, once on the worker.
        assert!(gate.wait_for(2, PATIENCE), "it did not go to a worker");
        for _ in 0..1_000 {
            quick.call_here("descriptor-stat-at", of_warm).await.expect("no trap");
        }
        assert!(is_pending(waits.as_mut()));
        gate.open();
        waits.await.expect("no trap");
    });

    assert_eq!(stuck.get(0x100, 1), [0], "it was answered in the end");
    assert_eq!(DescriptorStat::read(&stuck.get(0x108, DescriptorStat::SIZE)).size, 8);
    assert_eq!(quick.get(0x100, 1), [0]);
}

#[test]
fn every_function_answers_on_a_worker_what_it_answers_inline() {
    for policy in CachePolicy::ALL {
        let [inline, handed_over] = [Blocking::Inline, Blocking::HandOver].map(|blocking| {
            let slow = Slow::new(policy);
            let mut guest = slow.guest(blocking);
            slow.plan.set_would_wait(true);
            everything(&mut guest)
        });
        assert_eq!(inline, handed_over, "{policy}");
    }
}

/// Questions, each with its answer, as text.
macro_rules! answers {
    ($($answer:expr),* $(,)?) => { [$(format!("{}: {:?}", stringify!($answer), $answer)),*] };
}
pub(super) use answers;

/// A walk through the interface; what it was answered. Of streams the version asks its own questions.
pub(super) fn everything(guest: &mut Guest) -> Vec<String> {
    let root = guest.root;
    let dir = guest.open_directory("dir").expect("opened");
    let file = guest.create("dir/new").expect("made");
    let mut told = Vec::from(answers![
        guest.write_at(file, "hello", 0),
        guest.write_at(file, vec![7; 200_000], 5),
        guest.done("descriptor-set-size", args![file, 11u64]),
        guest.contents(file, 2),
        guest.contents(file, 11),
        guest.contents(file, u64::MAX),
        guest.done("descriptor-advise", args![file, 0u64, 0u64, 3u32]),
        guest.done("descriptor-sync", args![file]),
        guest.done("descriptor-sync-data", args![file]),
        guest.done("descriptor-sync", args![dir]),
        guest.set_times(file, [NewTime::At(1, 2), NewTime::At(3, 4)]),
        guest.set_times_at("dir/inner", 0, [NewTime::Keep, NewTime::At(5, 6)]),
        guest.stat(file).map(|stat| (stat.size, stat.modified)),
        guest.stat_path("dir/inner").map(|stat| (stat.size, stat.modified)),
        guest.stat_path("dir/none"),
        guest.link_at((dir, "new"), 0, (root, "linked")),
        guest.rename_at((root, "linked"), (dir, "moved")),
        guest.symlink("dir/new", "link"),
        guest.readlink("link"),
        guest.mkdir("made"),
        guest.rmdir("made"),
        guest.rmdir("dir"),
        guest.unlink("cold"),
        guest.unlink("cold"),
        guest.names(root),
        guest.names(dir),
        guest.open_at(root, "link", 1, open::TRUNCATE, flags::WRITE).is_ok(),
        guest.stat(file).map(|stat| (stat.size, stat.links)),
        guest.same(file, dir),
    ]);
    let (one, other) = (guest.hash(file), guest.hash_at("dir/moved", 0));
    told.extend(answers![one == other]);
    let other = guest.open("link").expect("opened");
    told.extend(answers![guest.same(file, other)]);
    told.extend(super::everything_of_streams(guest, file));
    guest.drop_descriptor(file);
    told
}
