//! Hard links.

use crate::abi::{Call, Errno, Name, Result};
use crate::gofer::fs::{DentryRef, GoferFs};
use crate::gofer::stats::Op;
use std::sync::Arc;

impl GoferFs {
    /// Makes `name` in `dir` a further name of `of`: `EPERM` for a directory.
    pub fn link(self: &Arc<Self>, call: &Call, of: &DentryRef, dir: &DentryRef, name: Name<'_>) -> Result<()> {
        let inode = of.inode();
        if inode.is_dir() {
            return Err(Errno::Perm.into());
        }
        let _guard = self.lock_dir(call, dir.inode())?;
        let node = self.dir_node(dir)?;
        self.not_a_mount_point(dir, name)?;
        inode.note_linked();
        let version = inode.attr_version();
        let linked = self.on_object_and(call, of.id(), inode, Some(dir.id()), |object| {
            self.ask(Op::Link).link(call, object, node, name)
        });
        let stat = match linked {
            Ok(stat) => stat,
            Err(error) => {
                inode.attr_changed();
                return Err(self.doubt(call, error, &[(dir, name)]));
            }
        };
        inode.attr_changed();
        self.changed_here(dir.id());
        self.learn(call, inode, &stat, version.wrapping_add(1));
        self.commit(call, |tree, dead| {
            let entered = (stat.key == inode.key()).then(|| Arc::clone(inode));
            match entered {
                Some(inode) => drop(tree.insert(dir.id().index, name, Some(inode), dead)),
                None => drop(tree.child_of(dir.id().index, name).map(|child| tree.detach(child, dead))),
            }
            Self::dir_changed(tree, dir);
        });
        Ok(())
    }
}
