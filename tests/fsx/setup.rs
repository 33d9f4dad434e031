//! What a run mounts.

use crate::kit::{Peek, Rng};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use wasi_gofer::backend::faulty::{FaultPlan, Faulty};
use wasi_gofer::{CachePolicy, DirectFs, FsOptions, Gofer, MemoryFs, MountOptions, SharedBackend};

/// Where the file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Memory,
    Direct,
}

/// One run.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) source: Source,
    pub(crate) options: FsOptions,
    /// Whether the backend fails now and then.
    pub(crate) faulty: bool,
    /// Whether two guests share one of two files, rather than one guest having one.
    pub(crate) shared: bool,
    pub(crate) ops: u64,
}

/// Everything that stands while a run lasts.
pub(crate) struct Mounted {
    pub(crate) gofer: Gofer,
    pub(crate) peek: Peek,
    pub(crate) plan: Option<Arc<FaultPlan>>,
    _dir: TempDir,
}

impl Setup {
    /// Every way to cache data that a policy has: sizes of pages and budgets, or one where no data is cached. A seed
    /// decides what else there is to choose.
    pub(crate) fn all(source: Source, policy: CachePolicy, faulty: bool, rng: &mut Rng) -> Vec<Setup> {
        let caches = match policy {
            CachePolicy::Exclusive | CachePolicy::Writethrough => true,
            CachePolicy::Shared | CachePolicy::None => false,
        };
        let default = FsOptions::default();
        let pages: &[usize] = if caches { &[512, 4_096, 65_536] } else { &[4_096] };
        let mut all = Vec::new();
        for page_bytes in pages {
            let budgets = [0, *page_bytes, 5 * page_bytes, default.page_cache_bytes];
            for page_cache_bytes in &budgets[if caches { 0 } else { 3 }..] {
                for shared in [false, true] {
                    let options = FsOptions {
                        page_bytes: *page_bytes,
                        page_cache_bytes: *page_cache_bytes,
                        force_page_cache: rng.one_in(2),
                        disable_handle_sharing: rng.one_in(4),
                        writeback: Duration::from_millis(rng.pick(&[0, 1, 20, 1_000, 60_000])),
                        ..FsOptions::with_policy(policy)
                    };
                    all.push(Setup { source, options, faulty, shared, ops: 0 });
                }
            }
        }
        all
    }

    pub(crate) fn mount(&self) -> Mounted {
        let dir = TempDir::new().expect("a directory");
        let direct = || DirectFs::open_ambient(dir.path()).expect("a directory");
        let plan = self.faulty.then(|| Arc::new(FaultPlan::new()));
        let backend = match (self.source, plan.clone()) {
            (Source::Memory, None) => SharedBackend::new(MemoryFs::new()),
            (Source::Memory, Some(plan)) => SharedBackend::new(Faulty::with_plan(MemoryFs::new(), plan)),
            (Source::Direct, None) => SharedBackend::new(direct()),
            (Source::Direct, Some(plan)) => SharedBackend::new(Faulty::with_plan(direct(), plan)),
        };
        let peek = match self.source {
            Source::Memory => Peek::mounted(&backend),
            Source::Direct => Peek::host(dir.path()),
        };
        let mut builder = Gofer::builder();
        builder.mount("/", backend, MountOptions { read_only: false, fs: self.options.clone() });
        Mounted { gofer: builder.build().expect("the mount is fine"), peek, plan, _dir: dir }
    }
}
