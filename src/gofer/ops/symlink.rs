//! Symbolic links: reading and making them.

use crate::abi::{Call, Errno, FileType, Name, Result};
use crate::gofer::fs::{DentryRef, GoferFs};
use crate::gofer::stats::Op;
use std::sync::Arc;

/// Longest contents of a symbolic link that are kept, in bytes: dentries are budgeted without them.
const TARGET_KEPT_MAX: usize = 256;

impl GoferFs {
    /// The contents of a symbolic link, `EINVAL` for anything else. They never change for one object, so they are asked
    /// for once, unless the object cannot be told from a later one under its inode number.
    pub fn readlink(&self, call: &Call, link: &DentryRef) -> Result<Vec<u8>> {
        let inode = link.inode();
        if inode.file_type() != FileType::Symlink {
            return Err(Errno::Inval.into());
        }
        let certain = self.coherence.trusts_names() || inode.key().birth_ns.is_some();
        let kept = |target: &[u8]| certain && target.len() <= TARGET_KEPT_MAX;
        if let Some(target) = inode.target().filter(|_| certain) {
            return Ok(target.to_vec());
        }
        let target = self.on_object(call, link.id(), inode, |object| self.ask(Op::Readlink).readlink(call, object))?;
        inode.note_read();
        if kept(&target) {
            return Ok(inode.set_target(target).to_vec());
        }
        Ok(target)
    }

    /// Makes a symbolic link with the contents `target`.
    pub fn symlink(self: &Arc<Self>, call: &Call, dir: &DentryRef, name: Name<'_>, target: &[u8]) -> Result<()> {
        let made = self.make(call, dir, name, |node| self.ask(Op::Symlink).symlink(call, node, name, target))?;
        self.bury(call, vec![made]);
        Ok(())
    }
}
