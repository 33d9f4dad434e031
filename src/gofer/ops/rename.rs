//! Names that move.

use crate::abi::{Call, Name, Result};
use crate::backend::Location;
use crate::gofer::fs::{DentryRef, GoferFs};
use crate::gofer::stats::Op;
use crate::gofer::wait;
use crate::sync::RankedGuard;
use std::sync::Arc;

/// What a rename holds: the rename lock when two directories are involved, and the directories.
type RenameGuards<'a> = (Option<RankedGuard<'a, ()>>, RankedGuard<'a, ()>, Option<RankedGuard<'a, ()>>);

impl GoferFs {
    /// Moves a name, replacing what is at the new one, as rename(2). `EBUSY` for mount points and what leads to them;
    /// nothing happens when both names are of one object.
    pub fn rename(
        self: &Arc<Self>,
        call: &Call,
        (old_dir, old_name): (&DentryRef, Name<'_>),
        (new_dir, new_name): (&DentryRef, Name<'_>),
    ) -> Result<()> {
        let _guards = self.lock_for_rename(call, old_dir, new_dir)?;
        let (old_node, new_node) = (self.dir_node(old_dir)?, self.dir_node(new_dir)?);
        let moved = self.target_of_change(call, old_dir, old_name)?;
        let dentry = self.directory_called(old_dir, old_name);
        let replaced = self.target_of_change(call, new_dir, new_name)?;
        if let (Some(from), Some(_)) = (&moved, &replaced) {
            // Whoever replaces a file by a new one must find the one or the other, whatever happens.
            let brought_out = self.bring_out_before_replacing(call, from);
            if let Err(error) = brought_out {
                self.bury(call, [moved, replaced].into_iter().flatten().collect());
                return Err(error);
            }
        }
        if let Some(replaced) = &replaced {
            self.release_before_removal(call, replaced);
        }
        let renamed = self.bound(call, &[old_dir.id(), new_dir.id()], || {
            let from = Location { dir: old_node, name: old_name };
            let to = Location { dir: new_node, name: new_name };
            self.ask(Op::Rename).rename(call, from, to)
        });
        if let Err(error) = renamed {
            let error = self.doubt(call, error, &[(old_dir, old_name), (new_dir, new_name)]);
            self.bury(call, moved.into_iter().chain(replaced).collect());
            return Err(error);
        }
        if let (Some(moved), Some(replaced)) = (&moved, &replaced)
            && Arc::ptr_eq(moved, replaced)
        {
            return Ok(());
        }
        if let Some(node) = moved.as_ref().and_then(|moved| moved.node()) {
            self.backend().moved(node, Location { dir: new_node, name: new_name });
        }
        self.changed_here(old_dir.id());
        self.changed_here(new_dir.id());
        self.commit(call, |tree, dead| {
            let (old, new) = (old_dir.id().index, new_dir.id().index);
            tree.rename((old, old_name), (new, new_name), dead);
            if let Some(dentry) = &dentry {
                // Somebody found its old name gone, and threw it out with all below it that others hold.
                tree.reattach(dentry.id(), new, new_name);
            }
            Self::dir_changed(tree, old_dir);
            Self::dir_changed(tree, new_dir);
            if self.coherence.may_cache_negative() {
                tree.insert(old, old_name, None, dead);
                tree.trim_negatives(old, self.options.negative_limit, dead);
            }
        });
        if let Some(moved) = moved {
            moved.attr_changed();
            self.bury(call, vec![moved]);
        }
        if let Some(replaced) = replaced {
            self.name_gone(call, replaced);
        }
        Ok(())
    }

    /// The directory that a name is known to be of, held: it is to be found when it was moved.
    fn directory_called(self: &Arc<Self>, dir: &DentryRef, name: Name<'_>) -> Option<DentryRef> {
        let tree = self.tree.read();
        let index = tree.child_of(dir.id().index, name)?;
        tree.inode(index).filter(|inode| inode.is_dir())?;
        self.reference(&tree, index)
    }

    /// Locks one directory, or two under the rename lock: ancestor first, else by key.
    fn lock_for_rename<'a>(
        &'a self,
        call: &Call,
        old_dir: &'a DentryRef,
        new_dir: &'a DentryRef,
    ) -> Result<RenameGuards<'a>> {
        let (old, new) = (old_dir.inode(), new_dir.inode());
        if Arc::ptr_eq(old, new) {
            return Ok((None, self.lock_dir(call, old)?, None));
        }
        let renames = wait::lock(call, &self.renames)?;
        let old_first = {
            let tree = self.tree.read();
            let (a, b) = (old_dir.id().index, new_dir.id().index);
            tree.is_ancestor(a, b) || (!tree.is_ancestor(b, a) && old.key() <= new.key())
        };
        let (first, second) = if old_first { (old, new) } else { (new, old) };
        let first = wait::lock(call, &first.changes)?;
        let second = wait::lock_second(call, &second.changes)?;
        Ok((Some(renames), first, Some(second)))
    }
}
