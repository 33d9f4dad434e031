//! A walk over a tree of 10,000 files that is not in our cache yet, as `find -ls` does it: each directory is listed, and each
//! entry's attributes are asked for by its path.

use super::{CALL, quartiles, runsc};
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::time::Instant;
use wasi_gofer::abi::FileType;
use wasi_gofer::backend::lisafs::{LisaFs, LisaFsOptions, Program};
use wasi_gofer::{CachePolicy, DirectFs, FsOptions, Gofer, GoferCtx, MountOptions, SharedBackend};

/// Directories of the tree, and files in each.
const DIRECTORIES: usize = 100;
const FILES: usize = 100;

/// Where the files come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Direct,
    Sidecar,
    Gvisor,
}

fn fill(root: &Path) -> Result<()> {
    for directory in 0..DIRECTORIES {
        let path = root.join(format!("directory-{directory}"));
        std::fs::create_dir(&path)?;
        for file in 0..FILES {
            std::fs::write(path.join(format!("file-{file}")), "")?;
        }
    }
    Ok(())
}

fn walk(ctx: &GoferCtx, path: &str) -> Result<usize> {
    let mut files = 0;
    for entry in ctx.read_dir_path(CALL, path).context("a list")? {
        let path = format!("{path}/{}", String::from_utf8_lossy(&entry.name));
        let stat = ctx.lookup_stat(CALL, &path, false).context("a stat")?;
        files += if stat.file_type == FileType::Directory { walk(ctx, &path)? } else { 1 };
    }
    Ok(files)
}

/// Microseconds for one file of a walk by a mount that is made for it.
fn sample(source: Source, policy: CachePolicy, root: &Path) -> Result<Option<f64>> {
    let mut gofer = None;
    let backend = match source {
        Source::Direct => SharedBackend::new(DirectFs::open_ambient(root)?),
        Source::Sidecar => {
            let program = Program::new(env!("CARGO_BIN_EXE_wasi-gofer-sidecar"), root);
            SharedBackend::new(LisaFs::start(&program, LisaFsOptions::default())?)
        }
        Source::Gvisor => {
            let Some((started, socket)) = runsc::Runsc::start("gVisor's gofer", &[]) else { return Ok(None) };
            fill(&started.root())?;
            gofer = Some(started);
            SharedBackend::new(LisaFs::connect(socket, LisaFsOptions::default())?)
        }
    };
    let options = MountOptions { read_only: false, fs: FsOptions::with_policy(policy) };
    let mounted = Gofer::builder().mount("/", backend, options).build()?;
    let ctx = mounted.ctx();
    let start = Instant::now();
    let files = walk(&ctx, "")?;
    let us = start.elapsed().as_secs_f64() * 1e6;
    ensure!(files == DIRECTORIES * FILES, "{files} files");
    drop(ctx);
    drop(mounted);
    if let Some(gofer) = gofer {
        gofer.end();
    }
    Ok(Some(us / files as f64))
}

/// Prints the table, and answers its rows.
pub(super) fn report(rounds: usize) -> Result<Vec<serde_json::Value>> {
    let dir = tempfile::tempdir()?;
    fill(dir.path())?;
    let mut rows = Vec::new();
    println!("\ncold walk of {} files, us a file: median (quartiles), and times directfs", DIRECTORIES * FILES);
    for policy in [CachePolicy::Exclusive, CachePolicy::Shared] {
        let sources = [Source::Direct, Source::Sidecar, Source::Gvisor];
        let mut samples = [const { Vec::new() }; 3];
        for round in 0..rounds {
            for turn in 0..sources.len() {
                let at = (round + turn) % sources.len();
                samples[at].extend(sample(sources[at], policy, dir.path())?);
            }
        }
        let direct = quartiles(&mut samples[0])[1];
        for (source, samples) in sources.iter().zip(&mut samples).filter(|(_, samples)| !samples.is_empty()) {
            let [low, median, high] = quartiles(samples);
            let times = median / direct;
            println!(
                "    {:12}{:10}{median:8.2} ({low:.2}..{high:.2}){times:8.2}x",
                policy.name(),
                format!("{source:?}")
            );
            rows.push(serde_json::json!({
                "op": "cold walk", "policy": policy.name(), "subject": format!("{source:?}"), "us": median, "times": times,
            }));
        }
    }
    Ok(rows)
}
