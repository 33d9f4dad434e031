//! Where it was measured.

use crate::measure::Effort;
use anyhow::Result;
use std::path::Path;

fn first_line(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default().lines().next().unwrap_or("unknown").to_owned()
}

/// The load average.
pub(crate) fn load() -> String {
    first_line("/proc/loadavg")
}

fn processor() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
    name.trim_start_matches([' ', '\t', ':']).to_owned()
}

/// The version of a package in the lock file.
fn version(package: &str) -> &'static str {
    let lock = include_str!("../../Cargo.lock");
    let behind = lock.split_once(&format!("name = \"{package}\"\nversion = \"")).map(|(_, behind)| behind);
    behind.and_then(|behind| behind.split('"').next()).unwrap_or("unknown")
}

fn filesystem(dir: &Path) -> Result<String> {
    let magic = rustix::fs::statfs(dir)?.f_type;
    Ok(match magic {
        0xef53 => "ext4".to_owned(),
        0x0102_1994 => "tmpfs".to_owned(),
        0x5846_5342 => "xfs".to_owned(),
        0x9123_683e => "btrfs".to_owned(),
        0x794c_7630 => "overlayfs".to_owned(),
        other => format!("of type {other:#x}"),
    })
}

/// The head of the report.
pub(crate) fn print(dir: &Path, effort: Effort, quick: bool) -> Result<()> {
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    println!("wasi-gofer against wasmtime-wasi {} and the bare system calls", version("wasmtime-wasi"));
    println!("machine: {cpus} x {}, Linux {}", processor(), first_line("/proc/sys/kernel/osrelease"));
    println!("load: {}; filesystem: {}; page cache warm", load(), filesystem(dir)?);
    println!(
        "{} rounds, samples of {:?} for the slowest subject{}; engine: wasmtime {} with its defaults; RUST_BACKTRACE=0",
        effort.rounds,
        effort.sample,
        if quick { " (QUICK)" } else { "" },
        version("wasmtime"),
    );
    println!();
    Ok(())
}
