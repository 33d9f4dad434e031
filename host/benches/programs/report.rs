//! The table and the JSON.

use crate::process::Subject;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::path::Path;

/// A median with its quartiles.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) q1: f64,
    pub(crate) median: f64,
    pub(crate) q3: f64,
}

impl Spread {
    /// Of at least one value; between two where the place is between them.
    pub(crate) fn of(mut values: Vec<f64>) -> Option<Spread> {
        values.sort_by(f64::total_cmp);
        let at = |quarter: usize| {
            let scaled = values.len().checked_sub(1)? * quarter;
            let (low, rest) = (values.get(scaled / 4)?, [0.0, 0.25, 0.5, 0.75].get(scaled % 4)?);
            let high = values.get(scaled / 4 + 1).unwrap_or(low);
            Some(low + (high - low) * rest)
        };
        Some(Spread { q1: at(1)?, median: at(2)?, q3: at(3)? })
    }
}

/// One subject's figures in one work; times in seconds.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    pub(crate) work: &'static str,
    pub(crate) subject: Subject,
    pub(crate) wall: Spread,
    pub(crate) to_stock: Spread,
    pub(crate) user: f64,
    pub(crate) system: f64,
    /// `None` where nobody counted.
    pub(crate) syscalls: Option<u64>,
    /// Of stock alone.
    pub(crate) share_of_files: Option<f64>,
}

/// Everything that was measured.
#[derive(Debug, Default)]
pub(crate) struct Results {
    pub(crate) figures: Vec<Figure>,
    pub(crate) quick: bool,
}

fn first_line(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default().lines().next().unwrap_or("unknown").to_owned()
}

/// Where and how it is measured.
pub(crate) fn print_head(dir: &Path, rounds: usize, quick: bool) -> Result<()> {
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let magic = rustix::fs::statfs(dir)?.f_type;
    println!("programs as whole processes: wasi-gofer run against wasmtime-wasi");
    println!("{cpus} processors, Linux {}, filesystem {magic:#x}", first_line("/proc/sys/kernel/osrelease"));
    println!("load {}; {rounds} rounds{}\n", first_line("/proc/loadavg"), if quick { " (QUICK)" } else { "" });
    println!(
        "{:<24} {:>10}  {:>22}  {:>9} {:>9}  {:>10}",
        "program, subject", "wall", "x stock [quartiles]", "user", "system", "calls"
    );
    Ok(())
}

/// One work's lines.
pub(crate) fn print(figures: &[Figure]) {
    let Some(first) = figures.first() else { return };
    println!("{}", first.work);
    for figure in figures {
        let ratio = format!("{:.2} [{:.2} {:.2}]", figure.to_stock.median, figure.to_stock.q1, figure.to_stock.q3);
        let calls = figure.syscalls.map_or_else(|| "-".to_owned(), |calls| calls.to_string());
        println!(
            "    {:<20} {:>7.1} ms  {ratio:>22}  {:>6.0} ms {:>6.0} ms  {calls:>10}",
            figure.subject.to_string(),
            figure.wall.median * 1e3,
            figure.user * 1e3,
            figure.system * 1e3,
        );
    }
    if let Some(share) = first.share_of_files {
        let most = 1.0 / (1.0 - share).max(f64::EPSILON);
        println!("    {:.0} % of a stock process are calls on files: {most:.2}x at most", share * 100.0);
    }
    if figures.iter().any(|figure| figure.syscalls.is_none()) {
        println!("    system calls not counted everywhere: a quick run, or no strace that may");
    }
}

/// Writes a list of `{op, subject, ns, ratio_to_stock, ...}`.
pub(crate) fn write_json(results: &Results, path: &Path) -> Result<()> {
    let figure = |figure: &Figure| {
        let quartiles = [figure.wall.q1, figure.wall.median, figure.wall.q3].map(|time| time * 1e9);
        json!({
            "op": format!("programs/{}", figure.work),
            "subject": figure.subject.to_string(),
            "ns": figure.wall.median * 1e9,
            "ns_quartiles": quartiles,
            "ratio_to_stock": figure.to_stock.median,
            "ratio_to_stock_quartiles": [figure.to_stock.q1, figure.to_stock.median, figure.to_stock.q3],
            "user_ns": figure.user * 1e9,
            "system_ns": figure.system * 1e9,
            "syscalls": figure.syscalls,
            "share_of_files": figure.share_of_files,
            "quick": results.quick,
        })
    };
    let list = Value::Array(results.figures.iter().map(figure).collect());
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let text = serde_json::to_string_pretty(&list)? + "\n";
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
