//! What mounting changes in the tree below.

use crate::abi::{Call, FileType, InodeKey, Mode, Name, NameBuf, Stat, Timespec};
use crate::gofer::fs::{DentryRef, GoferFs};
use crate::gofer::inode::Inode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Inode numbers of synthetic directories: a device of their own, counted through the process.
static NEXT_SYNTHETIC: AtomicU64 = AtomicU64::new(1);

/// The device number of synthetic directories; host devices have 32 bits.
const SYNTHETIC_DEV: u64 = 1 << 33;

/// An object that no backend has: an empty directory, or the place of a mounted file.
fn synthetic(file_type: FileType) -> Inode {
    let ino = NEXT_SYNTHETIC.fetch_add(1, Ordering::Relaxed);
    let stat = Stat {
        key: InodeKey { dev: SYNTHETIC_DEV, ino, birth_ns: None },
        file_type,
        mode: Mode::new(0o555),
        nlink: 1,
        uid: 0,
        gid: 0,
        size: 0,
        blocks: 0,
        blksize: 4096,
        atime: Timespec::default(),
        mtime: Timespec::default(),
        ctime: Timespec::default(),
    };
    Inode::new(None, &stat)
}

impl GoferFs {
    /// Adds a name that only the namespace knows, for a mount on it or below it, which keeps it. `None` when the tree is
    /// full.
    pub fn add_synthetic(self: &Arc<Self>, dir: &DentryRef, name: Name<'_>, file_type: FileType) -> Option<DentryRef> {
        let inode = Arc::new(synthetic(file_type));
        let mut dead = Vec::new();
        let mut tree = self.tree.write();
        let index = tree.insert(dir.id().index, name, Some(inode), &mut dead)?;
        tree.names_changed(dir.id().index);
        self.reference(&tree, index)
    }

    /// The names in a directory that only the namespace knows, each with the [`DentryRef::token`] of its dentry.
    #[must_use]
    pub fn synthetic_names(&self, dir: &DentryRef) -> Vec<(NameBuf, (usize, u32))> {
        let (fs, _) = dir.token();
        let children = self.tree.read().synthetic_children(dir.id().index);
        children.into_iter().map(|(name, index, _)| (name, (fs, index))).collect()
    }

    /// Notes that something is mounted on a dentry (or no longer): walks stop there, it keeps its place, and so do the
    /// directories above it, with their control handles: they are never asked for again.
    pub fn set_mounted(&self, on: &DentryRef, mounted: bool) {
        let way = {
            let mut tree = self.tree.write();
            tree.set_mounted(on.id().index, mounted);
            tree.way_to(on.id().index)
        };
        for (id, inode) in way.into_iter().filter(|(id, inode)| *id != self.root && inode.is_dir()) {
            self.pin(&inode, mounted);
            if mounted && let Err(error) = self.bind(&Call::WAITING, id) {
                tracing::debug!(target: "wasi_gofer::gofer", %error, "a directory above a mount cannot be held");
            }
        }
    }
}
