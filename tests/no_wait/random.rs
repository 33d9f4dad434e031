//! Random operations, each first with a call that may not wait.

use crate::act::{Act, Answer, Subject, agree};
use crate::kernel::Kernel;
use crate::model::Model;
use crate::op::op;
use crate::ours::Ours;
use crate::rows::{env, seed_of_now, seeded_runner, some_tree};
use crate::tree::{Tree, compare, without_data};
use proptest::collection::vec;
use proptest::test_runner::TestCaseError;
use std::sync::Arc;
use tempfile::TempDir;
use wasi_gofer::abi::{Call, Error};
use wasi_gofer::backend::directfs::{DirectFs, FdBudget};
use wasi_gofer::backend::faulty::{FaultPlan, Faulty, Op};
use wasi_gofer::{CachePolicy, FsOptions, Gofer, MemoryFs, MountOptions, SharedBackend};

/// Where the files are, behind a backend whose every call would wait.
#[derive(Clone, Copy, Debug)]
enum Source {
    Host,
    Memory,
    /// Memory where calls of one method alone would wait, another method for each operation.
    Gated,
}

/// Methods whose gates close.
const GATED: &[Op] = Op::ALL;

/// The filesystem under test, and ways to look at its files that do not go through its cache.
struct World {
    ours: Ours,
    model: Model,
    twin: Kernel,
    beside: Beside,
    /// Whose gates close.
    gates: Option<Arc<FaultPlan>>,
    steps: usize,
    _dirs: [TempDir; 2],
    waits: usize,
    answers: usize,
}

enum Beside {
    Host(Kernel),
    /// A second mount of the same memory that caches nothing.
    Mount(Box<Ours>),
}

impl Beside {
    fn tree(&self) -> Result<Tree, String> {
        match self {
            Beside::Host(host) => Ok(host.tree()),
            Beside::Mount(ours) => ours.tree(),
        }
    }
}

fn mount(backend: SharedBackend, options: FsOptions) -> Ours {
    let mut builder = Gofer::builder();
    builder.mount("/", backend, MountOptions { read_only: false, fs: options });
    Ours::new(builder.build().expect("the mount is fine"))
}

impl World {
    fn new(source: Source, options: FsOptions, fds: usize) -> World {
        let dirs = [TempDir::new().expect("a directory"), TempDir::new().expect("a directory")];
        let mut gates = None;
        let (backend, host) = match source {
            Source::Host => {
                let backend = DirectFs::open_ambient(dirs[0].path()).expect("it is there");
                let backend = backend.with_budget(FdBudget::new(fds)).assume_blocking(true);
                (SharedBackend::new(backend), Some(Kernel::new(dirs[0].path())))
            }
            Source::Memory | Source::Gated => {
                let backend = Faulty::new(MemoryFs::new());
                match source {
                    Source::Gated => gates = Some(Arc::clone(backend.plan())),
                    _ => backend.plan().set_would_wait(true),
                }
                (SharedBackend::new(backend), None)
            }
        };
        let beside = host.map_or_else(
            || Beside::Mount(Box::new(mount(backend.clone(), FsOptions::with_policy(CachePolicy::None)))),
            Beside::Host,
        );
        let ours = mount(backend, options);
        World {
            ours,
            model: Model::new(),
            twin: Kernel::new(dirs[1].path()),
            beside,
            gates,
            steps: 0,
            _dirs: dirs,
            waits: 0,
            answers: 0,
        }
    }

    fn step(&mut self, act: &Act) -> Result<(), String> {
        let before = self.twin.tree();
        let (model, twin) = (self.model.act(act), self.twin.act(act));
        // Flushing everything waits whatever happens.
        let closed =
            self.gates.as_ref().filter(|_| *act != Act::SyncAll).map(|plan| plan.hold(GATED[self.steps % GATED.len()]));
        self.steps += 1;
        let first = self.ours.try_act(&Call::NOT_WAITING, act);
        drop(closed);
        self.ours.gofer.check_invariants()?;
        let ours = match first.clone() {
            Err(Error::WouldWait) => {
                self.waits += 1;
                let (mut there, mut before) = (self.beside.tree()?, before);
                if self.ours.writes_back() {
                    (there, before) = (without_data(there), without_data(before));
                }
                compare(("the storage behind a call that would wait", "the twin before it"), &there, &before)?;
                self.ours.act(act)
            }
            Err(Error::Errno(errno)) => Err(errno),
            Err(other) => return Err(format!("answers {other:?}")),
            Ok(answer) => Ok(answer),
        };
        self.answers += usize::from(first_was_final(&first));
        if !matches!(ours, Ok(Answer::Part(..))) && !agree(&ours, &twin) && !act.may_differ(&ours, &twin) {
            return Err(format!("answers {first:?}, then {ours:?}, and the kernel {twin:?} (the model {model:?})"));
        }
        // Where data is written back later the storage has names alone at once, and the rest now and then.
        let (there, twin) = (self.beside.tree()?, self.twin.tree());
        if self.ours.writes_back() && !self.steps.is_multiple_of(8) {
            return compare(("the storage", "the twin"), &without_data(there), &without_data(twin));
        }
        self.ours.settle()?;
        compare(("the storage", "the twin"), &self.beside.tree()?, &twin)
    }

    fn finish(&mut self) -> Result<(), String> {
        compare(("ours", "the twin"), &self.ours.tree()?, &self.twin.tree())?;
        if let Beside::Host(host) = &self.beside {
            self.ours.compare_with_host(host.root())?;
        }
        self.ours.close_all();
        self.ours.gofer.check_invariants()
    }
}

fn first_was_final(first: &Result<Answer, Error>) -> bool {
    !matches!(first, Err(Error::WouldWait))
}

/// Runs rows over one configuration; how many calls would have waited, and how many were answered at once.
fn explore(source: Source, options: &FsOptions, fds: usize, salt: u64) -> (usize, usize) {
    let seed = env("REFERENCE_SEED").unwrap_or_else(seed_of_now);
    let mut runner = seeded_runner(seed, salt, env("REFERENCE_CASES").unwrap_or(40));
    let counts = std::cell::Cell::new((0, 0));
    let result = runner.run(&vec(op(), 1..40), |ops| {
        let mut world = World::new(source, options.clone(), fds);
        let mut trace = String::new();
        let tree = some_tree().into_iter().filter(|act| !matches!(act, Act::Put { .. })).collect::<Vec<_>>();
        let mut row = || {
            for act in &tree[..ops.len() % 2 * tree.len()] {
                world.step(act)?;
            }
            for op in &ops {
                let act = op.concretize(&world.model, false);
                trace += &format!("    {act:?},\n");
                world.step(&act)?;
            }
            world.finish()
        };
        let result = row();
        let (waits, answers) = counts.get();
        counts.set((waits + world.waits, answers + world.answers));
        result.map_err(|error| TestCaseError::fail(format!("\n{trace}{error}")))
    });
    if let Err(error) = result {
        panic!("seed {seed} {source:?} {options:?} fds {fds}\n{error}");
    }
    counts.get()
}

fn explore_all(source: Source, policy: CachePolicy) -> (usize, usize) {
    let defaults = FsOptions::with_policy(policy);
    let (mut waits, mut answers) = (0, 0);
    for (salt, limit, fds) in [(1, defaults.dentry_cache_limit, 256), (2, 1, 16), (3, 0, 4), (4, 8, 1)] {
        let (w, a) = explore(source, &FsOptions { dentry_cache_limit: limit, ..defaults.clone() }, fds, salt);
        (waits, answers) = (waits + w, answers + a);
    }
    (waits, answers)
}

macro_rules! policies {
    ($($name:ident: $source:ident $policy:ident,)*) => {$(
        #[test]
        fn $name() {
            let (waits, answers) = explore_all(Source::$source, CachePolicy::$policy);
            assert!(waits > 0 && answers > 0, "{waits} calls would have waited, {answers} were answered");
        }
    )*};
}

policies! {
    host_exclusive_changes_nothing_without_waiting: Host Exclusive,
    host_writethrough_changes_nothing_without_waiting: Host Writethrough,
    host_shared_changes_nothing_without_waiting: Host Shared,
    host_none_changes_nothing_without_waiting: Host None,
    memory_exclusive_changes_nothing_without_waiting: Memory Exclusive,
    memory_writethrough_changes_nothing_without_waiting: Memory Writethrough,
    memory_shared_changes_nothing_without_waiting: Memory Shared,
    memory_none_changes_nothing_without_waiting: Memory None,
    one_gate_exclusive_changes_nothing_without_waiting: Gated Exclusive,
    one_gate_writethrough_changes_nothing_without_waiting: Gated Writethrough,
    one_gate_shared_changes_nothing_without_waiting: Gated Shared,
    one_gate_none_changes_nothing_without_waiting: Gated None,
}
