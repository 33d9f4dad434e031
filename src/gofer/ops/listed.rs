//! What a listing tells of the objects in a directory, and the cache trusts: who looks at each of them asks nothing more.

use crate::abi::{Call, Dirent, NameBuf};
use crate::backend::{ErasedNode, Found};
use crate::gofer::dentry::DentryId;
use crate::gofer::fs::GoferFs;
use std::sync::Arc;

/// Objects that are held until they are entered together.
const BATCH: usize = 512;

/// Bytes of the cache that a name with its object is taken to need, where room is made for many.
const ENTRY_BYTES: usize = 512;

/// The objects of one listing on their way into the cache.
pub(super) struct Listed<'a> {
    fs: &'a Arc<GoferFs>,
    dir: DentryId,
    /// As they were before the question: what is told is entered only while the directory's names are those from then.
    generation: Option<u32>,
    left_changed: u64,
    /// How many may be entered yet.
    room: usize,
    found: Vec<(NameBuf, Found<ErasedNode>)>,
    surplus: Vec<ErasedNode>,
}

impl<'a> Listed<'a> {
    /// For a listing of `dir` that has not been asked for yet.
    pub(super) fn new(fs: &'a Arc<GoferFs>, dir: DentryId) -> Listed<'a> {
        // A directory larger than the cache must not push out everything else, least of all its own first names.
        let limits = fs.limits();
        Listed {
            dir,
            generation: fs.tree.read().generation(dir),
            left_changed: fs.inodes.left_changed(),
            room: limits.dentries.min(limits.bytes / ENTRY_BYTES) / 2,
            found: Vec::new(),
            surplus: Vec::new(),
            fs,
        }
    }

    /// Takes the object of an entry, if the backend told of it.
    pub(super) fn take(&mut self, call: &Call, entry: &Dirent<'_>, found: Option<Found<ErasedNode>>) {
        let Some(found) = found else { return };
        if self.room == 0 {
            self.surplus.push(found.node);
        } else {
            self.room -= 1;
            self.found.push((entry.name.to_buf(), found));
        }
        if self.found.len().max(self.surplus.len()) >= BATCH {
            self.enter(call);
        }
    }

    /// Enters what was taken, and releases what has no use.
    pub(super) fn enter(&mut self, call: &Call) {
        let (fs, dir) = (self.fs, self.dir);
        let mut surplus = std::mem::take(&mut self.surplus);
        let found = std::mem::take(&mut self.found);
        if !found.is_empty() {
            let evicted = fs.commit(call, |tree, dead| {
                let mut evicted = 0;
                for (name, found) in found {
                    let stands = self.generation.is_some() && tree.generation(dir) == self.generation;
                    // What is cached is at least as new.
                    if !stands || tree.child_of(dir.index, name.as_name()).is_some() {
                        surplus.push(found.node);
                        continue;
                    }
                    let (inode, spare) = fs.known_or_listed(found, self.left_changed);
                    surplus.extend(spare);
                    tree.insert(dir.index, name.as_name(), Some(inode), dead);
                    // As many looks for one that can go as if each had come by itself.
                    evicted += tree.evict(fs.limits(), dead);
                }
                evicted
            });
            if evicted > 0 {
                fs.stats.evictions(evicted);
            }
        }
        fs.release_nodes(call, surplus);
    }
}
