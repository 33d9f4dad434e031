//! The inodes of one mount by identity.

use super::Inode;
use crate::abi::{InodeKey, Stat};
use crate::backend::ErasedNode;
use crate::sync::{Rank, RankedMutex};
use hashbrown::HashTable;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// Finds the inode of an object that has another name already. The table's own reference is one count of each; an inode
/// leaves when that is the only one left ([`InodeTable::forget`]), so the table is bounded by the dentries and open
/// files.
#[derive(Debug)]
pub(crate) struct InodeTable {
    hasher: foldhash::quality::RandomState,
    inodes: RankedMutex<HashTable<Arc<Inode>>, { Rank::Inodes as u8 }>,
    /// How many inodes make the next sweep due.
    sweep_at: AtomicUsize,
    crowded: AtomicBool,
    /// Counts inodes that left although something was done to their objects here; written under the table's lock.
    left_changed: AtomicU64,
}

const SWEEP_MIN: usize = 1_024;

impl Default for InodeTable {
    fn default() -> Self {
        InodeTable {
            hasher: foldhash::quality::RandomState::default(),
            inodes: RankedMutex::new(HashTable::new()),
            sweep_at: AtomicUsize::new(SWEEP_MIN),
            crowded: AtomicBool::new(false),
            left_changed: AtomicU64::new(0),
        }
    }
}

impl InodeTable {
    fn hash(&self, key: InodeKey) -> u64 {
        self.hasher.hash_one(key)
    }

    /// The inode of the object that `stat` describes; made with `node` when it is unknown. For a known one the second
    /// value is the node that is not needed.
    pub(crate) fn find_or_insert(&self, node: ErasedNode, stat: &Stat) -> (Arc<Inode>, Option<ErasedNode>) {
        self.find_or_insert_as(node, stat, None)
    }

    /// What [`InodeTable::find_or_insert_listed`] is to be told, from before the question.
    pub(crate) fn left_changed(&self) -> u64 {
        self.left_changed.load(Ordering::Acquire)
    }

    /// As [`InodeTable::find_or_insert`], of an answer about many objects, to a question that was asked when
    /// [`InodeTable::left_changed`] was `left`. Unlike one that is looked up by name, such an object may be found, changed
    /// and forgotten by others meanwhile, who left nothing behind that is newer than the answer. So where something that
    /// was changed has left since, the attributes of a new inode are not fresh.
    pub(crate) fn find_or_insert_listed(
        &self,
        node: ErasedNode,
        stat: &Stat,
        left: u64,
    ) -> (Arc<Inode>, Option<ErasedNode>) {
        self.find_or_insert_as(node, stat, Some(left))
    }

    fn find_or_insert_as(&self, node: ErasedNode, stat: &Stat, left: Option<u64>) -> (Arc<Inode>, Option<ErasedNode>) {
        let hash = self.hash(stat.key);
        let mut inodes = self.inodes.lock();
        let known = inodes.find(hash, |inode| inode.key() == stat.key && inode.file_type() == stat.file_type);
        if let Some(inode) = known {
            return (Arc::clone(inode), Some(node));
        }
        if inodes.len() >= self.sweep_at.load(Ordering::Relaxed) {
            self.crowded.store(true, Ordering::Relaxed);
        }
        let inode = Arc::new(Inode::new(Some(node), stat));
        if left.is_some_and(|left| left != self.left_changed()) {
            inode.attr_changed();
        }
        inodes.insert_unique(hash, Arc::clone(&inode), |inode| self.hash(inode.key()));
        (inode, None)
    }

    /// Lets go of the caller's reference; when only the table's is left the inode leaves it and is handed back, to be
    /// released.
    pub(crate) fn forget(&self, inode: Arc<Inode>) -> Option<Inode> {
        let mut inodes = self.inodes.lock();
        // Only this table can raise the count of an inode that nobody else refers to, and it is locked.
        if Arc::strong_count(&inode) == 2 {
            let hash = self.hash(inode.key());
            if let Ok(entry) = inodes.find_entry(hash, |other| Arc::ptr_eq(other, &inode)) {
                drop(entry.remove());
                self.count_left(&inode);
                inodes.shrink_if_sparse(|inode| self.hash(inode.key()));
            }
        }
        drop(inodes);
        Arc::into_inner(inode)
    }

    /// Takes out inodes that only the table refers to: those whose last other reference was a passing one, dropped
    /// after the dentry had gone. They are handed back for release.
    pub(crate) fn sweep(&self) -> Vec<Inode> {
        let mut inodes = self.inodes.lock();
        let lone: Vec<_> =
            inodes.extract_if(|inode| Arc::strong_count(inode) == 1).filter_map(Arc::into_inner).collect();
        lone.iter().for_each(|inode| self.count_left(inode));
        self.sweep_at.store((inodes.len() * 2).max(SWEEP_MIN), Ordering::Relaxed);
        lone
    }

    /// Counts an inode that leaves, if it has to be. Called under the table's lock.
    fn count_left(&self, inode: &Inode) {
        if inode.was_changed() {
            self.left_changed.fetch_add(1, Ordering::Release);
        }
    }

    /// Whether the table grew so much since the last sweep that one is due.
    pub(crate) fn wants_sweep(&self) -> bool {
        self.crowded.swap(false, Ordering::Relaxed)
    }

    /// Calls `visit` with every inode.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(&Arc<Inode>)) {
        for inode in self.inodes.lock().iter() {
            visit(inode);
        }
    }
}

/// Gives memory back when a burst is over.
trait ShrinkIfSparse<T> {
    fn shrink_if_sparse(&mut self, hasher: impl Fn(&T) -> u64);
}

impl<T> ShrinkIfSparse<T> for HashTable<T> {
    fn shrink_if_sparse(&mut self, hasher: impl Fn(&T) -> u64) {
        if self.capacity() > 1_024 && self.len() < self.capacity() / 8 {
            self.shrink_to(self.len() * 2, hasher);
        }
    }
}
