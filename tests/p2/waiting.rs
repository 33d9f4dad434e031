//! Calls that would have to wait for a backend, where the executor must not be blocked.

use crate::kit::abi::{flags, open, u32_at};
use crate::kit::{Code, Front, Guest, NewTime, StreamError, args, mount, options};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use wasi_gofer::abi::{Call, CancelToken, Errno};
use wasi_gofer::backend::faulty::{FaultPlan, Faulty, Gate, Op};
use wasi_gofer::component::{Blocking, GoferComponentCtx};
use wasi_gofer::{CachePolicy, Gofer, MemoryFs};
use wasmtime::component::ResourceTable;

/// Longer than anything takes that does not hang.
const PATIENCE: Duration = Duration::from_secs(20);

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
        Guest::with(Front::Async, GoferComponentCtx::new(self.gofer.ctx()).with_blocking(blocking))
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
        for _ in 0..1_000 {
            quick.call_here("descriptor-stat-at", of_warm).await.expect("no trap");
        }
        assert!(is_pending(waits.as_mut()));
        gate.open();
        waits.await.expect("no trap");
    });

    assert_eq!(stuck.get(0x100, 1), [0], "it was answered in the end");
    assert_eq!(u32_at(&stuck.get(0x100 + 8 + 16, 4), 0), 8, "with the size");
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
        guest.write(file, "hello", 0),
        guest.write(file, vec![7; 200_000], 5).is_ok_and(|written| (65_536..=200_000).contains(&written)),
        guest.done("descriptor-set-size", args![file, 11u64]),
        guest.read(file, 100, 2),
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
    ];
    let (one, other) = (guest.hash(file), guest.hash_at("dir/moved", 0));
    tell![one == other];
    let other = guest.open("link").expect("opened");
    tell![guest.same(file, other)];
    let (writer, appender) = (guest.write_stream(file, 0).expect("made"), guest.append_stream(file).expect("made"));
    let reader = guest.read_stream(file, 1).expect("made");
    tell![
        guest.stream_write("blocking-write-and-flush", writer, "HELLO"),
        guest.stream_write("blocking-write-and-flush", appender, "WORLD"),
        guest.stream_read("blocking-read", reader, 3),
        guest.stream_read("blocking-read", reader, 100),
        guest.stream_read("blocking-read", reader, 100),
    ];
    for stream in [writer, appender] {
        guest.expect("drop-output-stream", args![stream]);
    }
    guest.drop_descriptor(file);
    told
}

#[test]
fn a_read_stream_that_waits_is_empty_and_not_ready_until_it_is() {
    let slow = Slow::new(CachePolicy::Shared);
    let mut guest = slow.guest(Blocking::HandOver);
    let file = guest.open("cold").expect("opened");
    let stream = guest.read_stream(file, 0).expect("a stream");
    let pollable = guest.expect("input-stream-subscribe", args![stream]);
    let gate = slow.close();

    assert_eq!(guest.expect("pollable-ready", args![pollable]), 1, "nothing was asked for yet");
    assert_eq!(guest.stream_read("read", stream, 4), Ok(Vec::new()));
    assert!(gate.wait_for(2, PATIENCE));
    assert_eq!(guest.expect("pollable-ready", args![pollable]), 0);
    assert_eq!(guest.stream_read("read", stream, 4), Ok(Vec::new()));
    gate.open();
    guest.expect("pollable-block", args![pollable]);
    assert_eq!(guest.stream_read("read", stream, 2), Ok(b"co".to_vec()));
    assert_eq!(guest.stream_read("read", stream, 100), Ok(b"nt".to_vec()), "what was read for the four asked");
    assert_eq!(guest.stream_read("blocking-read", stream, 100), Ok(b"ents".to_vec()));
}

#[test]
fn a_write_stream_that_waits_permits_nothing_until_it_is_done() {
    let slow = Slow::new(CachePolicy::Shared);
    let mut guest = slow.guest(Blocking::HandOver);
    let file = guest.create("cold").expect("opened");
    let stream = guest.append_stream(file).expect("a stream");
    let pollable = guest.expect("output-stream-subscribe", args![stream]);
    let gate = slow.close();

    assert_eq!(guest.check_write(stream), Ok(65_536));
    assert_eq!(guest.stream_write("write", stream, "!"), Ok(()));
    assert!(gate.wait_for(2, PATIENCE));
    assert_eq!(guest.check_write(stream), Ok(0));
    assert_eq!(guest.stream_done("output-stream-flush", args![stream]), Ok(()));
    assert_eq!(guest.expect("pollable-ready", args![pollable]), 0);
    gate.open();
    assert_eq!(guest.stream_done("output-stream-blocking-flush", args![stream]), Ok(()));
    assert_eq!(guest.check_write(stream), Ok(65_536));
    assert_eq!(guest.read(file, 100, 0), Ok((b"contents!".to_vec(), false)));
}

#[test]
fn a_write_on_a_worker_that_fails_is_told_by_the_next_question() {
    let slow = Slow::new(CachePolicy::Shared);
    let mut guest = slow.guest(Blocking::HandOver);
    let file = guest.create("cold").expect("opened");
    let stream = guest.write_stream(file, 0).expect("a stream");
    slow.plan.set_would_wait(true);
    slow.plan.fail(Op::WriteAt, 1, Errno::Nospc);

    assert_eq!(guest.check_write(stream), Ok(65_536));
    assert_eq!(guest.stream_write("write", stream, "x"), Ok(()));
    let pollable = guest.expect("output-stream-subscribe", args![stream]);
    guest.expect("pollable-block", args![pollable]);
    let Err(StreamError::Failed(error)) = guest.check_write(stream) else { panic!("not told") };
    assert_eq!(guest.error_code(error), Some(Code::INSUFFICIENT_SPACE));
    assert_eq!(guest.check_write(stream), Err(StreamError::Closed));
}

#[test]
fn what_a_dropped_write_stream_took_is_written() {
    let slow = Slow::new(CachePolicy::Shared);
    let mut guest = slow.guest(Blocking::HandOver);
    let file = guest.create("cold").expect("opened");
    let stream = guest.write_stream(file, 0).expect("a stream");
    slow.plan.set_would_wait(true);

    assert_eq!(guest.check_write(stream), Ok(65_536));
    assert_eq!(guest.stream_write("write", stream, "CON"), Ok(()));
    guest.expect("drop-output-stream", args![stream]);

    assert_eq!(guest.read(file, 100, 0), Ok((b"CONtents".to_vec(), false)));
}

/// Waits until nothing of the guest is held any more: a worker holds what it works on.
#[track_caller]
fn assert_worker_ends(guest: &mut Guest) {
    guest.host().table = ResourceTable::new();
    let end = Instant::now() + PATIENCE;
    while guest.host().files.open_descriptors() > 0 {
        assert!(Instant::now() < end, "the worker goes on");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_call_whose_future_is_dropped_ends_on_its_worker_too() {
    let slow = Slow::new(CachePolicy::Shared);
    let mut guest = slow.guest(Blocking::HandOver);
    let (root, (ptr, len)) = (guest.root, guest.path("cold"));
    let executor = executor();
    let gate = slow.close();

    executor.block_on(async {
        let of_cold = args![root, 0u32, ptr, len, 0x100u32];
        let mut waits = pin!(guest.call_here("descriptor-stat-at", of_cold));
        assert!(is_pending(waits.as_mut()));
        assert!(gate.wait_for(2, PATIENCE));
    });

    assert_worker_ends(&mut guest);
}

#[test]
fn a_stream_that_is_dropped_while_it_reads_ends_its_worker() {
    let slow = Slow::new(CachePolicy::Shared);
    let mut guest = slow.guest(Blocking::HandOver);
    let file = guest.open("cold").expect("opened");
    let stream = guest.read_stream(file, 0).expect("a stream");
    let gate = slow.close();
    assert_eq!(guest.stream_read("read", stream, 4), Ok(Vec::new()));
    assert!(gate.wait_for(2, PATIENCE));

    guest.expect("drop-input-stream", args![stream]);

    assert_worker_ends(&mut guest);
}

#[test]
fn a_store_that_is_dropped_ends_the_workers_of_its_streams() {
    let slow = Slow::new(CachePolicy::Shared);
    let mut guest = slow.guest(Blocking::HandOver);
    let file = guest.create("cold").expect("opened");
    let (source, sink) = (guest.read_stream(file, 0).expect("made"), guest.append_stream(file).expect("made"));
    let gate = slow.close();
    assert_eq!(guest.stream_read("read", source, 4), Ok(Vec::new()));
    assert_eq!(guest.check_write(sink), Ok(65_536));
    assert_eq!(guest.stream_write("write", sink, "x"), Ok(()));
    assert!(gate.wait_for(4, PATIENCE));

    assert_worker_ends(&mut guest);
}

#[test]
fn drop_of_a_file_with_something_to_bring_out_does_so_on_a_worker() {
    let slow = Slow::new(CachePolicy::Exclusive);
    let mut guest = slow.guest(Blocking::HandOver);
    let file = guest.create("cold").expect("opened");
    guest.write(file, "CONTENTS", 0).expect("written");
    let written = slow.plan.calls(Op::WriteAt);
    let gate = slow.plan.hold(Op::WriteAt);

    guest.drop_descriptor(file);
    assert!(gate.wait_for(1, PATIENCE), "nothing was brought out");
    assert_eq!(guest.host().files.open_descriptors(), 2, "it counts until it is closed");
    assert_eq!(guest.stat_path("cold").map(|stat| stat.size), Ok(8), "the guest goes on meanwhile");

    gate.open();
    assert_worker_ends(&mut guest);
    assert!(slow.plan.calls(Op::WriteAt) > written);
}

#[test]
fn a_deadline_and_a_token_end_calls_on_workers_and_inline() {
    for blocking in [Blocking::Inline, Blocking::HandOver] {
        let slow = Slow::new(CachePolicy::Shared);
        let mut guest = slow.guest(blocking);
        let _gate = slow.close();

        let deadline = Some(Instant::now() + Duration::from_millis(50));
        guest.host().files.set_call(Call { deadline, ..Call::WAITING });
        assert_eq!(guest.stat_path("cold"), Err(Code::IO), "{blocking:?}");

        let token = CancelToken::new();
        token.cancel();
        guest.host().files.set_call(Call { cancel: Some(token), ..Call::WAITING });
        assert_eq!(guest.stat_path("cold"), Err(Code::IO), "{blocking:?}");
    }
}

#[test]
fn hand_over_in_a_synchronous_guest_runs_inline() {
    let slow = Slow::new(CachePolicy::Shared);
    let ctx = GoferComponentCtx::new(slow.gofer.ctx()).with_blocking(Blocking::HandOver);
    let mut guest = Guest::with(Front::Sync, ctx);
    slow.plan.set_would_wait(true);

    let told = everything(&mut guest);

    assert!(told.iter().any(|answer| answer.contains("HELLO") || answer.contains("Ok")), "{told:?}");
    assert_eq!(guest.stat_path("warm").map(|stat| stat.size), Ok(8));
}
