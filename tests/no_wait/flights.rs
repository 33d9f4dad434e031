//! Calls that wait: for one answer of the backend together, for each other, and not for longer than they may.

use crate::kit::{
    A_MOMENT, Mounted, NOT_WAITING, PATIENCE, READ_WRITE, WAITING, cancellable, expiring, join, names, open, open_dir,
};
use std::thread::{scope, sleep};
use wasi_gofer::CachePolicy;
use wasi_gofer::abi::{Call, Errno, Error};
use wasi_gofer::backend::faulty::Op;
use wasi_gofer::vfs::OpenDirectory;

fn exists(root: &OpenDirectory, call: &Call, path: &str) -> Result<(), Error> {
    root.stat_at(call, path.as_bytes(), true).map(drop)
}

#[test]
fn two_lookups_of_one_name_make_one_backend_call() {
    for path in ["dir", "missing"] {
        let mounted = Mounted::new(CachePolicy::Exclusive);
        let root = &mounted.root();
        let gate = mounted.plan.hold(Op::WalkMany);
        scope(|s| {
            let one = s.spawn(|| exists(root, WAITING, path));
            assert!(gate.wait_for(1, PATIENCE));
            let two = s.spawn(|| exists(root, WAITING, path));
            sleep(A_MOMENT);
            assert!(!one.is_finished() && !two.is_finished());
            gate.open();
            assert_eq!(join(one, s), join(two, s));
        });
        assert_eq!(mounted.plan.calls(Op::WalkMany), 1);
        mounted.gofer.check_invariants().expect("they hold");
    }
}

#[test]
fn lookups_of_two_names_make_two_backend_calls_at_once() {
    let mounted = Mounted::new(CachePolicy::Exclusive);
    let root = &mounted.root();
    let gate = mounted.plan.hold(Op::WalkMany);
    scope(|s| {
        let one = s.spawn(|| exists(root, WAITING, "dir"));
        let two = s.spawn(|| exists(root, WAITING, "other"));
        assert!(gate.wait_for(2, PATIENCE), "neither waits for the other");
        gate.open();
        assert_eq!((join(one, s), join(two, s)), (Ok(()), Ok(())));
    });
}

#[test]
fn a_hit_goes_on_while_a_lookup_in_its_directory_waits() {
    let mounted = Mounted::new(CachePolicy::Exclusive);
    let root = &mounted.root();
    exists(root, WAITING, "dir/one").expect("there");
    let gate = mounted.plan.hold(Op::WalkMany);
    scope(|s| {
        let miss = s.spawn(|| exists(root, WAITING, "dir/two"));
        assert!(gate.wait_for(1, PATIENCE));
        assert_eq!(exists(root, NOT_WAITING, "dir/one"), Ok(()));
        assert_eq!(exists(root, NOT_WAITING, "dir"), Ok(()));
        gate.open();
        assert_eq!(join(miss, s), Ok(()));
    });
}

#[test]
fn a_hit_goes_on_while_a_change_of_its_directory_waits() {
    for op in [Op::Mkdir, Op::Create, Op::Unlink, Op::Rename, Op::Link, Op::Symlink] {
        let mounted = Mounted::new(CachePolicy::Exclusive);
        let root = &mounted.root();
        exists(root, WAITING, "dir/one").expect("there");
        exists(root, WAITING, "dir/two").expect("there");
        let dir = &open_dir(root, WAITING, "dir").expect("there");
        names(dir, WAITING).expect("listed");
        let gate = mounted.plan.hold(op);
        scope(|s| {
            let change = s.spawn(move || match op {
                Op::Mkdir => root.create_directory_at(WAITING, b"dir/new"),
                Op::Create => {
                    let how = wasi_gofer::vfs::OpenHow { create: true, ..READ_WRITE };
                    open(root, WAITING, "dir/new", how).map(drop)
                }
                Op::Unlink => root.unlink_at(WAITING, b"dir/two"),
                Op::Rename => root.rename_at(WAITING, b"dir/two", root, b"other/two"),
                Op::Link => root.link_at(WAITING, b"dir/two", root, b"dir/new"),
                _ => root.symlink_at(WAITING, b"two", b"dir/new"),
            });
            assert!(gate.wait_for(1, PATIENCE), "{op}");
            assert_eq!(exists(root, NOT_WAITING, "dir/one"), Ok(()), "{op}");
            assert_eq!(names(dir, NOT_WAITING).map(|names| names.len()), Ok(5), "{op}");
            gate.open();
            assert_eq!(join(change, s), Ok(()), "{op}");
        });
        mounted.gofer.check_invariants().expect("they hold");
    }
}

#[test]
fn a_lookup_that_may_not_wait_does_not_wait_for_another_one() {
    let mounted = Mounted::new(CachePolicy::Exclusive);
    let root = &mounted.root();
    let gate = mounted.plan.hold(Op::WalkMany);
    scope(|s| {
        let one = s.spawn(|| exists(root, WAITING, "dir"));
        assert!(gate.wait_for(1, PATIENCE));
        assert_eq!(exists(root, NOT_WAITING, "dir"), Err(Error::WouldWait));
        gate.open();
        assert_eq!(join(one, s), Ok(()));
    });
}

#[test]
fn a_lookup_that_fails_leaves_the_name_to_the_one_that_waits() {
    let mounted = Mounted::new(CachePolicy::Exclusive);
    let root = &mounted.root();
    mounted.plan.fail(Op::WalkMany, 1, Errno::Io);
    let gate = mounted.plan.hold(Op::WalkMany);
    scope(|s| {
        let one = s.spawn(|| exists(root, WAITING, "dir"));
        assert!(gate.wait_for(1, PATIENCE));
        let two = s.spawn(|| exists(root, WAITING, "dir"));
        sleep(A_MOMENT);
        gate.open();
        assert_eq!((join(one, s), join(two, s)), (Err(Errno::Io.into()), Ok(())));
    });
    assert_eq!(mounted.plan.calls(Op::WalkMany), 2);
}

/// Holds `first` at the backend's `op`, and has `second` wait for it: it must end with its call.
fn ends_with_its_call(
    op: Op,
    first: impl Fn(&OpenDirectory, &Call) -> Result<(), Error> + Sync,
    second: impl Fn(&OpenDirectory, &Call) -> Result<(), Error> + Sync,
) {
    let mounted = Mounted::new(CachePolicy::Exclusive);
    let root = &mounted.root();
    for path in ["dir", "other"] {
        exists(root, WAITING, path).expect("there");
    }
    let (cancelled, token) = &cancellable();
    let gate = mounted.plan.hold(op);
    scope(|s| {
        let one = s.spawn(|| first(root, WAITING));
        assert!(gate.wait_for(1, PATIENCE), "{op}");
        let expired = s.spawn(|| second(root, &expiring()));
        let ended = s.spawn(|| second(root, cancelled));
        sleep(A_MOMENT / 2);
        token.cancel();
        let late = std::time::Instant::now() + PATIENCE;
        while !(expired.is_finished() && ended.is_finished()) && std::time::Instant::now() < late {
            sleep(A_MOMENT / 10);
        }
        let in_time = (expired.is_finished(), ended.is_finished());
        assert!(!one.is_finished());
        gate.open();
        let answers = (join(expired, s), join(ended, s));
        assert_eq!(join(one, s), Ok(()));
        assert_eq!(answers, (Err(Errno::Timedout.into()), Err(Errno::Canceled.into())), "in time: {in_time:?}");
        assert_eq!(in_time, (true, true), "expired, cancelled");
    });
    mounted.gofer.check_invariants().expect("they hold");
}

#[test]
fn a_lookup_that_waits_for_another_one_ends_with_its_call() {
    ends_with_its_call(
        Op::WalkMany,
        |root, call| exists(root, call, "dir/one"),
        |root, call| exists(root, call, "dir/one"),
    );
}

#[test]
fn a_lookup_at_the_backend_ends_with_its_call() {
    ends_with_its_call(
        Op::WalkMany,
        |root, call| exists(root, call, "dir/one"),
        |root, call| exists(root, call, "dir/two"),
    );
}

#[test]
fn a_change_that_waits_for_another_one_in_its_directory_ends_with_its_call() {
    ends_with_its_call(
        Op::Mkdir,
        |root, call| root.create_directory_at(call, b"dir/a"),
        |root, call| root.create_directory_at(call, b"dir/b"),
    );
}

#[test]
fn a_rename_that_waits_for_another_one_ends_with_its_call() {
    ends_with_its_call(
        Op::Rename,
        |root, call| root.rename_at(call, b"dir/one", root, b"other/one"),
        |root, call| root.rename_at(call, b"other/three", root, b"dir/three"),
    );
}

#[test]
fn an_open_that_waits_for_another_one_of_its_file_ends_with_its_call() {
    ends_with_its_call(
        Op::Open,
        |root, call| open(root, call, "dir/one", READ_WRITE).map(drop),
        |root, call| open(root, call, "dir/one", READ_WRITE).map(drop),
    );
}

#[test]
fn a_lookup_ended_at_the_backend_leaves_nothing_in_the_way() {
    let mounted = Mounted::new(CachePolicy::Exclusive);
    let root = &mounted.root();
    let gate = mounted.plan.hold(Op::WalkMany);
    assert_eq!(exists(root, &expiring(), "dir/sub/deep"), Err(Errno::Timedout.into()));
    gate.open();
    // What is in its way it would wait for until then.
    let patient = Call { deadline: Some(std::time::Instant::now() + PATIENCE), ..Call::WAITING };
    assert_eq!(exists(root, &patient, "dir/sub/deep"), Ok(()));
    assert_eq!(exists(root, NOT_WAITING, "dir/sub"), Ok(()));
}

#[test]
fn opens_of_one_file_at_once_share_one_handle() {
    let mounted = Mounted::new(CachePolicy::Exclusive);
    let root = &mounted.root();
    exists(root, WAITING, "dir/one").expect("there");
    let gate = mounted.plan.hold(Op::Open);
    scope(|s| {
        let one = s.spawn(|| open(root, WAITING, "dir/one", READ_WRITE));
        assert!(gate.wait_for(1, PATIENCE));
        let two = s.spawn(|| open(root, WAITING, "dir/one", READ_WRITE));
        sleep(A_MOMENT);
        assert_eq!(open(root, NOT_WAITING, "dir/one", READ_WRITE).map(drop), Err(Error::WouldWait));
        gate.open();
        let (one, two) = (join(one, s), join(two, s));
        assert!(one.is_ok() && two.is_ok());
    });
    assert_eq!(mounted.plan.calls(Op::Open), 1);
}
