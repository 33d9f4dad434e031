//! Every policy, with caches and descriptor budgets of several sizes.

use crate::act::Act;
use crate::harness::{Setup, Source, World};
use crate::op::{Op, op};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};
use wasi_gofer::{CachePolicy, FsOptions};

/// Longest row of operations.
const ROW: usize = 48;

pub(crate) fn env(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

/// Further limits of a mount, drawn with the row.
#[derive(Clone, Debug)]
struct Limits {
    checks: bool,
    negative: usize,
    list: usize,
    idle: usize,
    /// Bytes of dentries, and of lists.
    bytes: (usize, usize),
    share: bool,
    /// Whether the row starts with a tree.
    tree: bool,
}

/// The tree that a row may start with.
pub(crate) fn some_tree() -> Vec<Act> {
    let mkdir = |path: &str| Act::Mkdir { dir: 0, path: path.to_owned() };
    let put = |path: &str, data: &str| Act::Put { path: path.to_owned(), data: data.as_bytes().to_vec() };
    let symlink = |target: &str, path: &str| Act::Symlink { dir: 0, target: target.to_owned(), path: path.to_owned() };
    let link =
        |path: &str, new: &str| Act::Link { dir: 0, path: path.to_owned(), new_dir: 0, new_path: new.to_owned() };
    vec![
        mkdir("a"),
        mkdir("a/b"),
        mkdir("a/b/c"),
        mkdir("dd"),
        put("c", "one"),
        put("a/a", "two"),
        put("a/b/c/dd", "three"),
        link("a/a", "dd/a"),
        symlink("a/b", "b"),
        symlink("../dd", "a/c"),
        symlink("c", "dd/b"),
    ]
}

fn limits() -> impl Strategy<Value = Limits> {
    let sizes = |small: Vec<usize>, default: usize| prop_oneof![Just(default), proptest::sample::select(small)];
    let defaults = FsOptions::default();
    let negative = sizes(vec![0, 1], defaults.negative_limit);
    let list = sizes(vec![0, 60], defaults.list_limit);
    let idle = sizes(vec![0, 1], defaults.idle_handle_limit);
    let bytes = (sizes(vec![2_000], defaults.dentry_cache_bytes), sizes(vec![0, 200], defaults.list_cache_bytes));
    (prop::bool::weighted(0.7), negative, list, idle, bytes, prop::bool::weighted(0.8), any::<bool>()).prop_map(
        |(checks, negative, list, idle, bytes, share, tree)| Limits {
            checks,
            negative,
            list,
            idle,
            bytes,
            share,
            tree,
        },
    )
}

fn row(setup: &Setup, limits: &Limits, ops: &[Op], trace: &RefCell<Vec<Act>>) -> Result<(), String> {
    let mut setup = setup.clone();
    setup.options.negative_limit = limits.negative;
    setup.options.list_limit = limits.list;
    setup.options.idle_handle_limit = limits.idle;
    (setup.options.dentry_cache_bytes, setup.options.list_cache_bytes) = limits.bytes;
    setup.options.disable_handle_sharing = !limits.share;
    let tree = if limits.tree { some_tree() } else { Vec::new() };
    let mut world = World::with_tree(&setup, limits.checks, &tree);
    trace.borrow_mut().clear();
    for op in ops {
        let act = op.concretize(world.model(), setup.has_outsiders());
        trace.borrow_mut().push(act.clone());
        world.step(&act)?;
    }
    world.finish()
}

/// A seed for a run that nobody gave one.
pub(crate) fn seed_of_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::from(since.subsec_nanos()))
}

/// A source of `cases` rows that depends on the seed and the salt alone.
pub(crate) fn seeded_runner(seed: u64, salt: u64, cases: u64) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&salt.to_le_bytes());
    let config = Config {
        cases: u32::try_from(cases).expect("a small number"),
        max_shrink_iters: 4_000,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

/// Runs rows over one configuration.
fn explore(setup: &Setup, salt: u64) {
    let cases = env("REFERENCE_CASES").unwrap_or(60);
    let seed = env("REFERENCE_SEED").unwrap_or_else(seed_of_now);
    let mut runner = seeded_runner(seed, salt, cases);
    let trace = RefCell::new(Vec::new());
    let result = runner.run(&(limits(), vec(op(), 1..ROW)), |(limits, ops)| {
        row(setup, &limits, &ops, &trace).map_err(TestCaseError::fail)
    });
    let Err(error) = result else { return };
    match error {
        TestError::Fail(reason, (limits, ops)) => {
            let again = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| row(setup, &limits, &ops, &trace)));
            let acts = trace.borrow();
            let acts: Vec<_> = acts.iter().map(|act| format!("    {act:?},\n")).collect();
            panic!("seed {seed}\n{setup:?}\n{limits:?}\n{}{reason}\n(again: {again:?})", acts.concat());
        }
        TestError::Abort(reason) => panic!("seed {seed}: {reason}"),
    }
}

fn explore_policy(source: Source, policy: CachePolicy) {
    let budgets: &[Option<usize>] = match source {
        Source::Direct => &[None, Some(16), Some(4), Some(1)],
        Source::Memory => &[None],
    };
    let defaults = FsOptions::with_policy(policy);
    for (salt, limit) in (1..).zip([defaults.dentry_cache_limit, 1, 0]) {
        for fds in budgets {
            let options = FsOptions { dentry_cache_limit: limit, ..defaults.clone() };
            explore(&Setup { source, fds: *fds, options }, salt * 100 + fds.unwrap_or(0) as u64);
        }
    }
}

macro_rules! policies {
    ($($name:ident: $source:ident $policy:ident,)*) => {$(
        #[test]
        fn $name() {
            explore_policy(Source::$source, CachePolicy::$policy);
        }
    )*};
}

policies! {
    direct_exclusive_is_the_kernel: Direct Exclusive,
    direct_writethrough_is_the_kernel: Direct Writethrough,
    direct_shared_with_outsiders_is_the_kernel: Direct Shared,
    direct_none_with_outsiders_is_the_kernel: Direct None,
    memory_exclusive_is_the_kernel: Memory Exclusive,
    memory_writethrough_is_the_kernel: Memory Writethrough,
    memory_shared_is_the_kernel: Memory Shared,
    memory_none_is_the_kernel: Memory None,
}
