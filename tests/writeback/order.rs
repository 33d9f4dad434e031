//! What reaches the backend before what, and who waits for whom.

use crate::kit::{CREATE, READ, READ_WRITE, close};
use crate::mounted::{
    A_MOMENT, CALL, Data, Mounted, PAGE, PATIENCE, full_of, join, lazy, page_of, read_page, write, write_page,
};
use parking_lot::Mutex;
use std::sync::Arc;
use std::thread::{scope, sleep};
use wasi_gofer::FsOptions;
use wasi_gofer::abi::Errno;
use wasi_gofer::backend::faulty::Op;

/// Has the plan write down every call of some methods.
fn record(mounted: &Mounted, ops: &'static [Op]) -> Arc<Mutex<Vec<Op>>> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&seen);
    mounted.plan.set_observer(Some(Arc::new(move |op| {
        if ops.contains(&op) {
            into.lock().push(op);
        }
    })));
    seen
}

#[test]
fn rename_over_a_file_writes_the_data_of_its_source_first() {
    let mounted = Mounted::new();
    let new = mounted.open("new", CREATE);
    write(&new, b'n');
    let seen = record(&mounted, &[Op::WriteAt, Op::Rename]);
    mounted.root.rename_at(CALL, b"new", &mounted.root, b"one").expect("renamed");
    mounted.plan.set_observer(None);
    let seen = seen.lock().clone();
    assert_eq!(seen.last(), Some(&Op::Rename), "{seen:?}");
    assert!(seen.contains(&Op::WriteAt), "{seen:?}");
    // A crash from here on leaves the old data or the new, not an empty file.
    assert_eq!(mounted.behind("one"), full_of(b'n'));
    drop(new);
}

#[test]
fn rename_over_a_file_after_the_source_was_closed_finds_its_data_written() {
    let mounted = Mounted::new();
    let new = mounted.open("new", CREATE);
    write(&new, b'n');
    assert_eq!(close(CALL, new), Ok(()));
    mounted.root.rename_at(CALL, b"new", &mounted.root, b"one").expect("renamed");
    assert_eq!(mounted.behind("one"), full_of(b'n'));
}

#[test]
fn truncate_waits_for_a_writeback_in_flight() {
    let mounted = Mounted::new();
    let (one, other) = (mounted.open("one", READ_WRITE), mounted.open("one", READ_WRITE));
    write(&one, b'n');
    scope(|s| {
        let gate = mounted.plan.hold(Op::WriteAt);
        let syncing = s.spawn(|| one.sync(CALL, true));
        assert!(gate.wait_for(1, PATIENCE), "the write-back is in flight");
        let cutting = s.spawn(|| other.set_size(CALL, 10));
        sleep(A_MOMENT);
        assert!(!cutting.is_finished(), "else the write-back would come behind it and undo it");
        assert_eq!(mounted.plan.calls(Op::HandleSetStat), 0);
        gate.open();
        assert_eq!((join(syncing), join(cutting)), (Ok(()), Ok(())));
    });
    assert_eq!(one.sync(CALL, true), Ok(()));
    assert_eq!((mounted.behind("one"), mounted.read("one")), (Data(vec![b'n'; 10]), Data(vec![b'n'; 10])));
}

#[test]
fn write_during_a_writeback_in_flight_is_written_by_the_next() {
    let mounted = Mounted::new();
    let one = mounted.open("one", READ_WRITE);
    write(&one, b'n');
    scope(|s| {
        let gate = mounted.plan.hold(Op::WriteAt);
        let syncing = s.spawn(|| one.sync(CALL, true));
        assert!(gate.wait_for(1, PATIENCE), "the write-back is in flight");
        let writing = s.spawn(|| write(&one, b'm'));
        sleep(A_MOMENT);
        gate.open();
        assert_eq!(join(syncing), Ok(()));
        join(writing);
    });
    assert_eq!(mounted.read("one"), full_of(b'm'));
    assert_eq!(one.sync(CALL, true), Ok(()));
    assert_eq!(mounted.behind("one"), full_of(b'm'));
}

/// Has a page read whose answer is kept back, changes the file meanwhile as `change` does, and lets the answer come.
fn overtake(mounted: &Mounted, change: impl FnOnce() + Send) {
    let reader = mounted.open("one", READ);
    scope(|s| {
        let gate = mounted.plan.hold_answers(Op::ReadAt);
        let reading = s.spawn(|| read_page(CALL, &reader, 0));
        assert!(gate.wait_for(1, PATIENCE), "the page was read, and its answer is on its way");
        let changing = s.spawn(change);
        // It may wait for the answer, or make it worthless: both are right.
        sleep(A_MOMENT);
        gate.open();
        join(changing);
        let _old_or_new = join(reading);
    });
}

#[test]
fn fill_in_flight_during_a_truncation_is_dropped() {
    let mounted = Mounted::new();
    let one = mounted.open("one", READ_WRITE);
    overtake(&mounted, || assert_eq!(one.set_size(CALL, 0), Ok(())));
    assert_eq!(read_page(CALL, &one, 0), Ok(Data(Vec::new())));
    assert_eq!(one.set_size(CALL, 3 * PAGE as u64), Ok(()));
    assert_eq!(mounted.read("one"), full_of(0), "what was cut off does not come back");
    assert_eq!(one.sync(CALL, true), Ok(()));
    assert_eq!(mounted.behind("one"), full_of(0));
}

#[test]
fn fill_in_flight_during_a_truncation_into_its_page_keeps_what_is_left_alone() {
    let mounted = Mounted::new();
    let one = mounted.open("one", READ_WRITE);
    overtake(&mounted, || {
        assert_eq!(one.set_size(CALL, 100), Ok(()));
        assert_eq!(one.set_size(CALL, PAGE as u64), Ok(()));
    });
    let wanted = Data::from([vec![b'o'; 100], vec![0; PAGE - 100]]);
    assert_eq!(mounted.read("one"), wanted);
    assert_eq!(one.sync(CALL, true), Ok(()));
    assert_eq!(mounted.behind("one"), wanted);
}

#[test]
fn fill_in_flight_during_a_write_of_its_page_does_not_undo_it() {
    let mounted = Mounted::new();
    let one = mounted.open("one", READ_WRITE);
    overtake(&mounted, || assert_eq!(write_page(CALL, &one, 0, b'n'), Ok(PAGE)));
    let wanted = Data::from([vec![b'n'; PAGE], vec![b'o'; 2 * PAGE]]);
    assert_eq!(mounted.read("one"), wanted);
    assert_eq!(one.sync(CALL, true), Ok(()));
    assert_eq!(mounted.behind("one"), wanted);
}

#[test]
fn fill_in_flight_during_a_large_write_past_the_cache_does_not_undo_it() {
    let mounted = Mounted::new();
    let one = mounted.open("one", READ_WRITE);
    let large = vec![b'l'; 128 << 10];
    overtake(&mounted, || {
        assert_eq!(one.write_at(CALL, &[std::io::IoSlice::new(&large)], 0), Ok(large.len()));
    });
    assert!(mounted.read("one").0 == large);
    assert_eq!(one.sync(CALL, true), Ok(()));
    assert!(mounted.behind("one").0 == large);
}

#[test]
fn slow_reads_of_one_file_do_not_delay_hits_on_another() {
    let mounted = Mounted::new();
    let (one, two) = (mounted.open("one", READ_WRITE), mounted.open("dir/two", READ_WRITE));
    assert_eq!(read_page(CALL, &two, 0), Ok(page_of(b'o')));
    scope(|s| {
        let gate = mounted.plan.hold(Op::ReadAt);
        let slow = s.spawn(|| read_page(CALL, &one, 0));
        assert!(gate.wait_for(1, PATIENCE));
        let hits = s.spawn(|| (read_page(CALL, &two, 0), write_page(CALL, &two, 0, b'n'), read_page(CALL, &two, 0)));
        let hits = join(hits);
        assert_eq!(hits, (Ok(page_of(b'o')), Ok(PAGE), Ok(page_of(b'n'))));
        assert!(!slow.is_finished());
        gate.open();
        assert_eq!(join(slow), Ok(page_of(b'o')));
    });
}

#[test]
fn slow_writeback_of_one_file_does_not_delay_hits_on_another() {
    let mounted = Mounted::new();
    let (one, two) = (mounted.open("one", READ_WRITE), mounted.open("dir/two", READ_WRITE));
    assert_eq!(read_page(CALL, &two, 0), Ok(page_of(b'o')));
    write(&one, b'n');
    scope(|s| {
        let gate = mounted.plan.hold(Op::WriteAt);
        let slow = s.spawn(|| one.sync(CALL, true));
        assert!(gate.wait_for(1, PATIENCE));
        let hits = s.spawn(|| (read_page(CALL, &two, 0), write_page(CALL, &two, 0, b'n'), read_page(CALL, &two, 0)));
        let hits = join(hits);
        assert_eq!(hits, (Ok(page_of(b'o')), Ok(PAGE), Ok(page_of(b'n'))));
        assert!(!slow.is_finished());
        gate.open();
        assert_eq!(join(slow), Ok(()));
    });
}

#[test]
fn truncation_that_fails_keeps_the_data_behind_the_new_end() {
    let mounted = Mounted::new();
    let one = mounted.open("one", READ_WRITE);
    write(&one, b'n');
    mounted.plan.fail_from(Op::HandleSetStat, 1, Errno::Io);
    let cut = one.set_size(CALL, 10);
    let size = one.stat(CALL).map(|stat| stat.size);
    mounted.plan.heal();
    // A cache that takes the new length on itself answers well.
    let wanted = match cut {
        Ok(()) => Data(vec![b'n'; 10]),
        Err(_) => full_of(b'n'),
    };
    assert_eq!((size, mounted.read("one")), (Ok(wanted.0.len() as u64), wanted.clone()));
    let _told = one.sync(CALL, true);
    assert_eq!(one.sync(CALL, true), Ok(()));
    assert_eq!(mounted.behind("one"), wanted);
}

#[test]
fn cache_of_one_page_writes_pages_in_turn_and_loses_none() {
    let mounted = Mounted::with(FsOptions { page_cache_bytes: PAGE, ..lazy() });
    let (one, two) = (mounted.open("one", READ_WRITE), mounted.open("dir/two", READ_WRITE));
    for page in 0..3 {
        assert_eq!(write_page(CALL, &one, page, b'n'), Ok(PAGE));
        assert_eq!(write_page(CALL, &two, page, b'm'), Ok(PAGE));
        assert_eq!(read_page(CALL, &one, page), Ok(page_of(b'n')));
    }
    assert_eq!(mounted.gofer.sync(), Ok(()));
    assert_eq!((mounted.behind("one"), mounted.behind("dir/two")), (full_of(b'n'), full_of(b'm')));
}
