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
    inodes: RankedMutex<Known, { Rank::Inodes as u8 }>,
    /// How many inodes make the next sweep due.
    sweep_at: AtomicUsize,
    crowded: AtomicBool,
    /// Counts inodes that left although something was done to their objects here; written under the table's lock.
    left_changed: AtomicU64,
}

/// What the table knows.
#[derive(Debug, Default)]
struct Known {
    by_key: HashTable<Arc<Inode>>,
    /// Inodes that nobody referred to when another object with their identity came, until the next sweep.
    replaced: Vec<Inode>,
}

const SWEEP_MIN: usize = 1_024;

impl Default for InodeTable {
    fn default() -> Self {
        InodeTable {
            hasher: foldhash::quality::RandomState::default(),
            inodes: RankedMutex::new(Known::default()),
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
        let mut known = self.inodes.lock();
        let Known { by_key: inodes, replaced } = &mut *known;
        let same = |inode: &Arc<Inode>| inode.key() == stat.key && inode.file_type() == stat.file_type;
        if let Ok(entry) = inodes.find_entry(hash, same) {
            if Arc::strong_count(entry.get()) > 1 {
                return (Arc::clone(entry.get()), Some(node));
            }
            // Nobody has it any more, so its object may be gone and this be another one with the same number: nothing that
            // is known of the old one may be taken for this one's.
            replaced.extend(Arc::into_inner(entry.remove().0).inspect(|inode| self.count_left(inode)));
            self.crowded.store(true, Ordering::Relaxed);
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
        let mut known = self.inodes.lock();
        let inodes = &mut known.by_key;
        // Only this table can raise the count of an inode that nobody else refers to, and it is locked.
        if Arc::strong_count(&inode) == 2 {
            let hash = self.hash(inode.key());
            if let Ok(entry) = inodes.find_entry(hash, |other| Arc::ptr_eq(other, &inode)) {
                drop(entry.remove());
                self.count_left(&inode);
                inodes.shrink_if_sparse(|inode| self.hash(inode.key()));
            }
        }
        drop(known);
        Arc::into_inner(inode)
    }

    /// Takes out inodes that only the table refers to: those whose last other reference was a passing one, dropped
    /// after the dentry had gone. They are handed back for release.
    pub(crate) fn sweep(&self) -> Vec<Inode> {
        let mut known = self.inodes.lock();
        let Known { by_key: inodes, replaced } = &mut *known;
        let mut lone: Vec<_> =
            inodes.extract_if(|inode| Arc::strong_count(inode) == 1).filter_map(Arc::into_inner).collect();
        lone.iter().for_each(|inode| self.count_left(inode));
        lone.append(replaced);
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
        for inode in self.inodes.lock().by_key.iter() {
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

#[cfg(test)]
mod tests {
    use super::InodeTable;
    use crate::abi::{FileType, InodeKey, Stat};
    use crate::backend::ErasedNode;

    #[test]
    fn inode_that_nobody_has_is_not_taken_for_another_object_of_its_number() {
        let table = InodeTable::default();
        let key = InodeKey { dev: 1, ino: 2, birth_ns: None };
        let stat = Stat { key, file_type: FileType::Regular, size: 10_000, ..Stat::UNKNOWN };
        let (first, _) = table.find_or_insert(ErasedNode::of_none(), &stat);
        let passing = first.clone();
        let (again, spare) = table.find_or_insert(ErasedNode::of_none(), &stat);
        assert!(std::sync::Arc::ptr_eq(&first, &again) && spare.is_some(), "one that somebody has is the same");
        drop(again);
        assert!(table.forget(first).is_none(), "it is still referred to");
        drop(passing);
        let left = table.left_changed();

        let (second, spare) = table.find_or_insert(ErasedNode::of_none(), &Stat { size: 0, ..stat });

        assert_eq!((second.attr().0.size, spare.is_none()), (0, true));
        assert!(table.wants_sweep());
        assert_eq!(table.sweep().len(), 1, "the old one is given back for release");
        assert_eq!(table.left_changed(), left, "nothing was done to it");
    }
}
