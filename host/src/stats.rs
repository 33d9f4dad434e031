//! The `--stats` report.

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use wasi_gofer::{Gofer, MountStats};

/// Where the report goes.
#[derive(Debug)]
pub(crate) enum Sink {
    /// The standard error stream.
    Stderr,
    /// A file, made before the guest starts so that a bad path is no partial run.
    File(PathBuf, File),
}

impl Sink {
    /// Opens what `--stats[=FILE]` names.
    pub(crate) fn open(file: Option<&Path>) -> Result<Sink> {
        let Some(path) = file else { return Ok(Sink::Stderr) };
        let file = File::create(path).with_context(|| format!("--stats file `{}`", path.display()))?;
        Ok(Sink::File(path.to_owned(), file))
    }

    /// Writes the report.
    pub(crate) fn write(self, gofer: &Gofer) -> Result<()> {
        let text = format!("{}\n", report(&gofer.stats()));
        match self {
            Sink::Stderr => std::io::stderr().lock().write_all(text.as_bytes()).context("--stats"),
            Sink::File(path, mut file) => {
                file.write_all(text.as_bytes()).with_context(|| format!("--stats file `{}`", path.display()))
            }
        }
    }
}

/// The report as JSON.
fn report(mounts: &[MountStats]) -> Value {
    json!({ "mounts": mounts.iter().map(mount).collect::<Vec<_>>() })
}

fn mount(mount: &MountStats) -> Value {
    let stats = &mount.fs;
    let calls: Map<String, Value> =
        stats.backend_calls.iter().map(|(op, count)| ((*op).to_owned(), Value::from(*count))).collect();
    json!({
        "dst": mount.dst,
        "type": mount.backend,
        "cache": mount.cache.name(),
        "lookups": { "hits": stats.hits, "negative_hits": stats.negative_hits, "misses": stats.misses },
        "revalidations": stats.revalidations,
        "evictions": stats.evictions,
        "dentries": stats.dentries,
        "queue": {
            "watches": stats.watches,
            "answers": stats.queue_answers,
            "drains": stats.queue_drains,
            "overflows": stats.queue_overflows,
        },
        "backend_calls": calls,
        "bytes": { "read": stats.bytes_read, "written": stats.bytes_written, "cache": stats.cache_bytes },
    })
}
