//! Errors that come after the write was answered: who is told, how often, and what becomes of the data.

use crate::kit::{READ_WRITE, close, read_all};
use crate::mounted::{CALL, Data, ERRNOS, Mounted, PAGE, full_of, lazy, page_of, read_page, write, write_page};
use std::time::Duration;
use wasi_gofer::abi::{Errno, Error};
use wasi_gofer::backend::faulty::Op;
use wasi_gofer::{CachePolicy, FsOptions};

#[test]
fn sync_after_a_failed_writeback_tells_it_once_and_succeeds_when_healed() {
    for errno in ERRNOS {
        let mounted = Mounted::new();
        let file = mounted.open("one", READ_WRITE);
        mounted.plan.fail_from(Op::WriteAt, 1, errno);
        write(&file, b'n');
        assert_eq!(file.sync(CALL, true), Err(errno.into()));
        mounted.plan.heal();
        assert_eq!(file.sync(CALL, true), Ok(()), "{errno} is told once");
        assert_eq!(mounted.behind("one"), full_of(b'n'));
        assert_eq!(close(CALL, file), Ok(()));
    }
}

#[test]
fn sync_while_the_backend_still_fails_tells_of_each_attempt() {
    let mounted = Mounted::new();
    let file = mounted.open("one", READ_WRITE);
    mounted.plan.fail_from(Op::WriteAt, 1, Errno::Nospc);
    write(&file, b'n');
    for _ in 0..3 {
        assert_eq!(file.sync(CALL, false), Err(Errno::Nospc.into()), "nothing is durable yet");
    }
    mounted.plan.heal();
    assert_eq!(file.sync(CALL, false), Ok(()));
    assert_eq!(mounted.behind("one"), full_of(b'n'));
}

#[test]
fn sync_of_the_backend_that_fails_is_told_though_the_data_arrived() {
    let mounted = Mounted::new();
    let file = mounted.open("one", READ_WRITE);
    write(&file, b'n');
    mounted.plan.fail(Op::Sync, 1, Errno::Io);
    mounted.plan.fail(Op::SyncMany, 1, Errno::Io);
    assert_eq!(file.sync(CALL, true), Err(Errno::Io.into()));
    mounted.plan.heal();
    assert_eq!(file.sync(CALL, true), Ok(()));
}

#[test]
fn two_open_files_are_each_told_of_a_failed_writeback_once() {
    for errno in ERRNOS {
        let mounted = Mounted::new();
        let (one, two) = (mounted.open("one", READ_WRITE), mounted.open("one", READ_WRITE));
        mounted.plan.fail_from(Op::WriteAt, 1, errno);
        write(&one, b'n');
        assert_eq!(one.sync(CALL, true), Err(errno.into()));
        mounted.plan.heal();
        assert_eq!(two.sync(CALL, true), Err(errno.into()), "the other one has not heard of it");
        assert_eq!(two.sync(CALL, true), Ok(()));
        assert_eq!(one.sync(CALL, true), Ok(()));
        assert_eq!(mounted.behind("one"), full_of(b'n'));
    }
}

#[test]
fn close_of_each_of_two_open_files_tells_of_a_failed_writeback_once() {
    let mounted = Mounted::new();
    let (one, two) = (mounted.open("one", READ_WRITE), mounted.open("one", READ_WRITE));
    mounted.plan.fail_from(Op::WriteAt, 1, Errno::Dquot);
    write(&one, b'n');
    assert_eq!(one.sync(CALL, true), Err(Errno::Dquot.into()));
    mounted.plan.heal();
    assert_eq!(close(CALL, two), Err(Errno::Dquot.into()));
    assert_eq!(close(CALL, one), Ok(()), "it was told by sync");
}

#[test]
fn close_whose_writeback_fails_tells_it_and_keeps_the_data() {
    for errno in ERRNOS {
        let mounted = Mounted::new();
        let file = mounted.open("one", READ_WRITE);
        mounted.plan.fail_from(Op::WriteAt, 1, errno);
        write(&file, b'n');
        assert_eq!(close(CALL, file), Err(errno.into()));
        assert_eq!(mounted.read("one"), full_of(b'n'), "whoever opens it now finds it");
        mounted.plan.heal();
        assert_eq!(mounted.gofer.sync(), Ok(()));
        assert_eq!(mounted.behind("one"), full_of(b'n'));
    }
}

#[test]
fn a_file_opened_after_the_error_was_told_is_not_told() {
    let mounted = Mounted::new();
    let file = mounted.open("one", READ_WRITE);
    mounted.plan.fail_from(Op::WriteAt, 1, Errno::Io);
    write(&file, b'n');
    assert_eq!(file.sync(CALL, true), Err(Errno::Io.into()));
    mounted.plan.heal();
    let later = mounted.open("one", READ_WRITE);
    assert_eq!(later.sync(CALL, true), Ok(()));
}

#[test]
fn reads_meanwhile_see_what_could_not_be_written() {
    for errno in ERRNOS {
        let mounted = Mounted::new();
        let file = mounted.open("one", READ_WRITE);
        mounted.plan.fail_from(Op::WriteAt, 1, errno);
        write(&file, b'n');
        assert_eq!(write_page(CALL, &file, 5, b'm'), Ok(PAGE), "behind the end");
        assert_eq!(file.sync(CALL, true), Err(errno.into()));
        let wanted = Data::from([full_of(b'n').0, vec![0; 2 * PAGE], vec![b'm'; PAGE]]);
        mounted.gofer.drop_caches();
        assert_eq!(read_all(CALL, &file).map(Data), Ok(wanted.clone()));
        assert_eq!(mounted.read("one"), wanted);
        assert_eq!(file.stat(CALL).map(|stat| stat.size), Ok(6 * PAGE as u64));
        assert_eq!(mounted.root.stat_at(CALL, b"one", true).map(|stat| stat.size), Ok(6 * PAGE as u64));
        mounted.plan.heal();
        assert_eq!(file.sync(CALL, true), Ok(()));
        assert_eq!(mounted.behind("one"), wanted);
    }
}

#[test]
fn writes_beyond_half_of_an_unwritable_budget_answer_the_errno() {
    const PAGES: usize = 16;
    for errno in ERRNOS {
        let mounted = Mounted::with(FsOptions { page_cache_bytes: PAGES * PAGE, ..lazy() });
        let file = mounted.open("one", READ_WRITE);
        mounted.plan.fail_from(Op::WriteAt, 1, errno);
        let taken = (0..2 * PAGES).find_map(|page| match write_page(CALL, &file, page, b'n') {
            Ok(written) => {
                assert_eq!(written, PAGE);
                None
            }
            Err(error) => Some((page, error)),
        });
        let Some((taken, error)) = taken else { panic!("the cache took more than it may keep") };
        assert_eq!(error, errno.into());
        assert!((1..=PAGES).contains(&taken), "{taken} pages were taken");
        let wanted = vec![b'n'; taken.max(3) * PAGE];
        assert_eq!(read_page(CALL, &file, taken - 1), Ok(page_of(b'n')), "what was taken can be read");
        mounted.plan.heal();
        assert_eq!(write_page(CALL, &file, taken, b'm'), Ok(PAGE), "a healed backend makes room");
        // Whether the attempt that the write told of is told once more is left open; at most once it is.
        assert!([Ok(()), Err(errno.into())].contains(&file.sync(CALL, true)));
        assert_eq!(file.sync(CALL, true), Ok(()));
        let behind = mounted.behind("one").0;
        assert!(behind[..taken * PAGE] == wanted[..taken * PAGE]);
        assert!(behind[taken * PAGE..(taken + 1) * PAGE] == [b'm'; PAGE]);
    }
}

#[test]
fn a_failed_writeback_from_behind_is_told_by_the_next_sync() {
    let mounted = Mounted::with(FsOptions { writeback: Duration::from_millis(20), ..lazy() });
    let file = mounted.open("one", READ_WRITE);
    mounted.plan.fail(Op::WriteAt, 1, Errno::Nospc);
    write(&file, b'n');
    // Tried again from behind, or by the sync: either way the failure is told, and the data arrives.
    assert_eq!(mounted.wait_behind("one", &full_of(b'n')), Ok(()));
    assert_eq!(file.sync(CALL, true), Err(Errno::Nospc.into()));
    assert_eq!(file.sync(CALL, true), Ok(()));
}

#[test]
fn data_reaches_the_backend_by_itself_when_it_is_due() {
    let mounted = Mounted::with(FsOptions { writeback: Duration::from_millis(20), ..lazy() });
    let file = mounted.open("one", READ_WRITE);
    write(&file, b'n');
    assert_eq!(mounted.wait_behind("one", &full_of(b'n')), Ok(()));
    assert_eq!(file.sync(CALL, true), Ok(()));
}

#[test]
fn data_does_not_reach_the_backend_before_it_is_due_or_asked_for() {
    let mounted = Mounted::new();
    let file = mounted.open("one", READ_WRITE);
    write(&file, b'n');
    assert_eq!((mounted.plan.calls(Op::WriteAt), mounted.behind("one")), (0, full_of(b'o')));
    assert_eq!(mounted.gofer.sync(), Ok(()));
    assert_eq!(mounted.behind("one"), full_of(b'n'));
    drop(file);
}

#[test]
fn short_writes_of_the_backend_are_gone_on_with() {
    let mounted = Mounted::new();
    let file = mounted.open("one", READ_WRITE);
    mounted.plan.set_short_transfers(Some(1_000));
    write(&file, b'n');
    assert_eq!(file.sync(CALL, true), Ok(()));
    mounted.plan.set_short_transfers(None);
    assert_eq!(mounted.behind("one"), full_of(b'n'));
}

#[test]
fn a_writeback_whose_answer_was_lost_is_told_and_done_again() {
    let mounted = Mounted::new();
    let file = mounted.open("one", READ_WRITE);
    write(&file, b'n');
    mounted.plan.lose(Op::WriteAt, 1, Errno::Io);
    assert_eq!(file.sync(CALL, true), Err(Errno::Io.into()));
    write(&file, b'm');
    assert_eq!(file.sync(CALL, true), Ok(()));
    assert_eq!((mounted.behind("one"), mounted.read("one")), (full_of(b'm'), full_of(b'm')));
}

#[test]
fn write_in_writethrough_answers_the_errno_itself_and_sync_has_nothing_to_tell() {
    for errno in ERRNOS {
        let options = FsOptions { page_bytes: PAGE, ..FsOptions::with_policy(CachePolicy::Writethrough) };
        let mounted = Mounted::with(options);
        let file = mounted.open("one", READ_WRITE);
        assert_eq!(read_page(CALL, &file, 1), Ok(page_of(b'o')));
        mounted.plan.fail(Op::WriteAt, 1, errno);
        assert_eq!(write_page(CALL, &file, 1, b'n'), Err(errno.into()));
        assert_eq!(read_page(CALL, &file, 1), Ok(page_of(b'o')), "it was not written");
        assert_eq!(file.sync(CALL, true), Ok(()));
        mounted.plan.lose(Op::WriteAt, 1, errno);
        assert_eq!(write_page(CALL, &file, 1, b'n'), Err(errno.into()));
        assert_eq!(
            read_page(CALL, &file, 1),
            Ok(Data(mounted.behind("one").0[PAGE..2 * PAGE].to_vec())),
            "whatever it is"
        );
        assert_eq!(write_page(CALL, &file, 1, b'm'), Ok(PAGE));
        assert!(mounted.behind("one").0[PAGE..2 * PAGE] == [b'm'; PAGE]);
    }
}

#[test]
fn large_write_past_the_cache_that_fails_leaves_earlier_data_that_was_not_written_yet() {
    let mounted = Mounted::new();
    let file = mounted.open("one", READ_WRITE);
    write(&file, b'n');
    mounted.plan.fail_from(Op::WriteAt, 1, Errno::Io);
    let large = vec![b'l'; 128 << 10];
    let answer = file.write_at(CALL, &[std::io::IoSlice::new(&large)], 0);
    assert_eq!(answer, Err(Error::Errno(Errno::Io)));
    mounted.plan.heal();
    assert_eq!(mounted.read("one"), full_of(b'n'), "nothing of the large one was done");
    // The failed attempt to bring out what was there before may be told or not; the data may not go.
    let _either = file.sync(CALL, true);
    assert_eq!(file.sync(CALL, true), Ok(()));
    assert_eq!(mounted.behind("one"), full_of(b'n'));
}
