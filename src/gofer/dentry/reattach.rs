//! Dentries that lost their name and come back to it, with everything below them.

use super::id::DentryId;
use super::tree::Tree;
use crate::abi::Name;
use crate::gofer::inode::Inode;
use std::sync::Arc;

impl Tree {
    /// A tree whose names are answered without a question: directories that somebody holds come back to their names.
    pub(crate) fn with_trusted_names(mut self) -> Self {
        self.astray.wanted = true;
        self
    }

    /// Notes that a directory was removed: what has its identity later is another one.
    pub(crate) fn was_removed(&mut self, dir: &Inode) {
        self.astray.forget_directory(dir.key());
    }

    /// Notes that the dentry at `index` lives on without a name.
    pub(super) fn went_astray(&mut self, index: u32) {
        let id = self.id(index);
        // A mount keeps the place of what it is on, so that its dentry comes back by itself.
        let inode = self.arena.get(index).filter(|dentry| dentry.anchors == 0).and_then(|dentry| dentry.inode.as_ref());
        if let Some(key) = inode.filter(|inode| inode.is_dir()).map(|inode| inode.key()) {
            self.astray.note(key, id);
        }
    }

    /// Gives the dentry that a directory has without a name the name `name` in `dir`, which is free; its index.
    pub(super) fn bring_back(&mut self, dir: u32, name: Name<'_>, inode: &Arc<Inode>) -> Option<u32> {
        let id = self.astray.find(inode.key())?;
        let is_it = self.get(id).and_then(|dentry| dentry.inode.as_ref()).is_some_and(|own| Arc::ptr_eq(own, inode));
        (is_it && self.reattach(id, dir, name)).then_some(id.index)
    }

    /// Gives a dentry without a name the name `name` in `dir`. False when it has a name, when that one is taken, or when it
    /// would come below itself.
    pub(crate) fn reattach(&mut self, id: DentryId, dir: u32, name: Name<'_>) -> bool {
        let Some(dentry) = self.get(id).filter(|dentry| dentry.detached && id.index != self.root) else { return false };
        let Some(key) = dentry.inode.as_ref().map(|inode| inode.key()) else { return false };
        if dentry.anchors > 0 || self.is_ancestor(id.index, dir) || self.child_of(dir, name).is_some() {
            return false;
        }
        self.astray.forget(key, id);
        self.hang_as(id.index, dir, name);
        if self.get(id).is_some_and(|dentry| !Tree::has_children(dentry)) {
            self.list_newest(id.index);
        }
        true
    }
}
