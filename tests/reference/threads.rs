//! Several threads over one cache: nothing to compare an answer with, but no thread may panic, hang or get an errno that
//! only our own insides explain, and in the end the cache must show what the host has.

use crate::act::{Act, Subject};
use crate::harness::outsiders;
use crate::kernel::Kernel;
use crate::model::Model;
use crate::op::op;
use crate::ours::Ours;
use crate::rows::{env, seed_of_now, seeded_runner, some_tree};
use crate::tree::compare;
use proptest::collection::vec;
use proptest::strategy::{Strategy, ValueTree};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use tempfile::TempDir;
use wasi_gofer::abi::Errno;
use wasi_gofer::{CachePolicy, FsOptions, Gofer, MountOptions};

/// Operations of each thread.
const OPS: usize = 400;

/// What a guest may be told when others are at work beside it.
const FAIR: [Errno; 11] = [
    Errno::Perm,
    Errno::Noent,
    Errno::Badf,
    Errno::Busy,
    Errno::Exist,
    Errno::Notdir,
    Errno::Isdir,
    Errno::Inval,
    Errno::Nametoolong,
    Errno::Notempty,
    Errno::Loop,
];

/// A thread's row of actions. Each has a model of its own, to draw operands from; it goes astray as the others change
/// things, which does no harm.
fn acts(seed: u64, salt: u64, outside: bool) -> Vec<Act> {
    let mut runner = seeded_runner(seed, salt, 1);
    let ops = vec(op(), OPS).new_tree(&mut runner).expect("drawn").current();
    let mut model = Model::new();
    some_tree().iter().for_each(|act| drop(model.act(act)));
    let mut acts = Vec::new();
    for op in ops {
        let act = op.concretize(&model, outside);
        match &act {
            Act::Outside(all) => all.iter().for_each(|act| drop(model.act(act))),
            act => drop(model.act(act)),
        }
        acts.push(act);
    }
    acts
}

/// Runs the actions of one guest; the errnos that nothing explains.
fn guest(gofer: Gofer, acts: &[Act]) -> Vec<(Act, Errno)> {
    let mut ours = Ours::new(gofer);
    let unfair = acts.iter().filter_map(|act| match ours.act(act) {
        Err(errno) if !FAIR.contains(&errno) => Some((act.clone(), errno)),
        _ => None,
    });
    let unfair = unfair.collect();
    ours.close_all();
    unfair
}

/// Runs what an outsider does.
fn outsider(root: &std::path::Path, acts: &[Act]) {
    let mut host = Kernel::new(root);
    for act in acts {
        if let Act::Outside(acts) = act {
            acts.iter().for_each(|act| drop(host.act(act)));
        }
    }
}

fn smoke(policy: CachePolicy, threads: u64, limit: usize, fds: usize) {
    let seed = env("REFERENCE_SEED").unwrap_or_else(seed_of_now);
    let directory = TempDir::new().expect("a directory");
    let mut host = Kernel::new(directory.path());
    some_tree().iter().for_each(|act| assert!(host.act(act).is_ok(), "{act:?}"));
    let options = FsOptions { dentry_cache_limit: limit, ..FsOptions::with_policy(policy) };
    let mut builder = Gofer::builder();
    builder.fds(fds).dir(directory.path(), "/", MountOptions { read_only: false, fs: options });
    let gofer = builder.build().expect("the mount is fine");
    let (done, waiting) = mpsc::channel();
    for salt in 0..threads {
        let (gofer, done) = (gofer.clone(), done.clone());
        thread::spawn(move || drop(done.send(guest(gofer, &acts(seed, salt, false)))));
    }
    if outsiders(policy) {
        let (root, done) = (directory.path().to_owned(), done.clone());
        thread::spawn(move || {
            outsider(&root, &acts(seed, threads, true));
            drop(done.send(Vec::new()));
        });
    }
    drop(done);
    for _ in 0..threads + u64::from(outsiders(policy)) {
        let unfair = waiting.recv_timeout(Duration::from_secs(120)).expect("no thread panics or hangs");
        assert!(unfair.is_empty(), "seed {seed}: {unfair:?}");
    }
    gofer.check_invariants().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    let ours = Ours::new(gofer);
    let same =
        ours.settle().and_then(|()| ours.tree()).and_then(|tree| compare(("ours", "the host"), &tree, &host.tree()));
    let same = same.and_then(|()| ours.compare_with_host(host.root()));
    same.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
}

fn smoke_all(policy: CachePolicy) {
    for _ in 0..env("REFERENCE_SMOKES").unwrap_or(3) {
        smoke(policy, 2, 65_536, 1_024);
        smoke(policy, 4, 65_536, 16);
        smoke(policy, 4, 8, 16);
        smoke(policy, 4, 8, 4);
        smoke(policy, 4, 0, 1);
        smoke(policy, 3, 0, 1_024);
    }
}

#[test]
fn threads_over_exclusive_leave_what_the_host_has() {
    smoke_all(CachePolicy::Exclusive);
}

#[test]
fn threads_over_shared_beside_an_outsider_leave_what_the_host_has() {
    smoke_all(CachePolicy::Shared);
}

#[test]
fn threads_over_none_beside_an_outsider_leave_what_the_host_has() {
    smoke_all(CachePolicy::None);
}
