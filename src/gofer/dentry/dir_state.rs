//! What is cached of a directory's contents.

use super::id::DentryId;
use super::list::DirList;
use crate::backend::{Watch, WatchId};
use hashbrown::HashTable;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// A child in its directory's table: the hash spares most look-ups of other dentries, and re-hashing all of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Child {
    pub(super) hash: u32,
    pub(super) index: u32,
}

/// What is cached of a directory's contents.
#[derive(Debug, Default)]
pub(super) struct DirState {
    pub(super) children: HashTable<Child>,
    /// Negative children, oldest first; entries may be of names that exist by now.
    pub(super) negatives: VecDeque<DentryId>,
    pub(super) negative_count: usize,
    pub(super) list: Option<Arc<DirList>>,
    /// How the backend announces changes in the directory, if it does.
    pub(super) watch: Option<DirWatch>,
    /// Counts watches, and what each lost of what it knew: children confirmed under an earlier count are not believed.
    /// As long as there are children, it is kept.
    pub(super) watch_epoch: u32,
}

/// A directory's watch.
#[derive(Debug)]
pub(super) struct DirWatch {
    pub(super) id: WatchId,
    /// Whether the directory's own attributes are announced.
    pub(super) attributes: bool,
    /// Whether it served since the eviction hand last came by.
    pub(super) used: AtomicBool,
    /// Changes in a row that came with too few answers between them.
    pub(super) noise: AtomicU8,
    /// Changes of our own since changes were last taken out of the queue.
    pub(super) own: AtomicU8,
}

/// A watch whose directory left the tree, or gave it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FreedWatch {
    pub(crate) id: WatchId,
    pub(crate) dir: DentryId,
}

impl DirWatch {
    pub(super) fn new(watch: Watch) -> Self {
        let (used, noise, own) = (AtomicBool::new(true), AtomicU8::new(0), AtomicU8::new(0));
        DirWatch { id: watch.id, attributes: watch.attributes, used, noise, own }
    }

    /// Notes that it served.
    #[inline]
    pub(super) fn mark_used(&self) {
        // Not stored when set: the line stays shared between the threads that look.
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
    }
}
