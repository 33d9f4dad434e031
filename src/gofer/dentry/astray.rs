//! Directories that somebody holds and whose name was thrown out: they come back when it is found.
//!
//! A directory has one name. Where names are answered from the cache, a second dentry for it would have children of its
//! own, and what is made or removed through the one would never be seen through the other.

use super::id::DentryId;
use super::tree::{Tree, cost};
use crate::abi::{InodeKey, Name};
use crate::gofer::inode::Inode;
use std::collections::HashMap;
use std::sync::Arc;

/// Dentries of directories that are detached and referred to.
#[derive(Debug, Default)]
pub(super) struct Astray {
    /// Whether they are kept count of; elsewhere every name is asked about, through whichever dentry.
    wanted: bool,
    by_key: HashMap<InodeKey, DentryId>,
}

impl Tree {
    /// A tree whose names are answered without a question: see the module.
    pub(crate) fn with_trusted_names(mut self) -> Self {
        self.astray.wanted = true;
        self
    }

    /// Notes that the dentry at `index` lives on without a name.
    pub(super) fn went_astray(&mut self, index: u32) {
        let id = self.id(index);
        // A mount keeps the place of what it is on, so that its dentry comes back by itself.
        let Some(dentry) = self.arena.get(index).filter(|dentry| self.astray.wanted && dentry.anchors == 0) else {
            return;
        };
        if let Some(inode) = dentry.inode.as_ref().filter(|inode| inode.is_dir()) {
            self.astray.by_key.insert(inode.key(), id);
        }
    }

    /// Notes that a directory was removed: what has its identity later is another one.
    pub(crate) fn was_removed(&mut self, inode: &Inode) {
        self.astray.by_key.remove(&inode.key());
    }

    /// Forgets about it: it is gone, or has a name.
    pub(super) fn is_not_astray(&mut self, inode: &Inode, id: DentryId) {
        if self.astray.by_key.get(&inode.key()) == Some(&id) {
            self.astray.by_key.remove(&inode.key());
        }
    }

    /// Gives the dentry that a directory has without a name the name `name` in `dir`, which is free; its index.
    pub(super) fn bring_back(&mut self, dir: u32, name: Name<'_>, inode: &Arc<Inode>) -> Option<u32> {
        if self.astray.by_key.is_empty() {
            return None;
        }
        let id = self.astray.by_key.get(&inode.key()).copied()?;
        let is_it = self.get(id).and_then(|dentry| dentry.inode.as_ref()).is_some_and(|own| Arc::ptr_eq(own, inode));
        (is_it && self.reattach(id, dir, name)).then_some(id.index)
    }

    /// Gives a dentry without a name the name `name` in `dir`, which is free, with everything below it. False when it has
    /// a name, or would come below itself.
    pub(crate) fn reattach(&mut self, id: DentryId, dir: u32, name: Name<'_>) -> bool {
        let Some(dentry) = self.get(id).filter(|dentry| dentry.detached && id.index != self.root) else { return false };
        let Some(inode) = dentry.inode.clone() else { return false };
        if dentry.anchors > 0 || self.is_ancestor(id.index, dir) || self.child_of(dir, name).is_some() {
            return false;
        }
        self.is_not_astray(&inode, id);
        let before = self.get(id).map_or(0, cost);
        if let Some(dentry) = self.arena.get_mut(id.index) {
            dentry.name = name.to_buf();
            dentry.parent = dir;
            dentry.detached = false;
            *dentry.confirmed.get_mut() = 0;
        }
        self.bytes = (self.bytes + self.get(id).map_or(0, cost)).saturating_sub(before);
        self.hang(dir, id.index);
        if self.get(id).is_some_and(|dentry| !Tree::has_children(dentry)) {
            self.list_newest(id.index);
        }
        true
    }
}
