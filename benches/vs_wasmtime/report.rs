//! The table, the targets and the JSON.

use crate::measure::{Figure, Spread};
use crate::memory::Memory;
use crate::scaling::{Kind, Scaling};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::path::Path;

/// Everything that was measured.
#[derive(Debug, Default)]
pub(crate) struct Results {
    pub(crate) figures: Vec<Figure>,
    pub(crate) memory: Vec<Memory>,
    pub(crate) scaling: Vec<Scaling>,
    pub(crate) quick: bool,
}

fn time(ns: f64) -> String {
    match ns {
        ns if ns < 1e4 => format!("{ns:.1} ns"),
        ns if ns < 1e7 => format!("{:.1} us", ns / 1e3),
        ns => format!("{:.1} ms", ns / 1e6),
    }
}

fn ratio(ratio: Option<Spread>) -> String {
    ratio.map_or_else(|| "-".to_owned(), |r| format!("{:.2} [{:.2} {:.2}]", r.median, r.q1, r.q3))
}

/// One row's lines.
pub(crate) fn print_row(figures: &[Figure], beside: Than) {
    let Some(first) = figures.first() else { return };
    println!("{}   ({} turns a sample)", first.op, first.iterations);
    for figure in figures {
        let (stock, other) = (ratio(figure.to_stock), ratio(figure.to(beside)));
        println!("    {:<22} {:>12}  {stock:>26}  {other:>26}", figure.subject, time(figure.ns.median));
    }
}

/// What the columns are.
pub(crate) fn print_head(beside: Than) {
    let whom = match beside {
        Stock => "stock",
        Syscall => "syscall",
        Stub => "stub",
        Gvisor => "gvisor",
    };
    let other = format!("x {whom} [quartiles]");
    println!();
    println!("{:<26} {:>12}  {:>26}  {other:>26}", "operation, subject", "median", "x stock [quartiles]");
}

/// The figures of memory and of two threads.
pub(crate) fn print_rest(results: &Results) {
    println!();
    for memory in &results.memory {
        println!(
            "{:<16} {:>7.1} bytes per entry: {} entries, filled minus after dropping the caches ({:.1} more than before)",
            memory.op, memory.dropped, memory.entries, memory.grown
        );
    }
    for scaling in &results.scaling {
        println!(
            "{:<24} two threads on one mount {:.2} [{:.2} {:.2}] times one ({:.1} ns); two processes {:.2} [{:.2} {:.2}]",
            scaling.kind.name(scaling.policy),
            scaling.threads.median,
            scaling.threads.q1,
            scaling.threads.q3,
            scaling.ns,
            scaling.processes.median,
            scaling.processes.q1,
            scaling.processes.q3,
        );
    }
}

struct Target {
    what: &'static str,
    wanted: String,
    reached: Option<String>,
    pass: bool,
    /// Why it is not judged.
    void: Option<String>,
}

/// What a target compares with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Than {
    Stock,
    Syscall,
    Stub,
    Gvisor,
}
use Than::{Gvisor, Stock, Stub, Syscall};

impl Figure {
    fn to(&self, than: Than) -> Option<Spread> {
        match than {
            Stock => self.to_stock,
            Syscall => self.to_syscall,
            Stub => self.to_stub,
            Gvisor => self.to_gvisor,
        }
    }
}

/// At least so many times as fast: subject, operation, than whom, factor.
#[rustfmt::skip]
const TIMES: &[(&str, &str, Than, f64)] = &[
    ("directfs/exclusive", "p1/path_filestat_get/existing-depth1", Stock, 15.0),
    ("directfs/exclusive", "p1/path_filestat_get/existing-depth1", Syscall, 3.0),
    ("directfs/exclusive", "p1/path_filestat_get/existing-depth4", Stock, 15.0),
    ("directfs/exclusive", "p1/path_filestat_get/missing", Stock, 6.0),
    ("directfs/exclusive", "p1/path_open+fd_close/read-only", Stock, 6.0),
    ("directfs/exclusive", "p1/fd_filestat_get", Stock, 8.0),
    ("directfs/exclusive", "p1/fd_readdir/1000", Stock, 100.0),
    ("directfs/exclusive", "p1/tree-walk/10000", Stock, 10.0),
    ("directfs/exclusive", "p1/fd_pread/13B/same-page", Stock, 8.0),
    ("directfs/exclusive", "p1/fd_read/13B/sequential", Stock, 8.0),
    ("directfs/exclusive", "p1/fd_pread/4KiB/same-page", Stock, 6.0),
    ("directfs/exclusive", "p1/fd_read/4KiB/sequential", Stock, 6.0),
    ("directfs/exclusive", "p1/fd_pread/4KiB/random-32MiB", Stock, 3.0),
    ("directfs/exclusive", "p1/fd_pread/64KiB/same-page", Stock, 1.8),
    ("directfs/exclusive", "p1/fd_pread/1MiB/same-page", Stock, 1.5),
    ("directfs/exclusive", "p1/fd_read/64KiB/sequential", Stock, 1.1),
    ("directfs/exclusive", "p1/fd_pwrite/4KiB/overwrite-8MiB", Stock, 8.0),
    ("directfs/exclusive", "p1/seq-write/256MiB-64KiB+fsync", Stock, NOT_SLOWER),
    ("directfs/exclusive", "p1/seq-write/256MiB-4KiB+fsync", Stock, NOT_SLOWER),
    ("directfs/exclusive", "p1/seq-read-cold/256MiB-64KiB", Syscall, 0.9),
    ("directfs/exclusive", "p1/seq-read-cold/256MiB-1MiB", Syscall, 0.9),
    ("directfs/exclusive", "p1/issue-7973", Stock, 10.0),
    ("directfs/exclusive", "p1/issue-7973", Syscall, 1.0),
    ("directfs/exclusive", "p1/issue-7973/fsync", Stock, NOT_SLOWER),
    ("directfs/shared", "p1/path_filestat_get/existing-depth1", Stock, 3.5),
    ("directfs/shared", "p1/path_filestat_get/existing-depth4", Stock, 2.0),
    ("directfs/shared", "p1/path_filestat_get/existing-depth4", Syscall, 1.0),
    ("directfs/shared", "p1/path_filestat_get/directory", Stock, 6.0),
    ("directfs/shared", "p1/path_filestat_get/missing", Stock, 2.5),
    ("directfs/shared", "p1/fd_pread/4KiB/same-page", Stock, 1.3),
    ("directfs/shared", "p1/fd_readdir/10", Stock, 10.0),
    ("directfs/shared", "p1/fd_readdir/1000", Stock, 50.0),
    ("directfs/shared", "p1/tree-walk/10000", Stock, 3.0),
    ("directfs/exclusive", "p2/get-type", Stub, 1.0 / 1.4),
    ("directfs/exclusive", "p2/stat-at/existing", Stub, 1.0 / 1.4),
    ("directfs/exclusive", "p2/stat-at/missing", Stub, 1.0 / 1.4),
    ("directfs/exclusive", "p2/stat", Stub, 1.0 / 1.4),
    ("directfs/exclusive", "p2/open-at+drop", Stub, 1.0 / 1.4),
    ("directfs/exclusive", "p2/read/4KiB", Stub, 1.0 / 1.3),
    ("directfs/exclusive", "p2/read-directory/1000", Stock, 2.0),
    ("directfs/exclusive", "p3/read-via-stream/16MiB-4KiB", Stock, 1.5),
    ("directfs/exclusive", "p3/read-via-stream/16MiB-64KiB", Stock, 1.1),
    ("directfs/exclusive", "p3/read-directory/1000", Stock, 3.0),
    ("directfs/exclusive", "gvisor/stat/existing-depth4", Gvisor, 10.0),
    ("lisafs-gvisor/exclusive", "gvisor/stat/existing-depth4", Gvisor, 10.0),
    ("lisafs-gvisor/shared", "gvisor/stat/existing-depth4", Gvisor, 1.0),
    ("lisafs/shared", "gvisor/stat/existing-depth4", Gvisor, 1.0),
];

/// No operation of any policy may be slower than stock, but for noise.
const NOT_SLOWER: f64 = 0.97;
const DENTRY_BYTES: f64 = 600.0;
const NEGATIVE_BYTES: f64 = 200.0;
const TWO_THREADS: f64 = 1.6;
/// What two processes must reach for two threads to be judged.
const TWO_PROCESSES: f64 = 1.9;

fn at_least(what: &'static str, wanted: f64, reached: Option<f64>, unit: &str) -> Target {
    Target {
        what,
        wanted: format!(">= {}x {unit}", (wanted * 100.0).round() / 100.0),
        reached: reached.map(|reached| format!("{reached:.2}x")),
        pass: reached.is_some_and(|reached| reached >= wanted),
        void: None,
    }
}

impl Results {
    fn figure(&self, subject: &str, op: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.subject == subject && figure.op == op)
    }

    fn memory_target(&self, op: &'static str, limit: f64) -> Target {
        let bytes = self.memory.iter().find(|memory| memory.op == op).map(Memory::bytes);
        Target {
            what: op,
            wanted: format!("<= {limit} bytes"),
            reached: bytes.map(|bytes| format!("{bytes:.0}")),
            pass: bytes.is_some_and(|bytes| bytes <= limit),
            void: None,
        }
    }

    fn targets(&self) -> Vec<(String, Target)> {
        let mut targets = Vec::new();
        for &(subject, op, than, wanted) in TIMES {
            let figure = self.figure(subject, op);
            let ratio = figure.and_then(|figure| figure.to(than));
            let unit = match than {
                Stock => "stock",
                Syscall => "the bare calls",
                Stub => "the stub",
                Gvisor => "in gVisor",
            };
            targets.push((subject.to_owned(), at_least(op, wanted, ratio.map(|ratio| ratio.median), unit)));
        }
        for op in [("memory/dentry", DENTRY_BYTES), ("memory/negative", NEGATIVE_BYTES)] {
            targets.push(("any".to_owned(), self.memory_target(op.0, op.1)));
        }
        for scaling in &self.scaling {
            let what = if scaling.kind == Kind::Stat { "scaling/two-threads" } else { "scaling/read/two-threads" };
            let mut target = at_least(what, TWO_THREADS, Some(scaling.threads.median), "one");
            let machine = scaling.processes.median;
            if machine < TWO_PROCESSES && !target.pass {
                target.void = Some(format!("two processes reach only {machine:.2}x"));
            }
            targets.push((format!("directfs/{}", scaling.policy), target));
        }
        targets
    }

    /// Rows of ours that are slower than stock.
    fn slower(&self) -> Vec<(&Figure, Spread)> {
        let ours = self.figures.iter().filter(|figure| figure.subject.starts_with("directfs/"));
        let with_ratio = ours.filter_map(|figure| Some((figure, figure.to_stock?)));
        with_ratio.filter(|(_, ratio)| ratio.median < NOT_SLOWER).collect()
    }
}

/// Every target beside what was reached; how many were missed.
pub(crate) fn print_targets(results: &Results) -> usize {
    println!("\ntargets");
    let mut missed = 0;
    for (subject, target) in results.targets() {
        let verdict = match (&target.reached, &target.void) {
            (None, _) => "not measured".to_owned(),
            (Some(_), Some(why)) => format!("not judged: {why}"),
            (Some(_), None) if target.pass => "PASS".to_owned(),
            (Some(_), None) => {
                missed += 1;
                "MISS".to_owned()
            }
        };
        let reached = target.reached.unwrap_or_default();
        println!("    {subject:<22} {:<38} {:<24} {reached:>10}  {verdict}", target.what, target.wanted);
    }
    let slower = results.slower();
    let verdict = if slower.is_empty() { "PASS" } else { "MISS" };
    println!("    {:<22} {:<38} {:<24} {:>10}  {verdict}", "each policy", "every row", ">= 0.97x stock", slower.len());
    for (figure, ratio) in &slower {
        println!(
            "        {:<22} {:<38} {:.2} [{:.2} {:.2}]",
            figure.subject, figure.op, ratio.median, ratio.q1, ratio.q3
        );
    }
    missed + slower.len()
}

fn spread(spread: Option<Spread>) -> Value {
    spread.map_or(Value::Null, |s| json!([s.q1, s.median, s.q3]))
}

fn median(spread: Option<Spread>) -> Value {
    spread.map_or(Value::Null, |s| json!(s.median))
}

/// Writes the list of `{op, subject, ns, ratio_to_stock, ratio_to_syscall}`. Lines of memory and scaling have a `value`
/// and no ratios.
pub(crate) fn write_json(results: &Results, path: &Path) -> Result<()> {
    let quick = results.quick;
    let figure = |f: &Figure| {
        json!({
            "op": f.op, "subject": f.subject, "ns": f.ns.median,
            "ratio_to_stock": median(f.to_stock), "ratio_to_syscall": median(f.to_syscall),
            "ratio_to_stub": median(f.to_stub), "ratio_to_gvisor": median(f.to_gvisor),
            "ns_quartiles": spread(Some(f.ns)), "ratio_to_stock_quartiles": spread(f.to_stock),
            "ratio_to_syscall_quartiles": spread(f.to_syscall), "ratio_to_stub_quartiles": spread(f.to_stub),
            "iterations": f.iterations, "rounds": f.rounds, "quick": quick,
        })
    };
    let mut list: Vec<Value> = results.figures.iter().map(figure).collect();
    let plain = |op: &str, subject: String, ns: Value, value: f64, unit: &str| {
        json!({
            "op": op, "subject": subject, "ns": ns, "ratio_to_stock": null, "ratio_to_syscall": null,
            "value": value, "unit": unit, "quick": quick,
        })
    };
    for memory in &results.memory {
        list.push(plain(memory.op, "made-up/exclusive".to_owned(), Value::Null, memory.bytes(), "bytes per entry"));
    }
    for scaling in &results.scaling {
        let (subject, ns) = (format!("directfs/{}", scaling.policy), json!(scaling.ns));
        for (who, spread) in [("two-threads", scaling.threads), ("two-processes", scaling.processes)] {
            list.push(plain(&scaling.kind.op(who), subject.clone(), ns.clone(), spread.median, "times one"));
        }
    }
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let text = serde_json::to_string_pretty(&Value::Array(list))?;
    std::fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
}
