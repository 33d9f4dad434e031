//! The queue of a host directory, and whether there is one where the tests are.

use crate::announces::announces;
use crate::subject::Scene;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use wasi_gofer::DirectFs;
use wasi_gofer::abi::{Call, Errno, Error};
use wasi_gofer::backend::directfs::DirectNode;
use wasi_gofer::backend::{Backend, Change, ChangeQueue};

/// Whether the test directory can be watched.
pub(crate) fn is_offered() -> bool {
    announces(Scene::new().path())
}

/// What comes out of a queue, in words.
fn announced(queue: &dyn ChangeQueue<DirectNode>) -> Vec<String> {
    let mut changes = Vec::new();
    queue
        .drain(&mut |change| {
            changes.push(match change {
                Change::Name { name, .. } => String::from_utf8_lossy(name.as_bytes()).into_owned(),
                Change::Directory { .. } => "(itself)".to_owned(),
                Change::Lost { .. } => "(lost)".to_owned(),
                Change::Overflow => "(overflow)".to_owned(),
            });
        })
        .expect("it is read");
    changes
}

#[test]
fn queue_of_a_directory_has_each_change_of_its_names_and_itself_when_the_call_returns() {
    if !is_offered() {
        return eprintln!("coherence queue: SKIPPED, the test directory's filesystem offers none");
    }
    let scene = Scene::new();
    let at = |name: &str| scene.path().join(name);
    let backend = DirectFs::open_ambient(scene.path()).expect("a directory");
    let root = backend.root(&Call::WAITING).expect("its root").node;
    let queue = backend.change_queue().expect("offered");
    let first = queue.watch(&Call::WAITING, &root).expect("watched");
    assert_eq!(queue.watch(&Call::WAITING, &root).expect("watched"), first, "one directory has one watch");
    assert!(queue.is_empty());
    type Act<'a> = Box<dyn Fn() -> std::io::Result<()> + 'a>;
    let acts: Vec<(Act<'_>, &[&str])> = vec![
        (Box::new(|| fs::write(at("a"), "1")), &["a"]),
        (Box::new(|| fs::rename(at("a"), at("b"))), &["a", "b"]),
        (Box::new(|| fs::hard_link(at("b"), at("c"))), &["c"]),
        (Box::new(|| fs::remove_file(at("c"))), &["c"]),
        (Box::new(|| fs::create_dir(at("d"))), &["d"]),
        (Box::new(|| fs::remove_dir(at("d"))), &["d"]),
        (Box::new(|| std::os::unix::fs::symlink("x", at("l"))), &["l"]),
        // What a file holds, and its attributes, are no concern of its directory.
        (Box::new(|| fs::write(at("b"), "22")), &[]),
        (Box::new(|| fs::set_permissions(at("b"), Permissions::from_mode(0o600))), &[]),
        (Box::new(|| fs::set_permissions(scene.path(), Permissions::from_mode(0o711))), &["(itself)"]),
    ];
    for (act, expected) in acts {
        act().expect("done");
        assert_eq!(announced(&*queue), expected);
        assert!(queue.is_empty());
    }
    queue.unwatch(first.id);
    assert_eq!(announced(&*queue), ["(lost)"]);
    fs::write(at("e"), "").expect("made");
    assert!(queue.is_empty());
}

#[test]
fn queue_of_a_filesystem_that_is_not_local_refuses_watches() {
    let backend = DirectFs::open_ambient("/proc/self/task").expect("procfs");
    let root = backend.root(&Call::WAITING).expect("its root").node;
    let queue = backend.change_queue().expect("an instance is not refused");
    assert_eq!(queue.watch(&Call::WAITING, &root), Err(Error::Errno(Errno::Opnotsupp)));
}

#[test]
fn queue_of_a_single_file_or_of_a_source_that_waits_is_not_offered() {
    let scene = Scene::new();
    fs::write(scene.path().join("file"), "").expect("made");
    let file = DirectFs::open_ambient(scene.path().join("file")).expect("a file");
    assert!(file.change_queue().is_none());
    let waits = DirectFs::open_ambient(scene.path()).expect("a directory").assume_blocking(true);
    assert!(waits.change_queue().is_none());
}
