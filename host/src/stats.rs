//! The `--stats` report.

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use wasi_gofer::MountStats;

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

    /// What it is called in messages.
    pub(crate) fn name(&self) -> String {
        match self {
            Sink::Stderr => "--stats".to_owned(),
            Sink::File(path, _) => format!("--stats file `{}`", path.display()),
        }
    }

    /// Writes the report of mounts that were so `before` and so `after` they were shut down.
    pub(crate) fn write(self, before: &[MountStats], after: &[MountStats]) -> Result<()> {
        let text = format!("{}\n", report(before, after));
        let name = self.name();
        match self {
            Sink::Stderr => std::io::stderr().lock().write_all(text.as_bytes()),
            Sink::File(_, mut file) => file.write_all(text.as_bytes()),
        }
        .context(name)
    }
}

/// The report as JSON. What happened includes what the shutdown did, such as bringing out the last changes; what the
/// cache holds is as it was before that emptied it.
fn report(before: &[MountStats], after: &[MountStats]) -> Value {
    json!({ "mounts": before.iter().zip(after).map(|(before, after)| mount(before, after)).collect::<Vec<_>>() })
}

fn mount(before: &MountStats, mount: &MountStats) -> Value {
    let (held, stats) = (&before.fs, &mount.fs);
    let calls: Map<String, Value> =
        stats.backend_calls.iter().map(|(op, count)| ((*op).to_owned(), Value::from(*count))).collect();
    let counters: Map<String, Value> =
        stats.backend_counters.iter().map(|(name, count)| ((*name).to_owned(), Value::from(*count))).collect();
    json!({
        "dst": mount.dst,
        "type": mount.backend,
        "cache": mount.cache.name(),
        "lookups": { "hits": stats.hits, "negative_hits": stats.negative_hits, "misses": stats.misses },
        "revalidations": stats.revalidations,
        "evictions": held.evictions,
        "dentries": held.dentries,
        "queue": {
            "watches": held.watches,
            "answers": stats.queue_answers,
            "drains": stats.queue_drains,
            "overflows": stats.queue_overflows,
        },
        "backend_calls": calls,
        "backend_counters": counters,
        "pages": { "hits": stats.page_hits, "misses": stats.page_misses },
        "bytes": {
            "read": stats.bytes_read,
            "written": stats.bytes_written,
            "written_back": stats.bytes_written_back,
            "not_written_back": stats.dirty_bytes,
            "pages": held.page_bytes,
            "cache": held.cache_bytes,
        },
    })
}
