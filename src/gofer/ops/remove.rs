//! Names that go.

use crate::abi::{Call, Errno, Error, Name, Result};
use crate::gofer::dentry::Dentry;
use crate::gofer::fs::{DentryRef, GoferFs};
use crate::gofer::inode::Inode;
use crate::gofer::stats::Op;
use std::sync::Arc;

impl GoferFs {
    /// Removes a name that is no directory. `EBUSY` for a mount point.
    pub fn unlink(self: &Arc<Self>, call: &Call, dir: &DentryRef, name: Name<'_>) -> Result<()> {
        self.remove(call, dir, name, Op::Unlink)
    }

    /// Removes an empty directory. `EBUSY` for a mount point and for what leads to one.
    pub fn rmdir(self: &Arc<Self>, call: &Call, dir: &DentryRef, name: Name<'_>) -> Result<()> {
        self.remove(call, dir, name, Op::Rmdir)
    }

    fn remove(self: &Arc<Self>, call: &Call, dir: &DentryRef, name: Name<'_>, op: Op) -> Result<()> {
        let _guard = self.lock_dir(call, dir.inode())?;
        let node = self.dir_node(dir)?;
        let doomed = self.target_of_change(call, dir, name)?;
        if let Some(inode) = &doomed {
            self.release_before_removal(call, inode);
        }
        let removed = self.bound(call, &[dir.id()], || match op {
            Op::Rmdir => self.ask(op).rmdir(call, node, name),
            _ => self.ask(op).unlink(call, node, name),
        });
        if let Err(error) = removed {
            let error = self.doubt(call, error, &[(dir, name)]);
            self.bury(call, doomed.into_iter().collect());
            return Err(error);
        }
        self.changed_here(dir.id());
        if doomed.is_none() && !self.coherence.trusts_names() {
            // Nothing of it is cached.
            dir.inode().attr_changed();
            return Ok(());
        }
        self.commit(call, |tree, dead| {
            let index = dir.id().index;
            if let Some(child) = tree.child_of(index, name) {
                tree.detach(child, dead);
            }
            Self::dir_changed(tree, dir);
            if self.coherence.may_cache_negative() {
                tree.insert(index, name, None, dead);
                tree.trim_negatives(index, self.options.negative_limit, dead);
            }
        });
        if let Some(inode) = doomed {
            self.name_gone(call, inode);
        }
        Ok(())
    }

    /// The object that a change of `name` is about to touch. Where attributes are trusted it is looked up, because one
    /// cached under another name must learn of the change; elsewhere only the cache is looked at. `EBUSY` when it must
    /// keep its place.
    pub(super) fn target_of_change(
        self: &Arc<Self>,
        call: &Call,
        dir: &DentryRef,
        name: Name<'_>,
    ) -> Result<Option<Arc<Inode>>> {
        if self.coherence.trusts_attributes() {
            // The answer is used below, from the cache; that the name is missing is for the backend to say.
            self.walk(call, dir, &[name], false)?;
        }
        let (id, inode) = {
            let tree = self.tree.read();
            let Some(index) = tree.child_of(dir.id().index, name) else { return Ok(None) };
            let id = tree.id(index);
            if tree.get(id).is_some_and(Dentry::is_anchored) {
                return Err(Errno::Busy.into());
            }
            let Some(inode) = tree.inode(index) else { return Ok(None) };
            (id, Arc::clone(inode))
        };
        if inode.is_dir() && inode.is_open() {
            // Whoever holds it goes on holding it: without a name it could not be bound any more. When it cannot be
            // bound now, it is gone already.
            if let Err(Error::WouldWait) = self.bind(call, id) {
                return Err(Error::WouldWait);
            }
        }
        Ok(Some(inode))
    }

    /// Gives up what is kept for later opens of an object that is about to lose its last name: filesystems take longer to
    /// remove a file that somebody holds.
    pub(super) fn release_before_removal(&self, call: &Call, inode: &Inode) {
        if !inode.is_dir() && !inode.is_open() && inode.attr().0.nlink <= 1 {
            let handles = inode.take_handles();
            self.release_handles(call, handles);
        }
    }

    /// Notes that an object lost a name; when it was the last, what is kept for later opens goes.
    pub(super) fn name_gone(&self, call: &Call, inode: Arc<Inode>) {
        if inode.is_dir() && self.coherence.trusts_names() {
            self.tree.write().was_removed(&inode);
        }
        if inode.lost_name() && !inode.is_open() {
            if let Some(cell) = inode.cell() {
                self.discard(call, &inode, &cell);
            }
            let handles = inode.take_handles();
            self.release_handles(call, handles);
        }
        self.bury(call, vec![inode]);
    }
}
