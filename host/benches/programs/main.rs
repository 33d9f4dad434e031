//! Real programs as whole processes: `wasi-gofer run` in each policy, and a process that serves the same guest with
//! wasmtime-wasi as `wasmtime run` sets it up.
//!
//! ```text
//! cargo bench --bench programs -- [--quick] [--filter SUBSTR] [--rounds N] [--json PATH] [--dir PATH]
//! ```
//!
//! The programs are built by `guest-tests/programs/build.sh`; one that is not there is skipped, aloud. Both sides compile
//! with the same options and find the code in the same cache on disk, which is warm. Each run begins with a fresh
//! directory and a filesystem that owes the disk nothing, and is timed from its start to its exit, with the last flush
//! in it. The subjects take turns, in each round another first; a ratio is the median of the rounds' own, above 1 means
//! faster than stock. What a program prints (but for times) and the files that it leaves must be those under stock, or
//! the benchmark fails.
//!
//! Beside the ratios stand user and system time as the kernel counts them, and the number of system calls of the whole
//! process by `strace -f -c` in a run of its own, where there is a strace that may. The *share of files* is what can be
//! won at all: the part of a stock process's time that it spends in calls on files, from entering the host to leaving
//! it, by a run of its own in which every `fd_` and `path_` function reads the clock twice (some 50 ns a call, which
//! count as files). A filesystem that took no time would be 1 / (1 - share) times as fast as stock; where a program
//! syncs, the disk is in the share too.
//!
//! An ext4 without a journal looks for a free inode longer after each removal, which PostMark then mostly measures.
//! `--dir` on a tmpfs shows it without, and speedtest1 without the disk.

mod process;
mod report;
mod stock;
mod work;

use anyhow::{Context, Result, bail, ensure};
use process::{Run, Subject, syscalls};
use report::{Figure, Results, Spread};
use std::path::{Path, PathBuf};
use wasi_gofer::CachePolicy;
use work::Work;

/// The command line.
struct Args {
    quick: bool,
    filter: String,
    rounds: Option<usize>,
    json: PathBuf,
    dir: PathBuf,
}

impl Args {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Args> {
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
        let (json, dir) = (target.join("programs.json"), target);
        let mut parsed = Args { quick: false, filter: String::new(), rounds: None, json, dir };
        while let Some(arg) = args.next() {
            let mut value = || args.next().with_context(|| format!("{arg} needs a value"));
            match arg.as_str() {
                // cargo says so.
                "--bench" => {}
                "--quick" => parsed.quick = true,
                "--filter" => parsed.filter = value()?,
                "--rounds" => parsed.rounds = Some(value()?.parse()?),
                "--json" => parsed.json = value()?.into(),
                "--dir" => parsed.dir = value()?.into(),
                _ => bail!("unknown option `{arg}`: --quick, --filter SUBSTR, --rounds N, --json PATH, --dir PATH"),
            }
        }
        Ok(parsed)
    }

    fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 2 } else { 9 }).max(1)
    }
}

/// Runs the work once and compares what came of it with what came of it before.
fn checked(work: &Work, subject: Subject, dir: &Path, expected: &mut Option<Vec<u8>>) -> Result<Run> {
    let root = dir.join("files");
    let run = process::run(work, subject, dir, &root).with_context(|| format!("{}: {subject}", work.name))?;
    let outcome = work.outcome(&run.printed, &root)?;
    let expected = expected.get_or_insert_with(|| outcome.clone());
    ensure!(outcome == *expected, "{}: {subject} came to something else than the first run", work.name);
    Ok(run)
}

fn measure(work: &Work, args: &Args, dir: &Path) -> Result<Vec<Figure>> {
    let mut subjects = vec![Subject::Stock];
    subjects.extend(CachePolicy::ALL.map(Subject::Ours));
    let mut expected = None;
    // Not timed: fills the cache of compiled code and finds out what must come of it.
    for subject in &subjects {
        checked(work, *subject, dir, &mut expected)?;
    }
    let mut runs: Vec<Vec<Run>> = subjects.iter().map(|_| Vec::new()).collect();
    for round in 0..args.rounds() {
        for step in 0..subjects.len() {
            let i = (round + step) % subjects.len();
            runs[i].push(checked(work, subjects[i], dir, &mut expected)?);
        }
    }
    let share = share_of_files(work, dir, &mut expected)?;
    let seconds = |runs: &[Run]| runs.iter().map(|run| run.wall.as_secs_f64()).collect::<Vec<_>>();
    let stock = seconds(&runs[0]);
    let figures = subjects.iter().zip(&runs).map(|(subject, runs)| {
        let own = seconds(runs);
        let ratios = stock.iter().zip(&own).map(|(stock, own)| stock / own).collect();
        let of = |part: fn(&Run) -> f64| Spread::of(runs.iter().map(part).collect()).context("no rounds");
        Ok(Figure {
            work: work.name,
            subject: *subject,
            wall: Spread::of(own.clone()).context("no rounds")?,
            to_stock: Spread::of(ratios).context("no rounds")?,
            user: of(|run| run.user.as_secs_f64())?.median,
            system: of(|run| run.system.as_secs_f64())?.median,
            syscalls: if args.quick { None } else { syscalls(work, *subject, dir)? },
            share_of_files: share.filter(|_| *subject == Subject::Stock),
        })
    });
    figures.collect()
}

/// The median of three.
fn share_of_files(work: &Work, dir: &Path, expected: &mut Option<Vec<u8>>) -> Result<Option<f64>> {
    let mut shares = Vec::new();
    for _ in 0..3 {
        let run = checked(work, Subject::StockClocked, dir, expected)?;
        let clocked = run.in_files.context("the clocked process told no time")?;
        shares.push(clocked.as_secs_f64() / run.wall.as_secs_f64());
    }
    Ok(Spread::of(shares).map(|spread| spread.median))
}

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1).peekable();
    if let Some(child) = args.next_if(|arg| stock::is_child(arg)) {
        return stock::child(&child, args);
    }
    let args = Args::parse(args)?;
    std::fs::create_dir_all(&args.dir)?;
    let dir = tempfile::Builder::new().prefix("programs-").tempdir_in(&args.dir)?;
    report::print_head(dir.path(), args.rounds(), args.quick)?;
    let mut results = Results { quick: args.quick, ..Results::default() };
    for work in work::all(args.quick).iter().filter(|work| work.name.contains(&args.filter)) {
        let Some(module) = work.module(dir.path())? else {
            println!("{}: not built, skipped (guest-tests/programs/build.sh {})", work.name, work.program);
            continue;
        };
        let figures = measure(&work.with_module(module), &args, dir.path())?;
        report::print(&figures);
        results.figures.extend(figures);
    }
    report::write_json(&results, &args.json)
}
