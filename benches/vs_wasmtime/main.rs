//! Every p1 file operation: ours in each policy, over a directory and over a sidecar, wasmtime-wasi as `wasmtime run` sets it up, and the bare system calls;
//! and those of WASI 0.2 that matter most, with functions that do nothing in place of the system calls, and the streams
//! of WASI 0.3. Beside them a program inside gVisor, where that is installed (`inside.rs`).
//!
//! ```text
//! cargo bench --bench vs_wasmtime -- [--quick] [--filter SUBSTR] [--subject SUBSTR] [--rounds N] [--json PATH] [--dir PATH]
//! ```
//!
//! All subjects run the same module (`guest.wat`) with the same engine on the same thread over the same files; each
//! sample mounts them anew and warms up before it looks at the clock, so caches are warm, and directories watched where
//! that is the policy's (`FsOptions::queue_after` is 0: as on a mount that has lived for a while); but for the rows of whole
//! files (`seq-`), where a sample is one file over a cache that is empty. Before an operation is timed
//! each subject does it once, and its errno and bytes are compared with those of the system calls. Then the subjects
//! take turns, in each round another first; a ratio is the median of the rounds' own ratios, so that a noisy neighbour
//! slows both sides of it. Ratios above 1 mean faster than stock or than the system calls.
//!
//! An ext4 without a journal looks for a free inode longer after each removal, for a minute: rows that make and remove
//! names then say more about it than about anybody else. `--dir` on a tmpfs shows them without.
//!
//! The table goes to stdout and the figures to `target/vs_wasmtime.json`, a list of `{op, subject, ns, ratio_to_stock,
//! ratio_to_syscall}` with quartiles. It is a program of its own and no test: it fails when results differ, never
//! because something was slow. `--quick` shows that it works; its figures mean little. On a machine that has other work
//! `chrt -f 1` in front of the program keeps that out of the samples (not of rows of `gvisor/`: see `inside.rs`).

mod alloc;
mod component;
mod fixture;
mod guest;
mod inside;
mod machine;
mod measure;
mod memory;
mod p2;
mod p3;
mod report;
mod rows;
#[path = "../../tests/interop/runsc.rs"]
#[allow(dead_code, reason = "the tests' own")]
mod runsc;
#[path = "../../tests/interop/sandbox.rs"]
mod sandbox;
mod scaling;
mod subjects;
mod syscall;

use anyhow::{Context, Result, bail};
use guest::Program;
use measure::Effort;
use report::{Results, Than};
use scaling::Kind;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use subjects::{Operation, Row, Subject};
use wasi_gofer::CachePolicy;

/// Who serves a component's files below a path.
type SubjectsOver<O> = fn(&Path) -> Result<Vec<Box<dyn Subject<O>>>>;

/// The command line.
struct Args {
    quick: bool,
    filter: String,
    subject: String,
    rounds: Option<usize>,
    json: PathBuf,
    dir: PathBuf,
}

impl Args {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Args> {
        let mut parsed = Args {
            quick: false,
            filter: String::new(),
            subject: String::new(),
            rounds: None,
            json: PathBuf::from("target/vs_wasmtime.json"),
            dir: PathBuf::from("target"),
        };
        while let Some(arg) = args.next() {
            let mut value = || args.next().with_context(|| format!("{arg} needs a value"));
            match arg.as_str() {
                // cargo says so.
                "--bench" => {}
                "--quick" => parsed.quick = true,
                "--filter" => parsed.filter = value()?,
                "--subject" => parsed.subject = value()?,
                "--rounds" => parsed.rounds = Some(value()?.parse()?),
                "--json" => parsed.json = value()?.into(),
                "--dir" => parsed.dir = value()?.into(),
                _ => bail!(
                    "unknown option `{arg}`: --quick, --filter SUBSTR, --subject SUBSTR, --rounds N, --json PATH, --dir PATH"
                ),
            }
        }
        Ok(parsed)
    }

    fn effort(&self) -> Effort {
        let (rounds, sample) = if self.quick { (3, 2) } else { (21, 25) };
        Effort { rounds: self.rounds.unwrap_or(rounds).max(1), sample: Duration::from_millis(sample) }
    }

    fn wants(&self, name: &str) -> bool {
        name.contains(&self.filter)
    }
}

/// The subjects, the system calls first.
fn subjects(program: &Program, root: &Path) -> Result<Vec<Box<dyn Subject>>> {
    let mut subjects: Vec<Box<dyn Subject>> =
        vec![Box::new(syscall::Syscall::new(root)?), Box::new(guest::stock(program, root)?)];
    for policy in CachePolicy::ALL {
        subjects.push(Box::new(guest::ours(program, root, policy)));
    }
    subjects.push(Box::new(guest::ours_unwatched(program, root)));
    for policy in [CachePolicy::Exclusive, CachePolicy::Shared] {
        subjects.push(Box::new(guest::ours_over_sidecar(program, root, policy)));
    }
    Ok(subjects)
}

fn measure_rows(args: &Args, program: &Program, dir: &Path, results: &mut Results) -> Result<()> {
    let rows: Vec<_> = rows::all(args.quick).into_iter().filter(|row| args.wants(&row.name)).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let root = dir.join("files");
    fixture::build(&root, &rows)?;
    let mut subjects = subjects(program, &root)?;
    // The system calls and stock stay: the others are compared with them.
    subjects.retain(|subject| ["syscall", "stock"].contains(&subject.name()) || subject.name().contains(&args.subject));
    for subject in &subjects {
        println!("{}: {}", subject.name(), subject.options());
    }
    report::print_head(Than::Syscall);
    for row in rows {
        let figures = measure::row(&row, &mut subjects, args.effort())?;
        report::print_row(&figures, Than::Syscall);
        results.figures.extend(figures);
    }
    Ok(())
}

/// Rows of a component: `subjects` over the files, of which `kept` are measured whatever is asked for.
fn measure_component<O: Operation>(
    args: &Args,
    dir: &Path,
    rows: Vec<Row<O>>,
    (subjects, kept): (SubjectsOver<O>, &[&str]),
    results: &mut Results,
) -> Result<()> {
    let rows: Vec<_> = rows.into_iter().filter(|row| args.wants(&row.name)).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let root = dir.join("files");
    if !root.exists() {
        fixture::build(&root, &[])?;
    }
    let mut subjects = subjects(&root)?;
    subjects.retain(|subject| kept.contains(&subject.name()) || subject.name().contains(&args.subject));
    for subject in &subjects {
        println!("{}: {}", subject.name(), subject.options());
    }
    report::print_head(Than::Stub);
    for row in rows {
        let figures = measure::row(&row, &mut subjects, args.effort())?;
        report::print_row(&figures, Than::Stub);
        results.figures.extend(figures);
    }
    Ok(())
}

/// The program inside gVisor, beside guests over the same files.
fn measure_gvisor(args: &Args, program: &Program, dir: &Path, results: &mut Results) -> Result<()> {
    let rows: Vec<_> = inside::rows().into_iter().filter(|row| args.wants(&row.name)).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let root = dir.join("files");
    if !root.exists() {
        fixture::build(&root, &[])?;
    }
    let Some(mut subjects) = inside::subjects(program, &root)? else { return Ok(()) };
    subjects.retain(|subject| {
        ["syscall", "gvisor/exclusive", "gvisor/shared"].contains(&subject.name())
            || subject.name().contains(&args.subject)
    });
    for subject in &subjects {
        println!("{}: {}", subject.name(), subject.options());
    }
    report::print_head(Than::Gvisor);
    // As many turns as the slowest does: those of a guest in a tenth of the time are to be more than a clock's tick.
    let effort = Effort { sample: args.effort().sample * 4, ..args.effort() };
    for row in rows {
        let figures = measure::row(&row, &mut subjects, effort)?;
        report::print_row(&figures, Than::Gvisor);
        results.figures.extend(figures);
    }
    Ok(())
}

fn measure_components(args: &Args, dir: &Path, results: &mut Results) -> Result<()> {
    measure_component(args, dir, p2::rows(), (p2::subjects, &["stub", "stock"]), results)?;
    measure_component(args, dir, p3::rows(), (p3::subjects, &["stock"]), results)
}

fn measure_rest(args: &Args, program: &Program, dir: &Path, results: &mut Results) -> Result<()> {
    let entries = if args.quick { 50_000 } else { 1_000_000 };
    for op in ["memory/dentry", "memory/negative"] {
        if args.wants(op) {
            results.memory.push(memory::measure(op, entries)?);
        }
    }
    for policy in [CachePolicy::Exclusive, CachePolicy::Shared] {
        let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(|kind| args.wants(&kind.name(policy))).collect();
        if kinds.is_empty() {
            continue;
        }
        let roots = ["threads", "process-0", "process-1"].map(|name| dir.join(format!("scaling-{policy}-{name}")));
        roots.iter().try_for_each(|root| scaling::build(root))?;
        for kind in kinds {
            let roots = roots.each_ref().map(PathBuf::as_path);
            results.scaling.push(scaling::measure(program, roots, (kind, policy), args.effort())?);
        }
    }
    Ok(())
}

/// Starts anew where backtraces are asked for: they cost stock, whose errors take them, 10 us for each missing file.
fn without_backtraces() -> Result<()> {
    let variables = ["RUST_BACKTRACE", "RUST_LIB_BACKTRACE"];
    let asked = |name: &&str| std::env::var_os(name).is_some_and(|value| value != "0");
    if !variables.iter().any(asked) {
        return Ok(());
    }
    let mut again = Command::new(std::env::current_exe()?);
    again.args(std::env::args_os().skip(1)).envs(variables.map(|name| (name, "0")));
    Err(again.exec().into())
}

fn main() -> Result<()> {
    without_backtraces()?;
    let mut args = std::env::args().skip(1).peekable();
    if args.next_if(|arg| arg == scaling::CHILD_ARGUMENT).is_some() {
        return scaling::child(args);
    }
    let args = Args::parse(args)?;
    std::fs::create_dir_all(&args.dir)?;
    let dir = tempfile::Builder::new().prefix("vs_wasmtime-").tempdir_in(&args.dir)?;
    machine::print(dir.path(), args.effort(), args.quick)?;
    let program = Program::new()?;
    let mut results = Results { quick: args.quick, ..Results::default() };
    measure_rows(&args, &program, dir.path(), &mut results)?;
    measure_components(&args, dir.path(), &mut results)?;
    measure_gvisor(&args, &program, dir.path(), &mut results)?;
    measure_rest(&args, &program, dir.path(), &mut results)?;
    report::print_rest(&results);
    let missed = report::print_targets(&results);
    if args.quick {
        println!("\nQUICK RUN: the figures mean little");
    }
    println!("{missed} missed; load now {}", machine::load());
    report::write_json(&results, &args.json)
}
