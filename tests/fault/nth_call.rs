//! The n-th call fails, for every n.

use crate::act::Act;
use crate::bodies::{everything, random};
use crate::kernel::Kernel;
use crate::ledger::{Books, Ledger};
use crate::ours::Ours;
use crate::rows::env;
use crate::tree::compare;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tempfile::TempDir;
use wasi_gofer::abi::{Call, Errno, Error};
use wasi_gofer::backend::directfs::{DirectFs, FdBudget};
use wasi_gofer::backend::faulty::{FaultPlan, Faulty, Op};
use wasi_gofer::{CachePolicy, FsOptions, Gofer, MemoryFs, MountOptions, SharedBackend};

/// How a call fails.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Once(Errno),
    ForEver(Errno),
    /// It does its work, and the answer is lost.
    Lost(Errno),
}

impl Fault {
    fn errno(self) -> Errno {
        match self {
            Fault::Once(errno) | Fault::ForEver(errno) | Fault::Lost(errno) => errno,
        }
    }

    fn strike(self, plan: &FaultPlan, nth: u64) {
        match self {
            Fault::Once(errno) => plan.fail(None, nth, errno),
            Fault::ForEver(errno) => plan.fail_from(None, nth, errno),
            Fault::Lost(errno) => plan.lose(None, nth, errno),
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Source {
    Memory,
    /// A host directory with this many control handles.
    Host(usize),
}

/// A mount whose backend can be made to fail.
struct Mounted {
    backend: SharedBackend,
    plan: Arc<FaultPlan>,
    books: Arc<Books>,
    host: Option<TempDir>,
}

impl Mounted {
    fn new(source: Source) -> Mounted {
        match source {
            Source::Memory => Mounted::over(Faulty::new(MemoryFs::new()), None),
            Source::Host(fds) => {
                let dir = TempDir::new().expect("a directory");
                let backend = DirectFs::open_ambient(dir.path()).expect("it is there");
                Mounted::over(Faulty::new(backend.with_budget(FdBudget::new(fds))), Some(dir))
            }
        }
    }

    fn over<B: wasi_gofer::Backend>(faulty: Faulty<B>, host: Option<TempDir>) -> Mounted {
        let plan = Arc::clone(faulty.plan());
        let ledger = Ledger::new(faulty);
        let books = Arc::clone(ledger.books());
        Mounted { backend: SharedBackend::new(ledger), plan, books, host }
    }

    fn mount(&self, options: FsOptions) -> Ours {
        let mut builder = Gofer::builder();
        builder.mount("/", self.backend.clone(), MountOptions { read_only: false, fs: options });
        Ours::new(builder.build().expect("the mount is fine"))
    }

    /// Calls so far that could fail.
    fn calls(&self) -> u64 {
        let told = [Op::Pin, Op::Relieve, Op::Release, Op::ReleaseHandles];
        self.plan.calls_total() - told.iter().map(|op| self.plan.calls(*op)).sum::<u64>()
    }
}

/// What may follow from another operation's failure.
const CONSEQUENCES: [Errno; 9] = [
    Errno::Perm,
    Errno::Noent,
    Errno::Badf,
    Errno::Busy,
    Errno::Exist,
    Errno::Notdir,
    Errno::Isdir,
    Errno::Inval,
    Errno::Notempty,
];

/// Runs a row whose `nth` call fails; whether it did.
fn run(source: Source, options: &FsOptions, acts: &[Act], fault: Fault, nth: u64) -> Result<bool, String> {
    let mounted = Mounted::new(source);
    let mut ours = mounted.mount(options.clone());
    let before = mounted.calls();
    fault.strike(&mounted.plan, nth);
    for act in acts {
        let answer = ours.try_act(&Call::WAITING, act);
        let fair = |errno| errno == fault.errno() || CONSEQUENCES.contains(&errno) || act.has_long_name();
        let loops = matches!(answer, Err(Error::Errno(Errno::Loop)));
        match answer {
            Err(Error::Errno(errno)) if !fair(errno) && !loops => return Err(format!("{act:?} answers {errno}")),
            Err(Error::WouldWait | Error::Unbound) => return Err(format!("{act:?} answers {answer:?}")),
            _ => ours.gofer.check_invariants().map_err(|error| format!("behind {act:?}: {error}"))?,
        }
    }
    let struck = mounted.calls() - before >= nth;
    mounted.plan.heal();
    shows_the_storage(&mounted, &ours)?;
    ours.close_all();
    ours.gofer.check_invariants()?;
    shows_the_storage(&mounted, &ours)?;
    drop(ours.gofer.shutdown(None));
    // One node is the root's, which is not handed back.
    let open = mounted.books.handles.load(Ordering::Relaxed);
    let (nodes, pins) = (mounted.books.nodes.load(Ordering::Relaxed), mounted.books.pins.load(Ordering::Relaxed));
    drop(ours);
    let lost = [&mounted.books.lost_nodes, &mounted.books.lost_handles].map(|lost| lost.load(Ordering::Relaxed));
    match (nodes, open, lost, mounted.books.pins.load(Ordering::Relaxed)) {
        (0, 0, [0, 0], 0) => Ok(struck),
        (nodes, handles, [lost_nodes, lost_handles], left) => Err(format!(
            "behind a shutdown {nodes} nodes, {handles} handles and {pins} pins are left; {lost_nodes} nodes and \
             {lost_handles} handles were dropped without being handed back, {left} pins stay"
        )),
    }
}

/// Checks that the cache shows what the backend has.
fn shows_the_storage(mounted: &Mounted, ours: &Ours) -> Result<(), String> {
    match &mounted.host {
        Some(dir) => ours.compare_with_host(Kernel::new(dir.path()).root()),
        None => {
            ours.gofer.sync().map_err(|error| format!("sync: {error}"))?;
            let beside = mounted.mount(FsOptions::with_policy(CachePolicy::None));
            let result = ours.tree().and_then(|tree| compare(("the cache", "the backend"), &tree, &beside.tree()?));
            drop(beside.gofer.shutdown(None));
            result
        }
    }
}

/// Runs a row with each of its calls failing in turn; how many there are.
fn run_for_every_call(source: Source, options: &FsOptions, acts: &[Act], fault: Fault) -> u64 {
    let mut failures = Vec::new();
    for nth in 1..5_000 {
        match run(source, options, acts, fault, nth) {
            Ok(true) => {}
            Ok(false) => {
                assert!(
                    failures.is_empty(),
                    "{source:?} {:?} {fault:?}: {}\n{}",
                    options.cache,
                    failures.len(),
                    failures.join("\n")
                );
                return nth - 1;
            }
            Err(error) => failures.push(format!("call {nth}: {error}")),
        }
        if failures.len() > 5 {
            break;
        }
    }
    panic!("{source:?} {:?} {fault:?}:\n{}\n{acts:#?}", options.cache, failures.join("\n"));
}

fn run_everything(policy: CachePolicy, faults: &[Fault]) {
    // The n-th call is the same in each run, and what the books hold is nobody's behind the end, if nothing comes between.
    let options = FsOptions { writeback: Duration::from_secs(3_600), ..FsOptions::with_policy(policy) };
    // More rows than the fixed ones, for a longer look.
    let seeds = env("FAULT_SEEDS").unwrap_or(1);
    let small = FsOptions { dentry_cache_limit: 1, idle_handle_limit: 1, ..options.clone() };
    for fault in faults {
        let calls = run_for_every_call(Source::Memory, &options, &everything(), *fault);
        assert!(calls > 30, "{calls} calls");
        run_for_every_call(Source::Host(4), &small, &everything(), *fault);
        for seed in 0..seeds {
            run_for_every_call(Source::Memory, &small, &random(seed * 2 + 1, 40), *fault);
            run_for_every_call(Source::Host(64), &options, &random(seed * 2 + 2, 40), *fault);
        }
    }
}

macro_rules! policies {
    ($($name:ident: $policy:ident $faults:expr,)*) => {$(
        #[test]
        fn $name() {
            run_everything(CachePolicy::$policy, &$faults);
        }
    )*};
}

const ONCE: [Fault; 3] = [Fault::Once(Errno::Io), Fault::Once(Errno::Nospc), Fault::Once(Errno::Mfile)];
const FOR_EVER: [Fault; 3] = [Fault::ForEver(Errno::Io), Fault::ForEver(Errno::Nospc), Fault::ForEver(Errno::Mfile)];
const LOST: [Fault; 1] = [Fault::Lost(Errno::Io)];

policies! {
    exclusive_with_a_failing_call: Exclusive ONCE,
    exclusive_with_failing_calls_from_then_on: Exclusive FOR_EVER,
    exclusive_with_a_lost_answer: Exclusive LOST,
    writethrough_with_a_failing_call: Writethrough ONCE,
    writethrough_with_failing_calls_from_then_on: Writethrough FOR_EVER,
    writethrough_with_a_lost_answer: Writethrough LOST,
    shared_with_a_failing_call: Shared ONCE,
    shared_with_failing_calls_from_then_on: Shared FOR_EVER,
    shared_with_a_lost_answer: Shared LOST,
    none_with_a_failing_call: None ONCE,
    none_with_failing_calls_from_then_on: None FOR_EVER,
    none_with_a_lost_answer: None LOST,
}
