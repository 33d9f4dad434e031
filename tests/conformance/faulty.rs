//! The wrapper that fails, waits and counts on demand.

use crate::directfs_swapped::name;
use crate::harness::errno;
use parking_lot::Mutex;
use std::io::{IoSlice, IoSliceMut};
use std::sync::Arc;
use std::time::{Duration, Instant};
use wasi_gofer::abi::{Call, CancelToken, Errno, Error, Mode, OpenFlags, Result};
use wasi_gofer::backend::faulty::{FaultPlan, Faulty, Op};
use wasi_gofer::backend::memory::{MemoryFs, MemoryNode};
use wasi_gofer::backend::{Backend, Handle};

const CALL: &Call = &Call::WAITING;
/// Long enough for any machine; only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

fn faulty() -> (Faulty<MemoryFs>, Arc<FaultPlan>, MemoryNode) {
    let fs = Faulty::new(MemoryFs::new().with_file("f", "0123456789").expect("built"));
    let (plan, root) = (Arc::clone(fs.plan()), fs.root(CALL).expect("root").node);
    plan.reset_calls();
    (fs, plan, root)
}

fn lookup(fs: &Faulty<MemoryFs>, root: &MemoryNode) -> Result<()> {
    fs.lookup(CALL, root, name("f")).map(drop)
}

#[test]
fn fail_strikes_the_nth_call_once() {
    let (fs, plan, root) = faulty();
    plan.fail(Op::Lookup, 2, Errno::Io);
    assert_eq!(fs.statfs(CALL).map(drop), Ok(()), "another method is not counted down");
    let outcomes = [(); 4].map(|()| lookup(&fs, &root));
    assert_eq!(outcomes, [Ok(()), Err(Error::Errno(Errno::Io)), Ok(()), Ok(())]);
    assert_eq!((plan.calls(Op::Lookup), plan.calls(Op::StatFs), plan.calls_total()), (4, 1, 5));
}

#[test]
fn fail_from_strikes_until_it_is_healed() {
    let (fs, plan, root) = faulty();
    plan.fail_from(None, 2, Errno::Nospc);
    let full = Err(Error::Errno(Errno::Nospc));
    assert_eq!([lookup(&fs, &root), lookup(&fs, &root), fs.statfs(CALL).map(drop)], [Ok(()), full, full]);
    plan.heal();
    assert_eq!(lookup(&fs, &root), Ok(()));
}

#[test]
fn lose_does_the_work_and_loses_the_answer() {
    let (fs, plan, root) = faulty();
    plan.lose(Op::Mkdir, 1, Errno::Io);
    plan.fail(Op::Symlink, 1, Errno::Io);
    assert_eq!(errno(fs.mkdir(CALL, &root, name("d"), Mode::new(0o755)).map(drop)), Errno::Io);
    assert_eq!(errno(fs.symlink(CALL, &root, name("l"), b"x").map(drop)), Errno::Io);
    assert!(fs.lookup(CALL, &root, name("d")).is_ok());
    assert_eq!(errno(fs.lookup(CALL, &root, name("l")).map(drop)), Errno::Noent);
}

#[test]
fn hold_keeps_calls_in_flight_until_the_gate_opens() {
    let (fs, plan, root) = faulty();
    let gate = plan.hold(Op::Lookup);
    std::thread::scope(|scope| {
        let held = [scope.spawn(|| lookup(&fs, &root)), scope.spawn(|| lookup(&fs, &root))];
        assert!(gate.wait_for(2, PATIENCE));
        assert!(held.iter().all(|thread| !thread.is_finished()));
        assert_eq!(fs.statfs(CALL).map(drop), Ok(()), "others go on");
        gate.open();
        for thread in held {
            assert_eq!(thread.join().expect("no panic"), Ok(()));
        }
    });
    assert_eq!(lookup(&fs, &root), Ok(()));
}

#[test]
fn hold_ends_at_the_deadline_by_cancelling_and_for_calls_that_may_not_wait() {
    let (fs, plan, root) = faulty();
    let gate = plan.hold(None);
    let lookup = |call: &Call| fs.lookup(call, &root, name("f")).map(drop);
    assert_eq!(lookup(&Call::NOT_WAITING), Err(Error::WouldWait));
    let deadline = Instant::now().checked_add(Duration::from_millis(5));
    assert_eq!(errno(lookup(&Call { deadline, ..Call::WAITING })), Errno::Timedout);
    let token = CancelToken::new();
    let call = Call { cancel: Some(token.clone()), ..Call::WAITING };
    std::thread::scope(|scope| {
        let held = scope.spawn(|| lookup(&call));
        assert!(gate.wait_for(3, PATIENCE));
        token.cancel();
        assert_eq!(errno(held.join().expect("no panic")), Errno::Canceled);
    });
    drop(gate);
    assert_eq!(lookup(CALL), Ok(()));
}

#[test]
fn would_wait_answers_before_faults_are_counted() {
    let (fs, plan, root) = faulty();
    assert!(!fs.capabilities().may_block);
    plan.set_would_wait(true);
    assert!(fs.capabilities().may_block);
    plan.fail(Op::Lookup, 1, Errno::Io);
    assert_eq!(fs.lookup(&Call::NOT_WAITING, &root, name("f")).map(drop), Err(Error::WouldWait));
    assert_eq!(lookup(&fs, &root), Err(Error::Errno(Errno::Io)));
    assert_eq!(plan.calls(Op::Lookup), 2);
}

#[test]
fn short_transfers_cut_reads_writes_and_appends() {
    let (fs, plan, root) = faulty();
    let flags = OpenFlags::READ | OpenFlags::WRITE;
    let file = fs.create(CALL, &root, name("g"), flags, Mode::new(0o644)).expect("made").handle;
    plan.set_short_transfers(Some(3));
    let bufs = [IoSlice::new(b"ab"), IoSlice::new(b"cd")];
    assert_eq!(file.write_at(CALL, &bufs, 0), Ok(3));
    assert_eq!(file.append(CALL, &bufs), Ok((3, 6)));
    let (mut one, mut two) = ([0; 2], [0; 2]);
    assert_eq!(file.read_at(CALL, &mut [IoSliceMut::new(&mut one), IoSliceMut::new(&mut two)], 1), Ok(3));
    assert_eq!((&one, &two), (b"bc", b"a\0"));
    plan.set_short_transfers(None);
    assert_eq!(file.write_at(CALL, &bufs, 0), Ok(4));
}

#[test]
fn the_observer_sees_every_call_and_may_use_the_plan() {
    let (fs, plan, root) = faulty();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (into, of) = (Arc::clone(&seen), Arc::downgrade(&plan));
    plan.set_observer(Some(Arc::new(move |op| {
        into.lock().push((op, of.upgrade().map(|plan| plan.calls(op))));
    })));
    assert_eq!(lookup(&fs, &root), Ok(()));
    fs.pin(&root, true);
    fs.release(CALL, Vec::new());
    let expected = [Op::Lookup, Op::Pin, Op::Release].map(|op| (op, Some(1)));
    assert_eq!(*seen.lock(), expected);
}

#[test]
fn sync_many_that_fails_fails_for_each_handle() {
    let (fs, plan, root) = faulty();
    let files = ["a", "b"]
        .map(|path| fs.create(CALL, &root, name(path), OpenFlags::WRITE, Mode::new(0o644)).expect("made").handle);
    plan.fail(Op::SyncMany, 1, Errno::Io);
    assert_eq!(fs.sync_many(CALL, &files), vec![Err(Error::Errno(Errno::Io)); 2]);
    assert_eq!(fs.sync_many(CALL, &files), vec![Ok(()); 2]);
}

#[test]
fn every_op_has_its_own_name_and_count() {
    let (_, plan, _) = faulty();
    let mut names: Vec<_> = Op::ALL.iter().map(|op| op.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Op::ALL.len());
    assert!(Op::ALL.iter().all(|op| plan.calls(*op) == 0));
}

#[test]
fn hold_answers_keeps_back_what_was_read_before_a_change() {
    let (fs, plan, root) = faulty();
    let flags = OpenFlags::READ | OpenFlags::WRITE;
    let file = fs.create(CALL, &root, name("g"), flags, Mode::new(0o644)).expect("made").handle;
    assert_eq!(file.write_at(CALL, &[IoSlice::new(b"old")], 0), Ok(3));
    let read = |call: &Call| {
        let mut buf = [0; 3];
        file.read_at(call, &mut [IoSliceMut::new(&mut buf)], 0).map(|_| buf)
    };
    let gate = plan.hold_answers(Op::ReadAt);
    assert_eq!(read(&Call::NOT_WAITING), Ok(*b"old"));
    std::thread::scope(|scope| {
        let held = scope.spawn(|| read(CALL));
        assert!(gate.wait_for(1, PATIENCE));
        assert_eq!(file.write_at(CALL, &[IoSlice::new(b"new")], 0), Ok(3));
        assert!(!held.is_finished());
        gate.open();
        assert_eq!(held.join().expect("no panic"), Ok(*b"old"));
    });
    assert_eq!(read(CALL), Ok(*b"new"));
}

#[test]
fn struck_counts_calls_that_a_fault_met_and_no_others() {
    let (fs, plan, root) = faulty();
    plan.fail(Op::Lookup, 2, Errno::Io);
    plan.lose(Op::Lookup, 3, Errno::Io);
    let answers: Vec<_> = (0..4).map(|_| lookup(&fs, &root).is_ok()).collect();
    assert_eq!((answers, plan.struck()), (vec![true, false, false, true], 2));
}
