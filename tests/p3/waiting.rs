//! Calls and streams that would have to wait for a backend, where the executor must not be blocked.

#[path = "../component/waiting.rs"]
mod both;

use crate::kit::abi::{DescriptorStat, flags};
use crate::kit::{Code, End, Front, Guest, Moved, NewTime, PATIENCE, Slow, args};
use both::answers;
use std::time::{Duration, Instant};
use wasi_gofer::CachePolicy;
use wasi_gofer::abi::{Call, CancelToken, Errno};
use wasi_gofer::backend::faulty::Op;
use wasi_gofer::component::{Blocking, GoferComponentCtx};

/// How an asynchronous call says that it goes on, or returned.
const STARTED: u32 = 1;
const RETURNED: u32 = 2;
const CANCELLED_BEFORE_RETURNED: u32 = 4;

const NOTHING: Moved = Moved { count: 0, end: End::More };
const CANCELLED: Moved = Moved { count: 0, end: End::Cancelled };

/// The part of the walk through everything that is about streams over a file, and a time before 1970.
fn everything_of_streams(guest: &mut Guest, file: u32) -> Vec<String> {
    let ((writer, written), (appender, appended)) = (guest.write_stream(file, 0), guest.append_stream(file));
    let (reader, _) = guest.read_stream(file, 1);
    let told = answers![
        guest.set_times(file, [NewTime::At(1, 2), NewTime::At(-3, 4)]),
        guest.stat(file).map(|stat| stat.modified),
        guest.list(guest.root, 1),
        guest.write(writer, "HELLO"),
        guest.write(appender, "WORLD"),
        guest.read(reader, 0),
        guest.read(reader, 3),
        guest.read(reader, 100),
        guest.read(reader, 100),
        guest.finish(writer, written),
        guest.finish(appender, appended),
    ];
    told.to_vec()
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

/// Waits until no call of the guest is on a worker.
#[track_caller]
fn assert_workers_end(guest: &mut Guest) {
    let end = Instant::now() + PATIENCE;
    while guest.host().files.calls_on_workers() > 0 {
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
    assert_eq!((guest.host().files.calls_on_workers(), guest.host().files.open_descriptors()), (1, 1));
    assert_eq!(guest.expect("subtask-cancel", args![subtask]), CANCELLED_BEFORE_RETURNED);
    guest.expect("subtask-drop", args![subtask]);

    assert_workers_end(&mut guest);
}

#[test]
fn calls_over_the_limit_of_workers_wait_for_their_turn_and_descriptors_are_no_part_of_it() {
    let slow = Slow::new(CachePolicy::Shared);
    let ctx = GoferComponentCtx::new(slow.gofer.ctx().with_max_descriptors(1)).with_blocking(Blocking::HandOver);
    let mut guest = Guest::with(Front::Async, ctx);
    let gate = slow.close();
    let mut subtasks = Vec::new();
    for _ in 0..40 {
        let (status, subtask) = start_stat(&mut guest, "cold");
        assert_eq!(status, STARTED);
        subtasks.push(subtask);
    }
    assert_eq!(guest.host().files.calls_on_workers(), 32);

    gate.open();
    for subtask in subtasks {
        assert_eq!(guest.wait_for(subtask), RETURNED);
        guest.expect("subtask-drop", args![subtask]);
    }
    assert_workers_end(&mut guest);
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
