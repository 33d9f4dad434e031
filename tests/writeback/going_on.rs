//! Writers that go on while what they wrote is brought out.

use crate::kit::{CREATE, READ_WRITE, close};
use crate::mounted::{CALL, Mounted, PAGE, full_of, lazy, write, write_page};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use wasi_gofer::FsOptions;
use wasi_gofer::abi::Errno;
use wasi_gofer::backend::faulty::Op;

/// Pages that the writer would write ahead of a write-back that follows it.
const AHEAD: usize = 200;

#[test]
fn sync_does_not_follow_a_writer_that_goes_on_ahead_of_it() {
    let mounted = Mounted::new();
    let file = mounted.open("one", READ_WRITE);
    let writer = mounted.open("one", READ_WRITE);
    write(&file, b'n');
    let next = AtomicUsize::new(3);
    // Each time that pages are on their way the writer has written a further one, not next to them.
    mounted.plan.set_observer(Some(Arc::new(move |op| {
        if op == Op::WriteAt && next.load(Ordering::Relaxed) < AHEAD {
            let page = next.fetch_add(2, Ordering::Relaxed) + 1;
            assert_eq!(write_page(CALL, &writer, page, b'm'), Ok(PAGE));
        }
    })));

    assert_eq!(file.sync(CALL, true), Ok(()));

    assert_eq!(mounted.plan.calls(Op::WriteAt), 1, "all that was dirty when it began is one write");
    mounted.plan.set_observer(None);
    assert_eq!(mounted.behind("one"), full_of(b'n'));
}

#[test]
fn file_that_is_dirty_again_whenever_it_was_brought_out_has_its_time_each_time_and_no_other_waits_for_it() {
    const TIME: Duration = Duration::from_millis(20);
    let mounted = Mounted::with(FsOptions { writeback: TIME, ..lazy() });
    let (file, other) = (mounted.open("one", READ_WRITE), mounted.open("dir/two", READ_WRITE));
    let again = mounted.open("one", READ_WRITE);
    let begun = Instant::now();
    mounted.plan.set_observer(Some(Arc::new(move |op| {
        if op == Op::WriteAt && begun.elapsed() < TIME * 25 {
            assert_eq!(write_page(CALL, &again, 0, b'm'), Ok(PAGE));
        }
    })));
    write(&file, b'n');
    write(&other, b'm');
    assert_eq!(mounted.wait_behind("dir/two", &full_of(b'm')), Ok(()));
    while begun.elapsed() < TIME * 25 {
        std::thread::sleep(TIME);
    }

    let periods = begun.elapsed().as_millis() / TIME.as_millis();
    let calls = mounted.plan.calls(Op::WriteAt);

    assert!(u128::from(calls) <= periods + 3, "{calls} writes to the backend in {periods} periods");
}

#[test]
fn data_of_a_file_whose_link_was_made_without_an_answer_is_written_though_its_first_name_goes() {
    let mounted = Mounted::new();
    let file = mounted.open("new", CREATE);
    write(&file, b'n');
    mounted.plan.lose(Op::Link, 1, Errno::Io);
    assert_eq!(mounted.root.link_at(CALL, b"new", &mounted.root, b"link"), Err(Errno::Io.into()));

    assert_eq!(mounted.root.unlink_at(CALL, b"new"), Ok(()));
    assert_eq!(close(CALL, file), Ok(()));

    assert_eq!(mounted.behind("link"), full_of(b'n'));
}
