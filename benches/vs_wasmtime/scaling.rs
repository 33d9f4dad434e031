//! Two threads on one mount, with two processes beside them to know what the machine itself can do.

use crate::fixture;
use crate::guest::{self, Guest, Program};
use crate::measure::{Effort, Spread, nanos};
use crate::rows::Op;
use anyhow::{Context, Result, bail, ensure};
use rustix::thread::{CpuSet, sched_setaffinity};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Barrier;
use std::time::{Duration, Instant};
use wasi_gofer::CachePolicy;
use wasi_gofer::p1::GoferP1Ctx;

/// Asks this program to be one of the two processes.
pub(crate) const CHILD_ARGUMENT: &str = "--scaling-child";

/// What the two do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Stat two files of one directory.
    Stat,
    /// Read pages of one file of 4 MiB, which is warm.
    Read,
}

impl Kind {
    pub(crate) const ALL: [Kind; 2] = [Kind::Stat, Kind::Read];

    /// What a filter is compared with.
    pub(crate) fn name(self, policy: CachePolicy) -> String {
        match self {
            Kind::Stat => format!("scaling/{policy}"),
            Kind::Read => format!("scaling/read/{policy}"),
        }
    }

    /// The name of a figure.
    pub(crate) fn op(self, who: &str) -> String {
        match self {
            Kind::Stat => format!("scaling/{who}"),
            Kind::Read => format!("scaling/read/{who}"),
        }
    }

    /// What worker `i` does.
    fn work(self, i: usize) -> Op {
        match self {
            Kind::Stat if i == 0 => Op::PathFilestatGet { path: "list-1000/entry-000001.txt", missing: false },
            Kind::Stat => Op::PathFilestatGet { path: "list-1000/entry-000500.txt", missing: false },
            Kind::Read => READ,
        }
    }
}

const READ: Op = Op::PreadRandom { mib: 4 };

/// Makes what the workers work on.
pub(crate) fn build(root: &Path) -> Result<()> {
    fixture::build_lists(root)?;
    fixture::build_big(root, READ)
}

/// How much faster two are than one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scaling {
    pub(crate) kind: Kind,
    pub(crate) policy: CachePolicy,
    /// Time of an operation of one thread alone.
    pub(crate) ns: f64,
    /// Two threads on one mount.
    pub(crate) threads: Spread,
    /// Two processes with a mount each.
    pub(crate) processes: Spread,
}

fn pin(cpu: usize) {
    let mut set = CpuSet::new();
    set.set(cpu);
    // Where it is not allowed, the scheduler decides.
    let _ = sched_setaffinity(None, &set);
}

/// Runs one guest or both, each on a thread and a processor of its own; from the first start to the last end.
fn threads(kind: Kind, guests: &mut [Guest<GoferP1Ctx>], n: u32) -> Result<Duration> {
    let barrier = Barrier::new(guests.len());
    let times: Vec<Result<(Instant, Instant)>> = std::thread::scope(|scope| {
        let barrier = &barrier;
        let mut running = Vec::new();
        for (i, guest) in guests.iter_mut().enumerate() {
            running.push(scope.spawn(move || {
                pin(i);
                let warm = guest.run(kind.work(i), 1000);
                barrier.wait();
                warm?;
                let start = Instant::now();
                guest.run(kind.work(i), n)?;
                Ok((start, Instant::now()))
            }));
        }
        let ended = running.into_iter().map(|thread| thread.join());
        ended.map(|joined| joined.unwrap_or_else(|_| bail!("a worker panicked"))).collect()
    });
    let times = times.into_iter().collect::<Result<Vec<_>>>()?;
    let start = times.iter().map(|(start, _)| *start).min().context("nobody ran")?;
    let end = times.iter().map(|(_, end)| *end).max().context("nobody ran")?;
    Ok(end - start)
}

/// One of the two processes: mounts its directory, then runs as many operations as each line says.
pub(crate) fn child(mut args: impl Iterator<Item = String>) -> Result<()> {
    let mut next = || args.next().context("--scaling-child DIRECTORY POLICY KIND INDEX");
    let (root, policy, kind, i) = (next()?, next()?.parse()?, next()?, next()?.parse()?);
    let kind = if kind == "stat" { Kind::Stat } else { Kind::Read };
    pin(i);
    let gofer = guest::mount(Path::new(&root), policy)?;
    let mut guest = guest::over_gofer(&Program::new()?, &gofer)?;
    guest.run(kind.work(i), 1000)?;
    println!("ready");
    for line in std::io::stdin().lines() {
        let n = line?.parse()?;
        guest.run(kind.work(i), n)?;
        println!("done");
    }
    Ok(())
}

struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Process {
    fn start(root: &Path, (kind, policy): (Kind, CachePolicy), i: usize) -> Result<Process> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(CHILD_ARGUMENT)
            .arg(root)
            .args([policy.name(), if kind == Kind::Stat { "stat" } else { "read" }, &i.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().context("no pipe")?);
        let mut process = Process { child, input, output };
        process.wait_for("ready")?;
        Ok(process)
    }

    fn order(&mut self, n: u32) -> Result<()> {
        let input = self.input.as_mut().context("no pipe")?;
        Ok(writeln!(input, "{n}")?)
    }

    fn wait_for(&mut self, word: &str) -> Result<()> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        ensure!(line.trim() == word, "a process ended early");
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It ends with its input.
        self.input = None;
        drop(self.child.wait());
    }
}

fn processes(children: &mut [Process], n: u32) -> Result<Duration> {
    let start = Instant::now();
    children.iter_mut().try_for_each(|child| child.order(n))?;
    children.iter_mut().try_for_each(|child| child.wait_for("done"))?;
    Ok(start.elapsed())
}

/// Measures a policy; `roots` are three directories, the first for the threads.
pub(crate) fn measure(
    program: &Program,
    roots: [&Path; 3],
    (kind, policy): (Kind, CachePolicy),
    effort: Effort,
) -> Result<Scaling> {
    let gofer = guest::mount(roots[0], policy)?;
    let mut guests = [guest::over_gofer(program, &gofer)?, guest::over_gofer(program, &gofer)?];
    let mut children = [Process::start(roots[1], (kind, policy), 0)?, Process::start(roots[2], (kind, policy), 1)?];
    let mut n = 1000;
    while threads(kind, &mut guests[..1], n)? < effort.sample {
        n *= 2;
    }
    let (mut ns, mut by_threads, mut by_processes) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        let one = nanos(threads(kind, &mut guests[..1], n)?);
        by_threads.push(2.0 * one / nanos(threads(kind, &mut guests, n)?));
        ns.push(one / f64::from(n));
        let one = nanos(processes(&mut children[..1], n)?);
        by_processes.push(2.0 * one / nanos(processes(&mut children, n)?));
    }
    let median = |values| Spread::of(values).context("no rounds");
    Ok(Scaling { kind, policy, ns: median(ns)?.median, threads: median(by_threads)?, processes: median(by_processes)? })
}
