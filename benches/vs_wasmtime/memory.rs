//! What a cached name costs: a million of them, over a backend that makes up its names.

use crate::alloc;
use anyhow::{Result, anyhow, ensure};
use std::num::NonZeroI64;
use wasi_gofer::abi::{Mode, Name, OpenFlags, Timespec};
use wasi_gofer::backend::{Backend, DirentSink, Found, Object};
use wasi_gofer::{CachePolicy, Call, Errno, Error, FileType, FsOptions, Gofer, MemoryFs, MountOptions, Stat};

type Answer<T> = wasi_gofer::abi::Result<T>;

/// Directories `d000` to `d999` with the files `file-00000000` and up; nothing else exists.
struct MadeUp;

fn found(ino: u64, file_type: FileType) -> Found<u64> {
    let time = Timespec { secs: 1_700_000_000, nanos: 0 };
    let key = wasi_gofer::abi::InodeKey { dev: 1, ino, birth_ns: NonZeroI64::new(1) };
    let (mode, nlink) = (Mode::new(0o755), 1);
    let (uid, gid, size, blocks, blksize) = (0, 0, 0, 0, 4096);
    let stat =
        Stat { key, file_type, mode, nlink, uid, gid, size, blocks, blksize, atime: time, mtime: time, ctime: time };
    Found { node: ino, stat }
}

fn number(name: Name<'_>, prefix: &str) -> Option<u64> {
    std::str::from_utf8(name.as_bytes()).ok()?.strip_prefix(prefix)?.parse().ok()
}

impl Backend for MadeUp {
    type Node = u64;
    type Handle = <MemoryFs as Backend>::Handle;

    fn name(&self) -> &'static str {
        "made-up"
    }

    fn root(&self, _call: &Call) -> Answer<Found<u64>> {
        Ok(found(1, FileType::Directory))
    }

    fn lookup(&self, _call: &Call, dir: &u64, name: Name<'_>) -> Answer<Found<u64>> {
        let directory = || number(name, "d").map(|n| found(n + 2, FileType::Directory));
        let file = || number(name, "file-").map(|n| found((dir << 32) + n, FileType::Regular));
        directory().or_else(file).ok_or(Error::Errno(Errno::Noent))
    }

    fn stat(&self, _call: &Call, object: Object<'_, u64>) -> Answer<Stat> {
        Ok(found(*object.node, object.file_type).stat)
    }

    fn open(&self, _call: &Call, _object: Object<'_, u64>, _flags: OpenFlags) -> Answer<std::sync::Arc<Self::Handle>> {
        Err(Errno::Acces.into())
    }

    fn readlink(&self, _call: &Call, _object: Object<'_, u64>) -> Answer<Vec<u8>> {
        Err(Errno::Inval.into())
    }

    fn read_dir(&self, _call: &Call, _dir: &u64, _cookie: u64, _sink: &mut DirentSink<'_>) -> Answer<bool> {
        Ok(true)
    }
}

/// Bytes of one entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// `memory/dentry` or `memory/negative`.
    pub(crate) op: &'static str,
    /// How many there were.
    pub(crate) entries: u64,
    /// Filled minus what is left when the caches were dropped.
    pub(crate) dropped: f64,
    /// Filled minus what there was before; more than the other where dropping keeps something.
    pub(crate) grown: f64,
}

impl Memory {
    /// The figure to judge by: the less flattering one.
    pub(crate) fn bytes(&self) -> f64 {
        self.dropped.max(self.grown)
    }
}

/// The limits that would get in the way of a million entries, lifted; the defaults otherwise.
fn options() -> MountOptions {
    let fs = FsOptions {
        dentry_cache_limit: 1 << 22,
        dentry_cache_bytes: 1 << 34,
        negative_limit: 1 << 22,
        ..FsOptions::with_policy(CachePolicy::Exclusive)
    };
    MountOptions { read_only: false, fs }
}

fn fill(gofer: &Gofer, prefix: &str, entries: u64) -> Result<()> {
    let ctx = gofer.ctx();
    let root = ctx.open_root(&Call::WAITING).map_err(|error| anyhow!("root: {error}"))?;
    for i in 0..entries {
        let path = format!("d{:03}/{prefix}-{i:08}", i % 1000);
        match root.stat_at(&Call::WAITING, path.as_bytes(), true) {
            Ok(_) | Err(Error::Errno(Errno::Noent)) => {}
            Err(error) => return Err(anyhow!("{path}: {error}")),
        }
    }
    Ok(())
}

/// Fills a cache with names that exist or with names that do not.
pub(crate) fn measure(op: &'static str, entries: u64) -> Result<Memory> {
    let prefix = if op == "memory/dentry" { "file" } else { "none" };
    let mut builder = Gofer::builder();
    builder.mount("/", MadeUp, options());
    let gofer = builder.build()?;
    alloc::start();
    let filled = fill(&gofer, prefix, entries).map(|()| alloc::live());
    let cached = gofer.stats().iter().map(|mount| mount.fs.dentries).sum::<u64>();
    gofer.drop_caches();
    let left = alloc::live();
    alloc::stop();
    let filled = filled?;
    ensure!(cached >= entries, "{op}: only {cached} of {entries} entries are cached");
    #[expect(clippy::cast_precision_loss, reason = "far from 2^52")]
    let per_entry = |bytes: isize| bytes as f64 / entries as f64;
    Ok(Memory { op, entries, dropped: per_entry(filled - left), grown: per_entry(filled) })
}
