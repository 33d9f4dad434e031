//! Recency: which leaves go when the cache is over its limits.

use super::id::NIL;
use super::tree::Tree;
use crate::gofer::inode::Inode;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Bounds of the cached dentries of one mount.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Most dentries, without the root.
    pub(crate) dentries: usize,
    /// Most estimated bytes of dentries and inodes.
    pub(crate) bytes: usize,
}

/// Dentries looked at for one that can go; a longer row of referenced ones is looked at by later calls.
const LOOKS_PER_CALL: usize = 128;

impl Tree {
    fn over(&self, limits: Limits) -> bool {
        self.len() > limits.dentries || self.bytes > limits.bytes
    }

    /// Evicts the least recently used leaves until the tree is within `limits`, or until only referenced ones were seen;
    /// how many went. Recency is second chance: a hit only sets a flag, and only if it is not set.
    pub(crate) fn evict(&mut self, limits: Limits, dead: &mut Vec<Arc<Inode>>) -> usize {
        let mut evicted = 0;
        let mut looks = LOOKS_PER_CALL;
        while self.over(limits) && looks > 0 {
            let index = self.oldest;
            let Some(dentry) = self.arena.get(index) else { break };
            // A cache of nothing gives no second chances.
            let spared = dentry.used.swap(false, Ordering::Relaxed) && limits.dentries > 0;
            if spared || dentry.anchors > 0 || dentry.refs.load(Ordering::Acquire) > 0 {
                looks -= 1;
                self.unlist(index);
                self.list_newest(index);
            } else {
                self.evict_leaf(index, dead);
                evicted += 1;
            }
        }
        evicted
    }

    /// Puts a leaf at the newest end.
    pub(super) fn list_newest(&mut self, index: u32) {
        let newest = self.newest;
        let Some(dentry) = self.arena.get_mut(index).filter(|dentry| !dentry.listed) else { return };
        dentry.listed = true;
        dentry.newer = NIL;
        dentry.older = newest;
        if let Some(next) = self.arena.get_mut(newest) {
            next.newer = index;
        } else {
            self.oldest = index;
        }
        self.newest = index;
        self.listed += 1;
    }

    /// Takes a dentry off the list, if it is on it.
    pub(super) fn unlist(&mut self, index: u32) {
        let Some(dentry) = self.arena.get_mut(index).filter(|dentry| dentry.listed) else { return };
        dentry.listed = false;
        let (newer, older) = (dentry.newer, dentry.older);
        match self.arena.get_mut(newer) {
            Some(dentry) => dentry.older = older,
            None => self.newest = older,
        }
        match self.arena.get_mut(older) {
            Some(dentry) => dentry.newer = newer,
            None => self.oldest = newer,
        }
        self.listed -= 1;
    }
}
