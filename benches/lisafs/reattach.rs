//! How long guests of a hard mount wait behind a killed sidecar: until the first answer, and until each of 1,000 open files
//! has told its attributes and been read.

use crate::serving::serving;
use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Signal, kill_process};
use std::io::IoSliceMut;
use std::time::{Duration, Instant};
use wasi_gofer::abi::{Call, Errno};
use wasi_gofer::backend::lisafs::{HardLisaFs, LisaFsOptions, Program, RpcCounts};
use wasi_gofer::vfs::{Descriptor, OpenFile, OpenHow};
use wasi_gofer::{CachePolicy, FsOptions, Gofer, GoferCtx, MountOptions};

const CALL: &Call = &Call::WAITING;

/// Open files.
const FILES: usize = 1000;

/// How long a killed process may take to go.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where each file is.
type Place = fn(usize) -> String;

const TREES: [(&str, Place); 2] = [
    ("in one directory", |file| format!("file-{file}")),
    ("three deep, in 100", |file| format!("a-{}/b-{}/file-{file}", file % 10, file / 10 % 10)),
];

/// A guest with its open files.
struct Guest {
    dir: tempfile::TempDir,
    ctx: GoferCtx,
    files: Vec<OpenFile>,
    counts: std::sync::Arc<RpcCounts>,
    _gofer: Gofer,
}

fn contents(file: usize) -> String {
    format!("contents of {file}")
}

impl Guest {
    fn new(path: Place, host_fds: bool, jail: &str) -> Result<Guest> {
        let dir = tempfile::tempdir()?;
        for file in 0..FILES {
            let path = dir.path().join(path(file));
            std::fs::create_dir_all(path.parent().context("a parent")?)?;
            std::fs::write(path, contents(file))?;
        }
        let program = Program::new(env!("CARGO_BIN_EXE_wasi-gofer-sidecar"), dir.path()).jail(jail);
        let backend = HardLisaFs::start(program, LisaFsOptions { host_fds, ..LisaFsOptions::default() })?;
        let counts = backend.rpc_counts();
        let fs = FsOptions::with_policy(CachePolicy::Shared);
        let gofer = Gofer::builder().mount("/", backend, MountOptions { read_only: false, fs }).build()?;
        let ctx = gofer.ctx();
        let root = ctx.open_preopen(CALL, &ctx.preopens()[0])?;
        let how = OpenHow { read: true, write: true, ..OpenHow::default() };
        let mut files = Vec::new();
        for file in 0..FILES {
            match root.open_at(CALL, path(file).as_bytes(), how)? {
                Descriptor::File(file) => files.push(file),
                Descriptor::Directory(_) => bail!("a directory"),
            }
        }
        Ok(Guest { dir, ctx, files, counts, _gofer: gofer })
    }

    /// Kills the sidecar; answers when that was asked for, once it is gone.
    fn kill(&self) -> Result<Instant> {
        let pids = serving(self.dir.path());
        ensure!(!pids.is_empty(), "no sidecar");
        let start = Instant::now();
        for pid in &pids {
            // The outer one ends with the inner.
            let _ = kill_process(*pid, Signal::KILL);
        }
        Ok(start)
    }

    fn look_at_all(&self) -> Result<()> {
        for (number, file) in self.files.iter().enumerate() {
            let is = contents(number);
            ensure!(file.stat(CALL)?.size == is.len() as u64, "another file");
            let mut room = [0; 64];
            let count = file.read_at(CALL, &mut [IoSliceMut::new(&mut room)], 0)?;
            ensure!(&room[..count] == is.as_bytes(), "other contents");
        }
        Ok(())
    }

    /// Milliseconds until the first answer, and until all files have answered.
    fn sample(&self) -> Result<[f64; 2]> {
        self.look_at_all()?;
        let start = self.kill()?;
        // One that nobody asked for before, so that there is nothing known of it.
        let asked = format!("/none-{}", self.counts.total());
        ensure!(self.ctx.lookup_stat(CALL, &asked, true) == Err(Errno::Noent.into()), "there is no such name");
        let first = start.elapsed();
        self.look_at_all()?;
        let all = start.elapsed();
        ensure!(start.elapsed() < PATIENCE, "it took too long to mean anything");
        Ok([first, all].map(|time| time.as_secs_f64() * 1000.0))
    }
}

/// Measures, and prints a table.
pub(crate) fn run(rounds: usize, jail: &str, json: &mut Vec<serde_json::Value>) -> Result<()> {
    println!("\n{:40}{:>26}{:>26}", "re-attach, 1000 open files, ms", "first answer", "all answered");
    for (tree, path) in TREES {
        for (way, host_fds) in [("by descriptor", true), ("by message", false)] {
            let guest = Guest::new(path, host_fds, jail)?;
            let before = guest.counts.total();
            let mut samples = [Vec::new(), Vec::new()];
            for _ in 0..rounds {
                let sample = guest.sample()?;
                samples.iter_mut().zip(sample).for_each(|(samples, sample)| samples.push(sample));
            }
            let messages = (guest.counts.total() - before) / rounds as u64;
            let name = format!("{tree}, {way}");
            let told = samples.map(|mut samples| super::quartiles(&mut samples));
            let [first, all] = told.map(|[low, median, high]| format!("{median:.2} ({low:.2}..{high:.2})"));
            println!("{name:40}{first:>26}{all:>26}  {messages} messages a round");
            for (what, [low, median, high]) in ["first answer", "all answered"].iter().zip(told) {
                json.push(serde_json::json!({
                    "op": format!("re-attach, {what}"), "subject": name, "ms": median, "low": low, "high": high,
                }));
            }
        }
    }
    Ok(())
}
