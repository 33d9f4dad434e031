//! Real programs in every policy: the same output and the same tree as under wasmtime's own filesystem.
//!
//! The programs are built by `guest-tests/programs/build.sh`; one that is not there is skipped, aloud, unless the
//! variable `PROGRAMS_REQUIRED` names it.

mod cases;

use anyhow::{Context as _, Result, bail, ensure};
use cases::{CASES, Case, Step};
use libtest_mimic::{Arguments, Failed, Trial};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use wasi_gofer::{CachePolicy, FsOptions, Gofer, MountOptions};
use wasi_gofer_guest_tests::{Invocation, Outcome, Tree, module, ours, stock};

fn main() {
    let arguments = Arguments::from_args();
    let required = std::env::var("PROGRAMS_REQUIRED").unwrap_or_default();
    let mut trials = Vec::new();
    for case in CASES {
        let wasm = programs().join(format!("{}.wasm", case.program));
        let built = wasm.exists() || required.split_whitespace().any(|name| name == case.program);
        if !built {
            eprintln!("{} is not built: {} is skipped (guest-tests/programs/build.sh)", case.program, case.name);
        }
        let expected = Arc::new(OnceLock::new());
        for policy in CachePolicy::ALL {
            let (wasm, expected) = (wasm.clone(), Arc::clone(&expected));
            let run = move || check(case, policy, &wasm, &expected).map_err(|error| Failed::from(format!("{error:?}")));
            trials.push(Trial::test(format!("programs/{}/{policy}", case.name), run).with_ignored_flag(!built));
        }
    }
    libtest_mimic::run(&arguments, trials).exit();
}

fn programs() -> PathBuf {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/programs");
    std::env::var_os("PROGRAMS_DIR").map_or_else(default, PathBuf::from)
}

/// What a case printed, step by step, and what it left.
struct Seen {
    printed: Vec<String>,
    tree: Tree,
}

type Expected = OnceLock<std::result::Result<Seen, String>>;

fn check(case: &Case, policy: CachePolicy, wasm: &Path, expected: &Expected) -> Result<()> {
    let stock = |root: &Path, invocation: &Invocation| stock::run(root, &module(wasm)?, invocation);
    let theirs = || play(case, case.stock_steps(), case.instead, stock).map_err(|error| format!("{error:?}"));
    let expected = expected.get_or_init(theirs);
    let expected = match expected {
        Ok(expected) => expected,
        Err(error) => bail!("under stock wasmtime: {error}"),
    };
    let seen = play(
        case,
        case.steps,
        |_| Ok(()),
        |root, invocation| {
            let mut builder = Gofer::builder();
            let options = MountOptions { read_only: false, fs: FsOptions::with_policy(policy) };
            builder.dir(root, "/", options);
            let gofer = builder.build()?;
            let outcome = ours::run(ours::Linking::Sync, gofer.ctx(), &module(wasm)?, invocation)?;
            gofer.check_invariants().map_err(anyhow::Error::msg)?;
            Ok(outcome)
        },
    )?;
    for (index, (ours, theirs)) in seen.printed.iter().zip(&expected.printed).enumerate() {
        ensure!(ours == theirs, "step {index} printed\n{ours}\nbut under stock wasmtime\n{theirs}");
    }
    seen.tree.expect(&expected.tree).context("the tree that it left, ours first, differs from stock wasmtime's")
}

/// Plays the steps of a case in a fresh directory, then does by hand what they left out.
fn play(
    case: &Case,
    steps: &[Step],
    instead: fn(&Path) -> Result<()>,
    run: impl Fn(&Path, &Invocation) -> Result<Outcome>,
) -> Result<Seen> {
    let dir = tempfile::tempdir()?;
    (case.prepare)(dir.path())?;
    let mut printed = Vec::new();
    for step in steps {
        let invocation = step.args.iter().fold(Invocation::of(step.argv0), |invocation, arg| invocation.arg(arg));
        let outcome = run(dir.path(), &invocation)?;
        ensure!(outcome.is_success(), "`{}`: {outcome}", step.args.join(" "));
        printed.push((step.normalize)(&String::from_utf8_lossy(&outcome.stdout)));
    }
    instead(dir.path())?;
    (case.finish)(dir.path())?;
    Ok(Seen { printed, tree: Tree::of_host(dir.path())? })
}
