//! A mounted memory with a hand on its backend.

use crate::kit::{self, Peek, open, root};
use std::io::{IoSlice, IoSliceMut};
use std::sync::Arc;
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};
use wasi_gofer::abi::{Call, Errno, Result};
use wasi_gofer::backend::faulty::{FaultPlan, Faulty};
use wasi_gofer::vfs::{OpenDirectory, OpenFile, OpenHow};
use wasi_gofer::{CachePolicy, FsOptions, Gofer, GoferCtx, MemoryFs, MountOptions, SharedBackend};

/// Longer than anything takes that does not hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Long enough that whoever would go on has gone on.
pub(crate) const A_MOMENT: Duration = Duration::from_millis(100);

/// Longer than any test lasts: nothing is written back because it is late.
const NEVER: Duration = Duration::from_secs(3_600);

pub(crate) const CALL: &Call = &Call::WAITING;

pub(crate) const PAGE: usize = 4_096;

/// What a full, a broken and a rationed storage answer.
pub(crate) const ERRNOS: [Errno; 3] = [Errno::Nospc, Errno::Io, Errno::Dquot];

/// A mounted memory with the files `one` and `dir/two` of three pages each, and its backend.
pub(crate) struct Mounted {
    pub(crate) gofer: Gofer,
    pub(crate) ctx: GoferCtx,
    pub(crate) root: OpenDirectory,
    pub(crate) plan: Arc<FaultPlan>,
    peek: Peek,
}

/// Contents of a file, told as runs of equal bytes.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Data(pub(crate) Vec<u8>);

impl std::fmt::Debug for Data {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let runs = self.0.chunk_by(|one, next| one == next);
        let runs = runs.filter_map(|run| run.first().map(|byte| (run.len(), char::from(*byte))));
        f.debug_list().entries(runs).finish()
    }
}

impl<const N: usize> From<[Vec<u8>; N]> for Data {
    fn from(parts: [Vec<u8>; N]) -> Data {
        Data(parts.concat())
    }
}

/// Write-back that never comes by itself.
pub(crate) fn lazy() -> FsOptions {
    FsOptions { page_bytes: PAGE, writeback: NEVER, ..FsOptions::with_policy(CachePolicy::Exclusive) }
}

impl Mounted {
    pub(crate) fn new() -> Mounted {
        Mounted::with(lazy())
    }

    pub(crate) fn with(options: FsOptions) -> Mounted {
        Mounted::planned(options, Arc::new(FaultPlan::new()))
    }

    /// Over a backend of which the cache knows from the start what the plan says.
    pub(crate) fn planned(options: FsOptions, plan: Arc<FaultPlan>) -> Mounted {
        let old = vec![b'o'; 3 * PAGE];
        let memory = ["one", "dir/two"].iter().try_fold(MemoryFs::new(), |fs, path| fs.with_file(path, &old));
        let backend = Faulty::with_plan(memory.expect("fresh names"), Arc::clone(&plan));
        let backend = SharedBackend::new(backend);
        let peek = Peek::mounted(&backend);
        let mut builder = Gofer::builder();
        builder.mount("/", backend, MountOptions { read_only: false, fs: options });
        let gofer = builder.build().expect("the mount is fine");
        let (ctx, root) = root(&gofer);
        Mounted { gofer, ctx, root, plan, peek }
    }

    pub(crate) fn open(&self, path: &str, how: OpenHow) -> OpenFile {
        open(CALL, &self.root, path, how).expect("it opens")
    }

    /// What the backend has of a file.
    pub(crate) fn behind(&self, path: &str) -> Data {
        Data(self.peek.file(path).expect("it is there, and nothing fails").data)
    }

    /// What a guest reads that opens it now.
    pub(crate) fn read(&self, path: &str) -> Data {
        let file = self.open(path, kit::READ);
        Data(kit::read_all(CALL, &file).expect("it can be read"))
    }

    /// As [`Mounted::behind`], once it is `wanted`; what was there instead after a long while.
    pub(crate) fn wait_behind(&self, path: &str, wanted: &Data) -> Result<(), Data> {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.behind(path) {
                data if data == *wanted => return Ok(()),
                data if Instant::now() > end => return Err(data),
                _ => std::thread::sleep(Duration::from_millis(2)),
            }
        }
    }
}

/// Writes a page full of `byte`.
pub(crate) fn write_page(call: &Call, file: &OpenFile, page: usize, byte: u8) -> Result<usize> {
    file.write_at(call, &[IoSlice::new(&[byte; PAGE])], (page * PAGE) as u64)
}

/// Writes three pages full of `byte`, which the cache takes.
pub(crate) fn write(file: &OpenFile, byte: u8) {
    for page in 0..3 {
        assert_eq!(write_page(CALL, file, page, byte), Ok(PAGE), "the cache takes it");
    }
}

/// What [`write`] leaves.
pub(crate) fn full_of(byte: u8) -> Data {
    Data(vec![byte; 3 * PAGE])
}

/// A page full of `byte`.
pub(crate) fn page_of(byte: u8) -> Data {
    Data(vec![byte; PAGE])
}

/// Reads a page.
pub(crate) fn read_page(call: &Call, file: &OpenFile, page: usize) -> Result<Data> {
    let mut buf = vec![0; PAGE];
    let read = file.read_at(call, &mut [IoSliceMut::new(&mut buf)], (page * PAGE) as u64)?;
    buf.truncate(read);
    Ok(Data(buf))
}

/// What a thread answers, if it does in time. A scope cannot end before its threads do: what they may wait for is made
/// inside of it, so that it opens when this panics.
pub(crate) fn join<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    let end = Instant::now() + PATIENCE;
    while !thread.is_finished() {
        assert!(Instant::now() < end, "a thread hangs");
        std::thread::sleep(Duration::from_millis(1));
    }
    thread.join().expect("the thread did not panic")
}
