//! Two threads on one mount, with two processes beside them to know what the machine itself can do.

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

/// How much faster two are than one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scaling {
    pub(crate) policy: CachePolicy,
    /// Time of an operation of one thread alone.
    pub(crate) ns: f64,
    /// Two threads on one mount.
    pub(crate) threads: Spread,
    /// Two processes with a mount each.
    pub(crate) processes: Spread,
}

/// What worker `i` stats: different files of one directory.
fn op(i: usize) -> Op {
    let path = if i == 0 { "list-1000/entry-000001.txt" } else { "list-1000/entry-000500.txt" };
    Op::PathFilestatGet { path, missing: false }
}

fn pin(cpu: usize) {
    let mut set = CpuSet::new();
    set.set(cpu);
    // Where it is not allowed, the scheduler decides.
    let _ = sched_setaffinity(None, &set);
}

/// Runs one guest or both, each on a thread and a processor of its own; from the first start to the last end.
fn threads(guests: &mut [Guest<GoferP1Ctx>], n: u32) -> Result<Duration> {
    let barrier = Barrier::new(guests.len());
    let times: Vec<Result<(Instant, Instant)>> = std::thread::scope(|scope| {
        let barrier = &barrier;
        let mut running = Vec::new();
        for (i, guest) in guests.iter_mut().enumerate() {
            running.push(scope.spawn(move || {
                pin(i);
                let warm = guest.run(op(i), 1000);
                barrier.wait();
                warm?;
                let start = Instant::now();
                guest.run(op(i), n)?;
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
    let mut next = || args.next().context("--scaling-child DIRECTORY POLICY INDEX");
    let (root, policy, i) = (next()?, next()?.parse()?, next()?.parse()?);
    pin(i);
    let gofer = guest::mount(Path::new(&root), policy)?;
    let mut guest = guest::over_gofer(&Program::new()?, &gofer)?;
    guest.run(op(i), 1000)?;
    println!("ready");
    for line in std::io::stdin().lines() {
        let n = line?.parse()?;
        guest.run(op(i), n)?;
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
    fn start(root: &Path, policy: CachePolicy, i: usize) -> Result<Process> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(CHILD_ARGUMENT)
            .arg(root)
            .args([policy.name(), &i.to_string()])
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
pub(crate) fn measure(program: &Program, roots: [&Path; 3], policy: CachePolicy, effort: Effort) -> Result<Scaling> {
    let gofer = guest::mount(roots[0], policy)?;
    let mut guests = [guest::over_gofer(program, &gofer)?, guest::over_gofer(program, &gofer)?];
    let mut children = [Process::start(roots[1], policy, 0)?, Process::start(roots[2], policy, 1)?];
    let mut n = 1000;
    while threads(&mut guests[..1], n)? < effort.sample {
        n *= 2;
    }
    let (mut ns, mut by_threads, mut by_processes) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        let one = nanos(threads(&mut guests[..1], n)?);
        by_threads.push(2.0 * one / nanos(threads(&mut guests, n)?));
        ns.push(one / f64::from(n));
        let one = nanos(processes(&mut children[..1], n)?);
        by_processes.push(2.0 * one / nanos(processes(&mut children, n)?));
    }
    let median = |values| Spread::of(values).context("no rounds");
    Ok(Scaling { policy, ns: median(ns)?.median, threads: median(by_threads)?, processes: median(by_processes)? })
}
