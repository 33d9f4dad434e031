//! Writers that are held, and calls that may not wait.

use crate::kit::{READ, READ_WRITE};
use crate::mounted::{
    A_MOMENT, CALL, Data, Mounted, PAGE, PATIENCE, full_of, join, lazy, page_of, read_page, write, write_page,
};
use std::io::IoSlice;
use std::sync::Arc;
use std::thread::{scope, sleep};
use std::time::Instant;
use wasi_gofer::abi::{Call, CancelToken, Errno, Error, Result};
use wasi_gofer::backend::faulty::FaultPlan;
use wasi_gofer::vfs::OpenFile;
use wasi_gofer::{CachePolicy, FsOptions};

const NOT_WAITING: &Call = &Call::NOT_WAITING;

/// Every way to change the data of an open file.
const CHANGES: [fn(&Call, &OpenFile) -> Result<()>; 5] = [
    |call, file| file.write_at(call, &[IoSlice::new(b"x")], 0).map(drop),
    |call, file| file.write(call, &[IoSlice::new(&[b'x'; PAGE])]).map(drop),
    |call, file| {
        file.set_append(true);
        let appended = file.write(call, &[IoSlice::new(b"x")]).map(drop);
        file.set_append(false);
        appended
    },
    |call, file| file.set_size(call, 7),
    |call, file| file.allocate(call, 0, 5 * PAGE as u64),
];

#[test]
fn hold_writes_stops_writers_until_their_calls_end_and_lets_readers_go_on() {
    let mounted = Mounted::new();
    let one = mounted.open("one", READ_WRITE);
    write(&one, b'n');
    mounted.gofer.hold_writes();
    for change in CHANGES {
        assert_eq!(change(NOT_WAITING, &one), Err(Error::WouldWait));
        let deadline = Instant::now().checked_add(A_MOMENT / 10);
        assert_eq!(change(&Call { deadline, ..Call::WAITING }, &one), Err(Errno::Timedout.into()));
        let token = CancelToken::new();
        let deadline = Instant::now().checked_add(2 * PATIENCE);
        let call = Call { cancel: Some(token.clone()), deadline, ..Call::WAITING };
        scope(|s| {
            let held = s.spawn(|| change(&call, &one));
            sleep(A_MOMENT / 2);
            assert!(!held.is_finished());
            assert_eq!(read_page(CALL, &one, 0), Ok(page_of(b'n')), "readers go on");
            token.cancel();
            assert_eq!(join(held), Err(Errno::Canceled.into()));
        });
    }
    assert_eq!(mounted.read("one"), full_of(b'n'), "nothing was changed");
    drop(one);
    assert_eq!(mounted.gofer.shutdown(None).failures, [], "what was written before is brought out");
    assert_eq!(mounted.behind("one"), full_of(b'n'));
}

#[test]
fn hold_writes_stops_an_open_that_would_empty_the_file() {
    let mounted = Mounted::new();
    mounted.gofer.hold_writes();
    let how = wasi_gofer::vfs::OpenHow { truncate: true, ..READ_WRITE };
    let deadline = Instant::now().checked_add(A_MOMENT / 10);
    let opened = crate::kit::open(&Call { deadline, ..Call::WAITING }, &mounted.root, "one", how).map(drop);
    assert_eq!(opened, Err(Errno::Timedout.into()));
    assert_eq!(mounted.read("one"), full_of(b'o'));
}

/// Over a backend that may block.
fn blocking(options: FsOptions) -> Mounted {
    let plan = Arc::new(FaultPlan::new());
    plan.set_would_wait(true);
    Mounted::planned(options, plan)
}

/// Tries each change without waiting: one that answers `WouldWait` changed nothing, one that was done was done. The
/// same call that may wait does it.
fn try_changes(mounted: &Mounted, refused: &mut u32) {
    for change in CHANGES {
        let file = mounted.open("one", READ_WRITE);
        let before = mounted.read("one");
        let answer = change(NOT_WAITING, &file);
        if answer == Err(Error::WouldWait) {
            *refused += 1;
            assert!(mounted.read("one") == before, "a call that answered WouldWait changed something");
            assert_eq!((file.tell(), file.stat(CALL).map(|stat| stat.size)), (0, Ok(before.0.len() as u64)));
            assert_eq!(change(CALL, &file), Ok(()));
        } else {
            assert_eq!(answer, Ok(()));
        }
        drop(file);
        mounted.ctx.after(CALL);
    }
}

#[test]
fn changes_that_may_not_wait_answer_would_wait_without_a_change() {
    for policy in CachePolicy::ALL {
        for page_cache_bytes in [0, PAGE, 64 << 20] {
            let mounted = blocking(FsOptions { page_cache_bytes, cache: policy, ..lazy() });
            let mut refused = 0;
            try_changes(&mounted, &mut refused);
            // Where nothing is written back, each change is one of the backend.
            let written_at_once = policy != CachePolicy::Exclusive || page_cache_bytes == 0;
            assert!(!written_at_once || refused == 5, "{policy}, {page_cache_bytes}: {refused}");
            // Seven bytes were left of all, and room was made for more.
            let wanted = Data::from([vec![b'x'; 7], vec![0; 5 * PAGE - 7]]);
            assert_eq!(mounted.read("one"), wanted);
            assert_eq!(mounted.gofer.sync(), Ok(()));
            mounted.plan.set_would_wait(false);
            assert_eq!(mounted.behind("one"), wanted);
        }
    }
}

#[test]
fn write_that_may_not_wait_into_a_cached_page_is_done() {
    let mounted = blocking(lazy());
    let one = mounted.open("one", READ_WRITE);
    assert_eq!(read_page(CALL, &one, 0), Ok(page_of(b'o')));
    assert_eq!(one.write_at(NOT_WAITING, &[IoSlice::new(b"x")], 5), Ok(1));
    let page = read_page(NOT_WAITING, &one, 0).expect("a hit").0;
    assert_eq!((&page[..7], page.len()), (&b"ooooox\x6f"[..], PAGE));
}

#[test]
fn write_that_may_not_wait_into_part_of_a_page_that_is_not_cached_answers_would_wait() {
    let mounted = blocking(lazy());
    let one = mounted.open("one", READ_WRITE);
    match one.write_at(NOT_WAITING, &[IoSlice::new(b"x")], 5) {
        Err(Error::WouldWait) => {
            assert_eq!(mounted.read("one"), full_of(b'o'));
            assert_eq!(one.write_at(CALL, &[IoSlice::new(b"x")], 5), Ok(1));
        }
        // A cache that keeps parts of pages need not ask.
        answer => assert_eq!(answer, Ok(1)),
    }
    let mut wanted = full_of(b'o');
    wanted.0[5] = b'x';
    assert_eq!(mounted.read("one"), wanted);
}

#[test]
fn write_that_may_not_wait_into_a_cache_full_of_unwritten_data_answers_would_wait() {
    const PAGES: usize = 16;
    let mounted = blocking(FsOptions { page_cache_bytes: PAGES * PAGE, ..lazy() });
    let one = mounted.open("one", READ_WRITE);
    let full = (0..=PAGES).find(|page| match write_page(NOT_WAITING, &one, *page, b'n') {
        Ok(written) => {
            assert_eq!(written, PAGE);
            false
        }
        Err(error) => {
            assert_eq!(error, Error::WouldWait);
            true
        }
    });
    let full = full.expect("no more unwritten data than the budget");
    assert!(full > 0, "whole pages need nothing of the backend");
    let size = one.stat(CALL).expect("it is open").size;
    assert_eq!(size, (full.max(3) * PAGE) as u64, "the write that answered WouldWait added nothing");
    assert_eq!(write_page(CALL, &one, full, b'm'), Ok(PAGE), "one that may wait makes room");
    let data = mounted.read("one").0;
    assert!(data[..full * PAGE].iter().all(|byte| *byte == b'n') && data[full * PAGE] == b'm');
}

#[test]
fn large_write_that_may_not_wait_answers_would_wait_without_a_change() {
    let mounted = blocking(lazy());
    let one = mounted.open("one", READ_WRITE);
    assert_eq!(read_page(CALL, &one, 0), Ok(page_of(b'o')));
    let large = vec![b'l'; 128 << 10];
    assert_eq!(one.write_at(NOT_WAITING, &[IoSlice::new(&large)], 0), Err(Error::WouldWait));
    assert_eq!(mounted.read("one"), full_of(b'o'));
    assert_eq!(one.write_at(CALL, &[IoSlice::new(&large)], 0), Ok(large.len()));
    assert!(mounted.read("one").0 == large);
}

#[test]
fn read_that_may_not_wait_of_what_is_not_cached_answers_would_wait() {
    let mounted = blocking(lazy());
    let one = mounted.open("one", READ);
    assert_eq!(read_page(NOT_WAITING, &one, 2), Err(Error::WouldWait));
    assert_eq!(read_page(CALL, &one, 2), Ok(page_of(b'o')));
    assert_eq!(read_page(NOT_WAITING, &one, 2), Ok(page_of(b'o')), "now it is a hit");
}
