//! Calls that would have to wait for a backend, where the executor must not be blocked.

#[path = "../component/waiting.rs"]
mod both;

use crate::kit::{Code, Front, Guest, PATIENCE, Slow, StreamError, args, executor, is_pending};
use both::{answers, everything};
use std::pin::pin;
use std::time::{Duration, Instant};
use wasi_gofer::CachePolicy;
use wasi_gofer::abi::{Call, CancelToken, Errno};
use wasi_gofer::backend::faulty::Op;
use wasi_gofer::component::{Blocking, GoferComponentCtx};
use wasmtime::component::ResourceTable;

/// The part of [`everything`] that is about streams over a file.
fn everything_of_streams(guest: &mut Guest, file: u32) -> Vec<String> {
    let (writer, appender) = (guest.write_stream(file, 0).expect("made"), guest.append_stream(file).expect("made"));
    let reader = guest.read_stream(file, 1).expect("made");
    let told = answers![
        guest.stream_write("blocking-write-and-flush", writer, "HELLO"),
        guest.stream_write("blocking-write-and-flush", appender, "WORLD"),
        guest.stream_read("blocking-read", reader, 3),
        guest.stream_read("blocking-read", reader, 100),
        guest.stream_read("blocking-read", reader, 100),
    ];
    for stream in [writer, appender] {
        guest.expect("drop-output-stream", args![stream]);
    }
    told.to_vec()
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
fn writes_within_the_permit_of_one_that_waits_are_written_behind_it() {
    let slow = Slow::new(CachePolicy::Shared);
    let mut guest = slow.guest(Blocking::HandOver);
    let file = guest.create("cold").expect("opened");
    let stream = guest.append_stream(file).expect("a stream");
    let gate = slow.close();

    assert_eq!(guest.check_write(stream), Ok(65_536));
    for part in ["!", "", "?", "."] {
        assert_eq!(guest.stream_write("write", stream, part), Ok(()));
    }
    assert!(gate.wait_for(2, PATIENCE));
    assert_eq!(guest.check_write(stream), Ok(0));
    gate.open();
    assert_eq!(guest.stream_done("output-stream-blocking-flush", args![stream]), Ok(()));
    assert_eq!(guest.check_write(stream), Ok(65_536));
    assert_eq!(guest.read(file, 100, 0), Ok((b"contents!?.".to_vec(), false)));
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
