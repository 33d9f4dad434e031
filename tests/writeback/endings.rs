//! The ends of files and mounts with data that was not written yet.

use crate::kit::{CREATE, READ_WRITE, close};
use crate::mounted::{CALL, Data, ERRNOS, Mounted, PAGE, full_of, write};
use wasi_gofer::Failure;
use wasi_gofer::abi::Errno;
use wasi_gofer::backend::faulty::Op;

fn failure(path: &str, errno: Errno) -> Failure {
    Failure { mount: "/".to_owned(), path: Some(path.to_owned()), errno }
}

#[test]
fn shutdown_writes_what_nobody_synced() {
    let mounted = Mounted::new();
    let (one, two) = (mounted.open("one", READ_WRITE), mounted.open("dir/two", READ_WRITE));
    write(&one, b'n');
    write(&two, b'm');
    drop((one, two));
    assert_eq!(mounted.gofer.shutdown(None).failures, []);
    assert_eq!((mounted.behind("one"), mounted.behind("dir/two")), (full_of(b'n'), full_of(b'm')));
}

#[test]
fn shutdown_names_the_file_whose_data_could_not_be_written() {
    for errno in ERRNOS {
        let mounted = Mounted::new();
        let two = mounted.open("dir/two", READ_WRITE);
        write(&two, b'n');
        mounted.plan.fail_from(Op::WriteAt, 1, errno);
        drop(two);
        assert_eq!(mounted.gofer.shutdown(None).failures, [failure("dir/two", errno)]);
    }
}

#[test]
fn shutdown_behind_a_close_that_told_of_the_error_names_the_file_all_the_same() {
    let mounted = Mounted::new();
    let two = mounted.open("dir/two", READ_WRITE);
    write(&two, b'n');
    mounted.plan.fail_from(Op::WriteAt, 1, Errno::Nospc);
    assert_eq!(close(CALL, two), Err(Errno::Nospc.into()));
    assert_eq!(mounted.gofer.shutdown(None).failures, [failure("dir/two", Errno::Nospc)]);
}

#[test]
fn shutdown_names_each_file_by_its_present_name_and_writes_the_others() {
    let mounted = Mounted::new();
    let (one, two) = (mounted.open("one", READ_WRITE), mounted.open("dir/two", READ_WRITE));
    write(&two, b'm');
    assert_eq!(two.sync(CALL, true), Ok(()));
    write(&two, b'n');
    mounted.root.rename_at(CALL, b"dir", &mounted.root, b"moved").expect("renamed");
    mounted.root.rename_at(CALL, b"moved/two", &mounted.root, b"moved/three").expect("renamed");
    write(&one, b'n');
    assert_eq!(one.sync(CALL, true), Ok(()));
    mounted.plan.fail_from(Op::WriteAt, 1, Errno::Io);
    drop((one, two));
    let report = mounted.gofer.shutdown(None);
    mounted.plan.heal();
    // Nothing keeps a rename from bringing the data out first; then nothing is left to fail.
    if mounted.behind("moved/three") == full_of(b'n') {
        assert_eq!(report.failures, []);
    } else {
        assert_eq!(report.failures, [failure("moved/three", Errno::Io)]);
    }
    assert_eq!(mounted.behind("one"), full_of(b'n'));
}

#[test]
fn shutdown_after_healing_has_nothing_to_tell() {
    let mounted = Mounted::new();
    let one = mounted.open("one", READ_WRITE);
    write(&one, b'n');
    mounted.plan.fail_from(Op::WriteAt, 1, Errno::Io);
    assert_eq!(one.sync(CALL, true), Err(Errno::Io.into()));
    drop(one);
    mounted.plan.heal();
    assert_eq!(mounted.gofer.shutdown(None).failures, []);
    assert_eq!(mounted.behind("one"), full_of(b'n'));
}

#[test]
fn unlinked_files_data_is_dropped_without_a_word() {
    let mounted = Mounted::new();
    let one = mounted.open("one", READ_WRITE);
    write(&one, b'n');
    mounted.root.unlink_at(CALL, b"one").expect("removed");
    mounted.plan.reset_calls();
    mounted.plan.fail_from(Op::WriteAt, 1, Errno::Io);
    assert_eq!(close(CALL, one), Ok(()));
    assert_eq!(mounted.gofer.shutdown(None).failures, []);
    assert_eq!(mounted.plan.calls(Op::WriteAt), 0, "nobody will ever read it");
}

#[test]
fn shutdown_with_an_unlinked_file_open_writes_nothing_of_it_and_has_nothing_to_tell() {
    let mounted = Mounted::new();
    let (one, two) = (mounted.open("one", READ_WRITE), mounted.open("dir/two", READ_WRITE));
    write(&one, b'n');
    write(&two, b'm');
    mounted.root.unlink_at(CALL, b"one").expect("removed");
    mounted.plan.reset_calls();
    assert_eq!(mounted.gofer.shutdown(None).failures, []);
    assert_eq!(mounted.plan.calls(Op::WriteAt), 1, "that of the other file");
    assert_eq!(mounted.behind("dir/two"), full_of(b'm'));
    assert_eq!(crate::kit::read_all(CALL, &one).map(Data), Ok(full_of(b'n')), "who has it open goes on with it");
    mounted.plan.fail_from(Op::WriteAt, 1, Errno::Io);
    assert_eq!(mounted.gofer.shutdown(None).failures, []);
}

#[test]
fn unlink_of_one_of_two_names_drops_nothing() {
    let mounted = Mounted::new();
    let one = mounted.open("one", READ_WRITE);
    write(&one, b'n');
    mounted.root.link_at(CALL, b"one", &mounted.root, b"other").expect("linked");
    mounted.root.unlink_at(CALL, b"one").expect("removed");
    assert_eq!(close(CALL, one), Ok(()));
    assert_eq!(mounted.behind("other"), full_of(b'n'));
}

#[test]
fn file_replaced_by_a_rename_drops_its_data_without_a_word() {
    let mounted = Mounted::new();
    let (one, new) = (mounted.open("one", READ_WRITE), mounted.open("new", CREATE));
    write(&one, b'x');
    write(&new, b'n');
    mounted.root.rename_at(CALL, b"new", &mounted.root, b"one").expect("renamed");
    assert_eq!(close(CALL, new), Ok(()));
    mounted.plan.fail_from(Op::WriteAt, 1, Errno::Io);
    assert_eq!(close(CALL, one), Ok(()), "it has no name any more");
    assert_eq!(mounted.gofer.shutdown(None).failures, []);
    mounted.plan.heal();
    assert_eq!(mounted.behind("one"), full_of(b'n'));
}

#[test]
fn close_writes_what_was_written() {
    let mounted = Mounted::new();
    let one = mounted.open("one", READ_WRITE);
    write(&one, b'n');
    assert_eq!(close(CALL, one), Ok(()));
    assert_eq!(mounted.behind("one"), full_of(b'n'));
}

#[test]
fn unlinked_open_files_data_can_be_read_until_the_close() {
    let mounted = Mounted::new();
    let one = mounted.open("one", READ_WRITE);
    write(&one, b'n');
    mounted.root.unlink_at(CALL, b"one").expect("removed");
    mounted.gofer.drop_caches();
    assert_eq!(crate::kit::read_all(CALL, &one).map(Data), Ok(full_of(b'n')));
    assert_eq!(one.stat(CALL).map(|stat| (stat.nlink, stat.size)), Ok((0, 3 * PAGE as u64)));
}
