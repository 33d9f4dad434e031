//! Every policy, with caches and descriptor budgets of several sizes.

use crate::act::Act;
use crate::data::{self, DataOp};
use crate::harness::{Setup, Source, World, outsiders};
use crate::model::Model;
use crate::op::{Op, op};
use crate::rows::{env, seed_of_now, seeded_runner, some_tree};
use crate::runsc;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestError};
use std::cell::RefCell;
use std::time::Duration;
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
    pages: Pages,
}

/// How a mount that caches data does it.
#[derive(Clone, Debug)]
struct Pages {
    bytes: usize,
    budget: usize,
    writeback: Duration,
    force: bool,
}

fn pages() -> impl Strategy<Value = Pages> {
    let few = proptest::sample::select(vec![0, 1, 3]);
    let late = proptest::sample::select(vec![0, 1, 1_000, 3_600_000]).prop_map(Duration::from_millis);
    let default = FsOptions::default().page_cache_bytes;
    let bytes = proptest::sample::select(vec![512, 4_096, 65_536]);
    (bytes, few, any::<bool>(), late, any::<bool>()).prop_map(move |(bytes, few, small, writeback, force)| {
        let budget = if small { few * bytes } else { default };
        Pages { bytes, budget, writeback, force }
    })
}

fn limits() -> impl Strategy<Value = Limits> {
    let sizes = |small: Vec<usize>, default: usize| prop_oneof![Just(default), proptest::sample::select(small)];
    let defaults = FsOptions::default();
    let negative = sizes(vec![0, 1], defaults.negative_limit);
    let list = sizes(vec![0, 60], defaults.list_limit);
    let idle = sizes(vec![0, 1], defaults.idle_handle_limit);
    let bytes = (sizes(vec![2_000], defaults.dentry_cache_bytes), sizes(vec![0, 200], defaults.list_cache_bytes));
    let flags = (prop::bool::weighted(0.7), prop::bool::weighted(0.8), any::<bool>());
    (flags, negative, list, idle, bytes, pages()).prop_map(
        |((checks, share, tree), negative, list, idle, bytes, pages)| Limits {
            checks,
            negative,
            list,
            idle,
            bytes,
            share,
            tree,
            pages,
        },
    )
}

/// Something that is drawn where things stand.
trait Drawn: Clone + std::fmt::Debug {
    /// Which guest does it.
    fn guest(&self) -> usize;
    fn draw(&self, model: &Model, outside: bool) -> Act;
}

impl Drawn for Op {
    fn guest(&self) -> usize {
        self.guest()
    }

    fn draw(&self, model: &Model, outside: bool) -> Act {
        self.concretize(model, outside)
    }
}

impl Drawn for DataOp {
    fn guest(&self) -> usize {
        self.guest()
    }

    fn draw(&self, model: &Model, outside: bool) -> Act {
        self.concretize(model, outside)
    }
}

fn row(setup: &Setup, limits: &Limits, ops: &[impl Drawn], trace: &RefCell<Vec<Act>>) -> Result<(), String> {
    let mut setup = setup.clone();
    setup.options.negative_limit = limits.negative;
    setup.options.list_limit = limits.list;
    setup.options.idle_handle_limit = limits.idle;
    (setup.options.dentry_cache_bytes, setup.options.list_cache_bytes) = limits.bytes;
    setup.options.disable_handle_sharing = !limits.share;
    setup.options.page_bytes = limits.pages.bytes;
    setup.options.page_cache_bytes = limits.pages.budget;
    setup.options.writeback = limits.pages.writeback;
    setup.options.force_page_cache = limits.pages.force;
    let tree = if limits.tree { some_tree() } else { Vec::new() };
    let mut world = World::with_tree(&setup, limits.checks, &tree);
    trace.borrow_mut().clear();
    for op in ops {
        let guest = op.guest();
        let act = world.of_guest(guest, |model| op.draw(model, setup.has_outsiders()));
        let act = if guest == 0 || matches!(act, Act::Outside(_)) { act } else { Act::Second(Box::new(act)) };
        trace.borrow_mut().push(act.clone());
        world.step(&act)?;
    }
    world.finish()
}

/// Runs rows of one kind over one configuration.
fn explore<D: Drawn>(setup: &Setup, salt: u64, cases: u64, rows: impl Strategy<Value = Vec<D>>) {
    let seed = env("REFERENCE_SEED").unwrap_or_else(seed_of_now);
    let mut runner = seeded_runner(seed, salt, cases);
    let trace = RefCell::new(Vec::new());
    let result =
        runner.run(&(limits(), rows), |(limits, ops)| row(setup, &limits, &ops, &trace).map_err(TestCaseError::fail));
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

/// Rows for each configuration.
fn cases() -> u64 {
    env("REFERENCE_CASES").unwrap_or(180)
}

/// A server costs each row a thread and two sockets, gVisor's a process.
fn cases_of(source: Source) -> u64 {
    match source {
        Source::Direct | Source::Memory => cases(),
        Source::Lisafs => cases() / 3,
        Source::Gvisor => cases() / 9,
    }
}

/// Whether it can be run; a line says so where it cannot.
fn is_there(source: Source, policy: CachePolicy) -> bool {
    source != Source::Gvisor || runsc::program(&format!("rows over gVisor's gofer, {policy}")).is_some()
}

fn explore_policy(source: Source, policy: CachePolicy) {
    explore_policy_with(source, policy, false);
}

/// Where others could change the tree, and nobody does.
fn explore_policy_alone(source: Source, policy: CachePolicy) {
    explore_policy_with(source, policy, true);
}

fn explore_policy_with(source: Source, policy: CachePolicy, alone: bool) {
    if !is_there(source, policy) {
        return;
    }
    let budgets: &[Option<usize>] = match source {
        Source::Direct => &[None, Some(16), Some(4), Some(1)],
        // Without a descriptor the attributes of an open file are changed by its name, which outsiders may take away.
        Source::Lisafs | Source::Gvisor if outsiders(policy) && !alone => &[None, Some(16)],
        Source::Lisafs | Source::Gvisor => &[None, Some(16), Some(1)],
        Source::Memory => &[None],
    };
    let defaults = FsOptions::with_policy(policy);
    for (salt, limit) in (1..).zip([defaults.dentry_cache_limit, 1, 0]) {
        for fds in budgets {
            let options = FsOptions { dentry_cache_limit: limit, ..defaults.clone() };
            let setup = Setup { fds: *fds, alone, ..Setup::over(source, options) };
            explore(&setup, salt * 100 + fds.unwrap_or(0) as u64, cases_of(source), vec(op(), 1..ROW));
        }
    }
}

/// Few files, and what is in them.
fn explore_data(source: Source, policy: CachePolicy) {
    if !is_there(source, policy) {
        return;
    }
    let cases = if source == Source::Gvisor { cases_of(source) } else { cases() };
    let setup = Setup::over(source, FsOptions::with_policy(policy));
    explore(&setup, 1_000, cases * 2 / 3, vec(data::op(), 1..2 * ROW));
    explore(&setup.limit(0), 1_001, cases / 3, vec(data::op(), 1..2 * ROW));
}

macro_rules! policies {
    ($explore:ident: $($name:ident: $source:ident $policy:ident,)*) => {$(
        #[test]
        fn $name() {
            $explore(Source::$source, CachePolicy::$policy);
        }
    )*};
}

policies! {
    explore_policy:
    direct_exclusive_is_the_kernel: Direct Exclusive,
    direct_writethrough_is_the_kernel: Direct Writethrough,
    direct_shared_with_outsiders_is_the_kernel: Direct Shared,
    direct_none_with_outsiders_is_the_kernel: Direct None,
    lisafs_exclusive_is_the_kernel: Lisafs Exclusive,
    lisafs_writethrough_is_the_kernel: Lisafs Writethrough,
    lisafs_shared_with_outsiders_is_the_kernel: Lisafs Shared,
    lisafs_none_with_outsiders_is_the_kernel: Lisafs None,
    gvisor_exclusive_is_the_kernel: Gvisor Exclusive,
    gvisor_shared_with_outsiders_is_the_kernel: Gvisor Shared,
    memory_exclusive_is_the_kernel: Memory Exclusive,
    memory_writethrough_is_the_kernel: Memory Writethrough,
    memory_shared_is_the_kernel: Memory Shared,
    memory_none_is_the_kernel: Memory None,
}

policies! {
    explore_policy_alone:
    lisafs_shared_alone_is_the_kernel: Lisafs Shared,
    gvisor_shared_alone_is_the_kernel: Gvisor Shared,
}

policies! {
    explore_data:
    data_in_direct_exclusive_is_the_kernels: Direct Exclusive,
    data_in_direct_writethrough_is_the_kernels: Direct Writethrough,
    data_in_direct_shared_with_outsiders_is_the_kernels: Direct Shared,
    data_in_direct_none_with_outsiders_is_the_kernels: Direct None,
    data_in_lisafs_exclusive_is_the_kernels: Lisafs Exclusive,
    data_in_lisafs_shared_with_outsiders_is_the_kernels: Lisafs Shared,
    data_in_gvisor_exclusive_is_the_kernels: Gvisor Exclusive,
    data_in_gvisor_shared_with_outsiders_is_the_kernels: Gvisor Shared,
    data_in_memory_exclusive_is_the_kernels: Memory Exclusive,
    data_in_memory_writethrough_is_the_kernels: Memory Writethrough,
    data_in_memory_shared_is_the_kernels: Memory Shared,
    data_in_memory_none_is_the_kernels: Memory None,
}
