//! Every policy, with caches and descriptor budgets of several sizes.

use crate::act::Act;
use crate::harness::{Setup, Source, World};
use crate::op::{Op, op};
use crate::rows::{env, seed_of_now, seeded_runner, some_tree};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestError};
use std::cell::RefCell;
use wasi_gofer::{CachePolicy, FsOptions};

/// Longest row of operations.
const ROW: usize = 48;

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

/// Runs rows over one configuration.
fn explore(setup: &Setup, salt: u64) {
    let cases = env("REFERENCE_CASES").unwrap_or(180);
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
