//! What a mount counts.

use crate::sync::Counter;
use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! backend_ops {
    ($($variant:ident = $name:literal,)*) => {
        /// The backend operations that are counted, one counter each.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(usize)]
        pub(crate) enum Op { $($variant,)* }

        const OP_NAMES: &[&str] = &[$($name,)*];
        const OPS: usize = OP_NAMES.len();
    };
}

backend_ops! {
    Walk = "walk_many",
    Revalidate = "revalidate_many",
    RevalidateEnd = "revalidate_end",
    Stat = "stat",
    SetStat = "set_stat",
    Open = "open",
    Create = "create",
    Mkdir = "mkdir",
    Mknod = "mknod",
    Symlink = "symlink",
    Link = "link",
    Unlink = "unlink",
    Rmdir = "rmdir",
    Rename = "rename",
    Readlink = "readlink",
    ReadDir = "read_dir",
    SyncDir = "sync_dir",
    SyncFs = "sync_fs",
    Restore = "restore",
    HandleRead = "read_at",
    HandleWrite = "write_at",
    HandleAppend = "append",
    HandleStat = "handle_stat",
    HandleSetStat = "handle_set_stat",
    HandleSync = "sync",
    HandleAllocate = "allocate",
    HandleAdvise = "advise",
}

/// Counters of one cache.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    hot: Counter<5>,
    ops: Counter<OPS>,
    evictions: AtomicU64,
    data: Counter<5>,
}

const HITS: usize = 0;
const NEGATIVE_HITS: usize = 1;
const MISSES: usize = 2;
const REVALIDATIONS: usize = 3;
const QUEUE_ANSWERS: usize = 4;

const BYTES_READ: usize = 0;
const BYTES_WRITTEN: usize = 1;
const PAGE_HITS: usize = 2;
const PAGE_MISSES: usize = 3;
const WRITTEN_BACK: usize = 4;

impl Stats {
    /// Components answered from cached entries.
    #[inline]
    pub(crate) fn hits(&self, n: usize) {
        self.hot.add(HITS, n as u64);
    }

    /// A component answered from a negative entry.
    #[inline]
    pub(crate) fn negative_hit(&self) {
        self.hot.add(NEGATIVE_HITS, 1);
    }

    /// Components that the backend was asked to find.
    pub(crate) fn misses(&self, n: usize) {
        self.hot.add(MISSES, n as u64);
    }

    /// Cached components that the backend was asked to confirm.
    pub(crate) fn revalidations(&self, n: usize) {
        self.hot.add(REVALIDATIONS, n as u64);
    }

    /// An answer from what is believed, confirmed by an empty change queue.
    #[inline]
    pub(crate) fn queue_answer(&self) {
        self.hot.add(QUEUE_ANSWERS, 1);
    }

    /// Such answers so far.
    pub(crate) fn queue_answers(&self) -> u64 {
        self.hot.sum(QUEUE_ANSWERS)
    }

    /// Dentries given up under the cache's limits.
    pub(crate) fn evictions(&self, n: usize) {
        self.evictions.fetch_add(n as u64, Ordering::Relaxed);
    }

    /// A backend operation.
    #[inline]
    pub(crate) fn op(&self, op: Op) {
        self.ops.add(op as usize, 1);
    }

    /// File bytes read.
    #[inline]
    pub(crate) fn read(&self, n: usize) {
        self.data.add(BYTES_READ, n as u64);
    }

    /// A read that the page cache answered, of so many bytes.
    #[inline]
    pub(crate) fn page_hit(&self, n: u64) {
        self.data.add_each([(PAGE_HITS, 1), (BYTES_READ, n)]);
    }

    /// A read for which the backend was asked, of so many bytes.
    pub(crate) fn page_miss(&self, n: u64) {
        self.data.add_each([(PAGE_MISSES, 1), (BYTES_READ, n)]);
    }

    /// Bytes that write-back brought to the backend.
    pub(crate) fn written_back(&self, n: u64) {
        self.data.add(WRITTEN_BACK, n);
    }

    /// File bytes written.
    #[inline]
    pub(crate) fn written(&self, n: usize) {
        self.data.add(BYTES_WRITTEN, n as u64);
    }

    /// A copy of the present figures.
    pub(crate) fn snapshot(&self) -> FsStats {
        FsStats {
            hits: self.hot.sum(HITS),
            negative_hits: self.hot.sum(NEGATIVE_HITS),
            misses: self.hot.sum(MISSES),
            revalidations: self.hot.sum(REVALIDATIONS),
            evictions: self.evictions.load(Ordering::Relaxed),
            dentries: 0,
            backend_calls: OP_NAMES
                .iter()
                .enumerate()
                .map(|(i, name)| (*name, self.ops.sum(i)))
                .filter(|(_, calls)| *calls > 0)
                .collect(),
            backend_counters: Vec::new(),
            bytes_read: self.data.sum(BYTES_READ),
            bytes_written: self.data.sum(BYTES_WRITTEN),
            bytes_written_back: self.data.sum(WRITTEN_BACK),
            page_hits: self.data.sum(PAGE_HITS),
            page_misses: self.data.sum(PAGE_MISSES),
            cache_bytes: 0,
            watches: 0,
            queue_answers: self.queue_answers(),
            queue_drains: 0,
            queue_overflows: 0,
            page_bytes: 0,
            dirty_bytes: 0,
        }
    }
}

/// Figures of one cache at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FsStats {
    /// Path components answered from cached entries, also when they were revalidated first.
    pub hits: u64,
    /// Path components answered from negative entries.
    pub negative_hits: u64,
    /// Path components that the backend was asked to find.
    pub misses: u64,
    /// Cached components that the backend was asked to confirm.
    pub revalidations: u64,
    /// Dentries given up under the cache's limits.
    pub evictions: u64,
    /// Dentries cached now, negative ones included.
    pub dentries: u64,
    /// Calls of the backend by operation, those that happened.
    pub backend_calls: Vec<(&'static str, u64)>,
    /// What the backend counts itself, by its own names: see [`crate::backend::Backend::counters`].
    pub backend_counters: Vec<(&'static str, u64)>,
    /// File bytes read by guests.
    pub bytes_read: u64,
    /// File bytes written by guests.
    pub bytes_written: u64,
    /// Bytes of those that write-back brought to the backend.
    pub bytes_written_back: u64,
    /// Reads that the page cache answered.
    pub page_hits: u64,
    /// Reads of cached files for which the backend was asked.
    pub page_misses: u64,
    /// Estimated bytes that dentries, inodes and directory lists take now.
    pub cache_bytes: u64,
    /// Directories that the backend's change queue watches now.
    pub watches: u64,
    /// Operations that one look at the change queue confirmed, in whole or in part, instead of the backend.
    pub queue_answers: u64,
    /// How often changes were taken out of the queue.
    pub queue_drains: u64,
    /// How often the queue had lost changes, so that nothing was believed any more.
    pub queue_overflows: u64,
    /// Estimated bytes that cached file data takes now.
    pub page_bytes: u64,
    /// Those of them that the backend does not have yet.
    pub dirty_bytes: u64,
}
