//! Processes, their time and their system calls.

use crate::stock;
use crate::work::Work;
use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use std::fmt;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use wasi_gofer::CachePolicy;

/// Who serves the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// wasmtime-wasi, in a process of this program.
    Stock,
    /// Likewise, with a clock around every call on files.
    StockClocked,
    /// `wasi-gofer run` over `directfs`.
    Ours(CachePolicy),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Stock => f.write_str("stock"),
            Subject::StockClocked => f.write_str("stock, clocked"),
            Subject::Ours(policy) => write!(f, "directfs/{policy}"),
        }
    }
}

/// One run.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    /// From the start of the process to its end.
    pub(crate) wall: Duration,
    /// Processor time of all its threads, as the kernel counts it.
    pub(crate) user: Duration,
    /// Likewise, in the kernel.
    pub(crate) system: Duration,
    /// What the guest printed.
    pub(crate) printed: String,
    /// What a clocked process spent in calls on files.
    pub(crate) in_files: Option<Duration>,
}

/// The command line of a subject.
fn words(work: &Work, subject: Subject, root: &Path) -> Result<Vec<std::ffi::OsString>> {
    let argv0 = format!("{}.wasm", work.name);
    let mut words = match subject {
        Subject::Stock | Subject::StockClocked => {
            let child = stock::argument(subject == Subject::StockClocked);
            vec![std::env::current_exe()?.into(), child.into(), root.into()]
        }
        Subject::Ours(policy) => {
            let root = root.to_str().context("a directory that is UTF-8")?;
            let mount = format!("--mount=\"src={root}\",dst=/,cache={policy}");
            vec![env!("CARGO_BIN_EXE_wasi-gofer").into(), "run".into(), mount.into(), format!("--argv0={argv0}").into()]
        }
    };
    words.push(work.module.clone().into());
    words.extend(work.args.iter().map(Into::into));
    Ok(words)
}

/// The command, with a cache of compiled code of its own and without backtraces, which cost stock 10 us for each error.
fn command(words: &[std::ffi::OsString], dir: &Path) -> Result<Command> {
    let (program, args) = words.split_first().context("no program")?;
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null());
    command.env("XDG_CACHE_HOME", dir.join("cache")).env("XDG_CONFIG_HOME", dir.join("config"));
    command.env("RUST_BACKTRACE", "0").env_remove("RUST_LIB_BACKTRACE").env_remove("RUST_LOG");
    Ok(command)
}

/// Makes the files anew and runs the work once.
pub(crate) fn run(work: &Work, subject: Subject, dir: &Path, root: &Path) -> Result<Run> {
    work.prepare(root)?;
    let (out, err) = (dir.join("stdout"), dir.join("stderr"));
    let mut command = command(&words(work, subject, root)?, dir)?;
    command.stdout(File::create(&out)?).stderr(File::create(&err)?);
    let start = Instant::now();
    let mut child = command.spawn()?;
    let pid = Pid::from_child(&child);
    // It stays there to be asked for its time.
    while waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)?.is_none() {}
    let wall = start.elapsed();
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id()))?;
    let status = child.wait()?;
    let told = fs::read_to_string(&err)?;
    ensure!(status.success(), "{status}: {told}");
    let (user, system) = times(&stat).with_context(|| format!("no times in `{stat}`"))?;
    let in_files = stock::told_time(&told);
    Ok(Run { wall, user, system, printed: fs::read_to_string(&out)?, in_files })
}

/// User and system time of `/proc/PID/stat`, which are its 14th and 15th field; the second ends with the last `)`.
fn times(stat: &str) -> Option<(Duration, Duration)> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let tick = 1.0 / f64::from(u32::try_from(rustix::param::clock_ticks_per_second()).ok()?);
    let mut next = || Some(Duration::from_secs_f64(fields.next()?.parse::<f64>().ok()? * tick));
    Some((next()?, next()?))
}

/// How many system calls the work takes, by strace; nothing where there is none, or none that may.
pub(crate) fn syscalls(work: &Work, subject: Subject, dir: &Path) -> Result<Option<u64>> {
    let root = dir.join("files");
    work.prepare(&root)?;
    let counts = dir.join("strace");
    let mut words = words(work, subject, &root)?;
    let head = ["strace", "-f", "-c", "-U", "calls,name", "-o"].map(Into::into);
    words.splice(0..0, head.into_iter().chain([counts.clone().into(), "--".into()]));
    let mut command = command(&words, dir)?;
    match command.stdout(Stdio::null()).stderr(Stdio::null()).status() {
        Ok(status) if status.success() => {}
        _ => return Ok(None),
    }
    let total = |line: &str| line.trim().strip_suffix("total")?.trim().parse().ok();
    Ok(fs::read_to_string(counts)?.lines().find_map(total))
}
