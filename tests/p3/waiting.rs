//! Calls and streams that would have to wait for a backend, where the executor must not be blocked.

use crate::kit::abi::{DescriptorStat, flags, open};
use crate::kit::{Code, End, Guest, Moved, NewTime, args, mount, options};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use wasi_gofer::abi::{Call, CancelToken, Errno};
use wasi_gofer::backend::faulty::{FaultPlan, Faulty, Gate, Op};
use wasi_gofer::component::{Blocking, GoferComponentCtx};
use wasi_gofer::{CachePolicy, Gofer, MemoryFs};

/// Longer than anything takes that does not hang.
const PATIENCE: Duration = Duration::from_secs(20);

/// How an asynchronous call says that it goes on, or returned.
const STARTED: u32 = 1;
const RETURNED: u32 = 2;
const CANCELLED_BEFORE_RETURNED: u32 = 4;

const NOTHING: Moved = Moved { count: 0, end: End::More };
const CANCELLED: Moved = Moved { count: 0, end: End::Cancelled };

/// A mounted memory with `cold`, `warm` and `dir/inner`, and a hand on its backend.
struct Slow {
    gofer: Gofer,
    plan: Arc<FaultPlan>,
}

impl Slow {
    fn new(policy: CachePolicy) -> Slow {
        let files = ["cold", "warm", "dir/inner"];
        let files = files.iter().try_fold(MemoryFs::new(), |fs, path| fs.with_file(path, "contents")).expect("made");
        let backend = Faulty::new(files);
        let plan = Arc::clone(backend.plan());
        Slow { gofer: mount("/", backend, options(policy)), plan }
    }

    fn guest(&self, blocking: Blocking) -> Guest {
        Guest::with(GoferComponentCtx::new(self.gofer.ctx()).with_blocking(blocking))
    }

    /// Closes the backend to every call.
    fn close(&self) -> Gate {
        self.plan.hold(None)
    }
}

fn executor() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn is_pending<F: Future>(future: Pin<&mut F>) -> bool {
    matches!(future.poll(&mut Context::from_waker(Waker::noop())), Poll::Pending)
}

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
        for _ in 0..100 {
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

/// A walk through the interface; what it was answered.
fn everything(guest: &mut Guest) -> Vec<String> {
    let root = guest.root;
    let mut told = Vec::new();
    macro_rules! tell {
        ($($answer:expr),* $(,)?) => {
            $(told.push(format!("{}: {:?}", stringify!($answer), $answer));)*
        };
    }
    let dir = guest.open_directory("dir").expect("opened");
    let file = guest.create("dir/new").expect("made");
    tell![
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
        guest.set_times(file, [NewTime::At(1, 2), NewTime::At(-3, 4)]),
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
        guest.list(root, 1),
        guest.open_at(root, "link", 1, open::TRUNCATE, flags::WRITE).is_ok(),
        guest.stat(file).map(|stat| (stat.size, stat.links)),
        guest.same(file, dir),
    ];
    let (one, other) = (guest.hash(file), guest.hash_at("dir/moved", 0));
    tell![one == other];
    let other = guest.open("link").expect("opened");
    tell![guest.same(file, other)];
    let ((writer, written), (appender, appended)) = (guest.write_stream(file, 0), guest.append_stream(file));
    let (reader, _) = guest.read_stream(file, 1);
    tell![
        guest.write(writer, "HELLO"),
        guest.write(appender, "WORLD"),
        guest.read(reader, 0),
        guest.read(reader, 3),
        guest.read(reader, 100),
        guest.read(reader, 100),
        guest.finish(writer, written),
        guest.finish(appender, appended),
    ];
    guest.drop_descriptor(file);
    told
}

#[test]
fn a_read_that_waits_goes_on_beside_the_guest_and_brings_what_was_asked() {
    let slow = Slow::new(CachePolicy::Shared);
    let mut guest = slow.guest(Blocking::HandOver);
    let file = guest.open("cold").expect("opened");
    let (stream, future) = guest.read_stream(file, 0);
    let gate = slow.close();

    assert_eq!(guest.start_read(stream, 4), None);
    assert!(gate.wait_for(2, PATIENCE));
    assert_eq!(guest.flags(file), Ok(flags::READ), "the guest goes on");
    gate.open();
    assert_eq!(guest.wait_for(stream), 4 << 4);
    assert_eq!(guest.get(crate::kit::BUFFER, 4), b"cont");
    assert_eq!(guest.read_all(stream, 100), b"ents");
    assert_eq!(guest.told(future), Ok(()));
}

#[test]
fn a_read_that_is_cancelled_moves_nothing_and_the_next_one_goes_on() {
    let slow = Slow::new(CachePolicy::Shared);
    let mut guest = slow.guest(Blocking::HandOver);
    let file = guest.open("cold").expect("opened");
    let (stream, future) = guest.read_stream(file, 0);
    assert_eq!(guest.read(stream, 2).0, b"co");
    let gate = slow.close();

    for len in [4u32, 0, 100] {
        assert_eq!(guest.start_read(stream, len), None, "{len}");
        assert_eq!(guest.cancel("bytes-cancel-read", stream), CANCELLED, "{len}");
    }
    gate.open();
    assert_eq!(guest.read_all(stream, 100), b"ntents");
    assert_eq!(guest.told(future), Ok(()));
}

#[test]
fn a_read_of_nothing_waits_until_there_is_something_to_read() {
    let slow = Slow::new(CachePolicy::Shared);
    let mut guest = slow.guest(Blocking::HandOver);
    let file = guest.open("cold").expect("opened");
    let (stream, _) = guest.read_stream(file, 0);
    let gate = slow.close();

    assert_eq!(guest.start_read(stream, 0), None);
    assert!(gate.wait_for(2, PATIENCE));
    gate.open();
    assert_eq!(guest.wait_for(stream), 0);
    let _gate = slow.close();
    assert_eq!(guest.start_read(stream, 0), Some(NOTHING), "it is there by now");
    assert_eq!(guest.start_read(stream, 3), Some(Moved { count: 3, end: End::More }));
    assert_eq!(guest.start_read(stream, 100), Some(Moved { count: 5, end: End::More }));
}

#[test]
fn a_write_that_waits_is_a_part_of_64_kib_and_written_from_a_copy() {
    let slow = Slow::new(CachePolicy::Shared);
    let mut guest = slow.guest(Blocking::HandOver);
    let file = guest.create("cold").expect("opened");
    let (stream, future) = guest.write_stream(file, 0);
    let gate = slow.close();

    assert_eq!(guest.start_write(stream, &[b'a'; 100_000]), None);
    assert!(gate.wait_for(2, PATIENCE));
    guest.put(crate::kit::BUFFER, &[b'b'; 100_000]);
    gate.open();
    assert_eq!(guest.wait_for(stream), 65_536 << 4);
    guest.write_all(stream, "c");
    assert_eq!(guest.finish(stream, future), Ok(()));
    let contents = guest.contents(file, 0).expect("read");
    assert!(contents.len() == 65_537 && contents[..65_536] == [b'a'; 65_536] && contents[65_536] == b'c');
}

#[test]
fn a_write_that_is_cancelled_takes_nothing_and_the_next_one_goes_on() {
    let slow = Slow::new(CachePolicy::Shared);
    let mut guest = slow.guest(Blocking::HandOver);
    let file = guest.create("cold").expect("opened");
    for append in [false, true] {
        let (stream, future) = if append { guest.append_stream(file) } else { guest.write_stream(file, 0) };
        let gate = slow.close();

        assert_eq!(guest.start_write(stream, b"xxxx"), None);
        assert_eq!(guest.cancel("bytes-cancel-write", stream), CANCELLED);
        gate.open();
        guest.write_all(stream, "CON");
        assert_eq!(guest.finish(stream, future), Ok(()));
    }
    assert_eq!(guest.contents(file, 0), Ok(b"CONtentsCON".to_vec()));
}

#[test]
fn a_write_that_was_done_when_it_is_cancelled_is_counted() {
    let slow = Slow::new(CachePolicy::Shared);
    let mut guest = slow.guest(Blocking::HandOver);
    let file = guest.create("cold").expect("opened");
    let (stream, future) = guest.append_stream(file);
    slow.plan.set_would_wait(true);
    let answers = slow.plan.hold_answers(Op::Append);

    assert_eq!(guest.start_write(stream, b"!"), None);
    assert!(answers.wait_for(1, PATIENCE), "it did not go to a worker");
    answers.open();
    assert_eq!(guest.cancel("bytes-cancel-write", stream).count, 1);

    assert_eq!(guest.finish(stream, future), Ok(()));
    assert_eq!(guest.contents(file, 0), Ok(b"contents!".to_vec()));
}

#[test]
fn a_listing_that_waits_can_be_cancelled_and_read_again() {
    let slow = Slow::new(CachePolicy::Shared);
    let mut guest = slow.guest(Blocking::HandOver);
    let (stream, future) = guest.read_directory(guest.root);
    let gate = slow.close();

    for count in [10u32, 0] {
        assert_eq!(guest.start_entries(stream, count), None, "{count}");
        assert_eq!(guest.cancel("entries-cancel-read", stream), CANCELLED, "{count}");
    }
    assert_eq!(guest.start_entries(stream, 0), None);
    gate.open();
    assert_eq!(guest.wait_for(stream), 0);
    let mut names: Vec<_> = Vec::new();
    loop {
        let (entries, end) = guest.entries(stream, 2);
        names.extend(entries.into_iter().map(|(_, name)| name));
        if end == End::Dropped {
            break;
        }
    }
    names.sort();
    assert_eq!(names, ["cold", "dir", "warm"]);
    assert_eq!(guest.told(future), Ok(()));
}

#[test]
fn failures_on_workers_reach_the_futures_once() {
    let slow = Slow::new(CachePolicy::None);
    let mut guest = slow.guest(Blocking::HandOver);
    let file = guest.create("cold").expect("opened");
    let ((source, read), (sink, written)) = (guest.read_stream(file, 0), guest.write_stream(file, 0));
    let (listing, listed) = guest.read_directory(guest.root);
    slow.plan.set_would_wait(true);

    for (op, errno) in [(Op::ReadAt, Errno::Dquot), (Op::WriteAt, Errno::Nospc), (Op::ReadDir, Errno::Acces)] {
        slow.plan.fail(op, 1, errno);
    }
    assert_eq!(guest.read(source, 10), (Vec::new(), End::Dropped));
    assert_eq!(guest.write(sink, "x"), Moved { count: 0, end: End::Dropped });
    assert_eq!(guest.entries(listing, 10), (Vec::new(), End::Dropped));

    assert_eq!(guest.told(read), Err(Code::QUOTA));
    assert_eq!(guest.finish(sink, written), Err(Code::INSUFFICIENT_SPACE));
    assert_eq!(guest.told(listed), Err(Code::ACCESS));
}

/// Starts an asynchronous `stat-at` that returns into 0x300: its status and subtask.
fn start_stat(guest: &mut Guest, path: &str) -> (u32, u32) {
    let (ptr, len) = guest.path(path);
    let code = guest.expect("async-descriptor-stat-at", args![guest.root, 0u32, ptr, len, 0x300u32]);
    (code & 0xf, code >> 4)
}

#[test]
fn an_asynchronous_call_that_need_not_wait_returns_at_once_and_another_as_a_subtask() {
    let slow = Slow::new(CachePolicy::Exclusive);
    let mut guest = slow.guest(Blocking::HandOver);
    guest.stat_path("warm").expect("there");
    let gate = slow.close();

    assert_eq!(start_stat(&mut guest, "warm"), (RETURNED, 0));
    assert_eq!(guest.get(0x300, 1), [0]);
    let (status, subtask) = start_stat(&mut guest, "dir/inner");
    assert_eq!(status, STARTED);
    assert!(gate.wait_for(2, PATIENCE));
    assert_eq!(guest.stat_path("warm").map(|stat| stat.size), Ok(8), "the guest goes on");
    gate.open();
    assert_eq!(guest.wait_for(subtask), RETURNED);
    guest.expect("subtask-drop", args![subtask]);
    assert_eq!(DescriptorStat::read(&guest.get(0x308, DescriptorStat::SIZE)).size, 8);
}

/// Waits until the guest has no more open than `open`: a worker holds what it works on.
#[track_caller]
fn assert_workers_end(guest: &mut Guest, open: usize) {
    let end = Instant::now() + PATIENCE;
    while guest.host().files.open_descriptors() > open {
        assert!(Instant::now() < end, "the worker goes on");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn an_asynchronous_call_that_is_cancelled_ends_on_its_worker_too() {
    let slow = Slow::new(CachePolicy::Shared);
    let mut guest = slow.guest(Blocking::HandOver);
    let gate = slow.close();

    let (status, subtask) = start_stat(&mut guest, "cold");
    assert_eq!(status, STARTED);
    assert!(gate.wait_for(2, PATIENCE));
    assert_eq!(guest.host().files.open_descriptors(), 2, "the call has a place");
    assert_eq!(guest.expect("subtask-cancel", args![subtask]), CANCELLED_BEFORE_RETURNED);
    guest.expect("subtask-drop", args![subtask]);

    assert_workers_end(&mut guest, 1);
}

#[test]
fn calls_on_workers_over_the_limit_are_insufficient_memory() {
    let slow = Slow::new(CachePolicy::Shared);
    let ctx = GoferComponentCtx::new(slow.gofer.ctx().with_max_descriptors(4)).with_blocking(Blocking::HandOver);
    let mut guest = Guest::with(ctx);
    let gate = slow.close();
    let mut subtasks = Vec::new();
    for _ in 0..3 {
        let (status, subtask) = start_stat(&mut guest, "cold");
        assert_eq!(status, STARTED);
        subtasks.push(subtask);
    }

    assert_eq!(start_stat(&mut guest, "cold"), (RETURNED, 0));
    assert_eq!(guest.get(0x308, 1), [Code::INSUFFICIENT_MEMORY.0]);

    gate.open();
    for subtask in subtasks {
        assert_eq!(guest.wait_for(subtask), RETURNED);
        guest.expect("subtask-drop", args![subtask]);
    }
    assert_workers_end(&mut guest, 1);
    assert!(guest.stat_path("cold").is_ok());
}

#[test]
fn a_store_that_is_dropped_ends_the_workers_of_its_streams_and_calls() {
    let slow = Slow::new(CachePolicy::Shared);
    let mut guest = slow.guest(Blocking::HandOver);
    let file = guest.create("cold").expect("opened");
    let ((source, _), (sink, _)) = (guest.read_stream(file, 0), guest.append_stream(file));
    let gate = slow.close();
    assert_eq!(guest.start_read(source, 4), None);
    assert_eq!(guest.start_write(sink, b"x"), None);
    assert_eq!(start_stat(&mut guest, "warm").0, STARTED);
    assert!(gate.wait_for(6, PATIENCE));

    // The executor waits for its workers to end.
    drop(guest);

    gate.open();
    let mut guest = slow.guest(Blocking::Inline);
    let file = guest.open("cold").expect("opened");
    assert_eq!(guest.contents(file, 0), Ok(b"contents".to_vec()), "a write that was ended wrote");
}

#[test]
fn a_deadline_and_a_token_end_calls_and_streams_on_workers_and_inline() {
    for blocking in [Blocking::Inline, Blocking::HandOver] {
        let slow = Slow::new(CachePolicy::Shared);
        let mut guest = slow.guest(blocking);
        let file = guest.create("cold").expect("opened");
        let token = CancelToken::new();
        token.cancel();
        let _gate = slow.close();

        let deadline = || Call { deadline: Some(Instant::now() + Duration::from_millis(50)), ..Call::WAITING };
        let cancelled = || Call { cancel: Some(token.clone()), ..Call::WAITING };
        for call in [&deadline as &dyn Fn() -> Call, &cancelled] {
            guest.host().files.set_call(call());
            assert_eq!(guest.stat_path("warm"), Err(Code::OTHER), "{blocking:?}");
            guest.host().files.set_call(call());
            assert_eq!(guest.contents(file, 0), Err(Code::OTHER), "{blocking:?}");
            guest.host().files.set_call(call());
            assert_eq!(guest.write_at(file, "x", 0), Err(Code::OTHER), "{blocking:?}");
            guest.host().files.set_call(call());
            assert_eq!(guest.names(guest.root), Err(Code::OTHER), "{blocking:?}");
        }
    }
}

#[test]
fn streams_that_are_open_go_by_what_the_embedder_says_from_then_on() {
    for blocking in [Blocking::Inline, Blocking::HandOver] {
        let slow = Slow::new(CachePolicy::Shared);
        let mut guest = slow.guest(blocking);
        let file = guest.create("cold").expect("opened");
        let ((source, read), (sink, written)) = (guest.read_stream(file, 0), guest.append_stream(file));
        assert_eq!(guest.read(source, 2).0, b"co", "{blocking:?}");
        guest.write_all(sink, "!");
        let token = CancelToken::new();
        token.cancel();
        let _gate = slow.close();

        guest.host().files.set_call(Call { cancel: Some(token), ..Call::WAITING });

        assert_eq!(guest.read(source, 2), (Vec::new(), End::Dropped), "{blocking:?}");
        assert_eq!(guest.write(sink, "!"), Moved { count: 0, end: End::Dropped }, "{blocking:?}");
        assert_eq!(guest.told(read), Err(Code::OTHER), "{blocking:?}");
        assert_eq!(guest.finish(sink, written), Err(Code::OTHER), "{blocking:?}");
    }
}
