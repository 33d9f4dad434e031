//! One object.

use super::attr::AttrCell;
use crate::abi::{FileType, InodeKey, Stat};
use crate::backend::{ErasedHandle, ErasedNode};
use crate::gofer::handle::HandleSet;
use crate::sync::{Rank, RankedMutex};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// An object of the backend, or one that exists only here (`node` is `None`: a mount point that the directory below
/// lacks). Names refer to it through dentries; two names of one object share one inode through the table.
#[derive(Debug)]
pub(crate) struct Inode {
    /// Immutable.
    key: InodeKey,
    /// Immutable: a name whose type changed is another object.
    file_type: FileType,
    /// Immutable; `None` is synthetic.
    node: Option<ErasedNode>,
    attr: AttrCell,
    /// Open files of guests; a count above zero pins the handles.
    opens: AtomicU32,
    /// Whether the idle list has an entry of it.
    idle_listed: AtomicBool,
    /// Whether it was opened since the idle list last looked.
    recently_open: AtomicBool,
    handles: RankedMutex<Option<Box<HandleSet>>, { Rank::Handles as u8 }>,
    /// Serialises changes of a directory; held across backend calls.
    pub(crate) changes: RankedMutex<(), { Rank::Directory as u8 }>,
    /// A symbolic link's contents, which never change for one object.
    target: OnceLock<Box<[u8]>>,
}

impl Inode {
    /// An object that the backend found.
    pub(crate) fn new(node: Option<ErasedNode>, stat: &Stat) -> Self {
        Inode {
            key: stat.key,
            file_type: stat.file_type,
            node,
            attr: AttrCell::new(stat),
            opens: AtomicU32::new(0),
            idle_listed: AtomicBool::new(false),
            recently_open: AtomicBool::new(false),
            handles: RankedMutex::new(None),
            changes: RankedMutex::new(()),
            target: OnceLock::new(),
        }
    }

    /// Identity.
    pub(crate) fn key(&self) -> InodeKey {
        self.key
    }

    /// Kind.
    #[inline]
    pub(crate) fn file_type(&self) -> FileType {
        self.file_type
    }

    /// Whether it is a directory.
    #[inline]
    pub(crate) fn is_dir(&self) -> bool {
        self.file_type == FileType::Directory
    }

    /// The backend's node; `None` is synthetic.
    pub(crate) fn node(&self) -> Option<&ErasedNode> {
        self.node.as_ref()
    }

    /// The attributes, and whether they are fresh.
    #[inline]
    pub(crate) fn attr(&self) -> (Stat, bool) {
        self.attr.load(self.key, self.file_type)
    }

    /// The version to note before the backend is asked for attributes.
    pub(crate) fn attr_version(&self) -> u32 {
        self.attr.version()
    }

    /// Says that the object changed in the backend; to be called behind the change.
    pub(crate) fn attr_changed(&self) {
        self.attr.invalidate();
    }

    /// Stores attributes asked for after `version` was noted. True when mode or owner differ from what was known.
    pub(crate) fn store_attr(&self, stat: &Stat, version: u32) -> bool {
        let (known, fresh) = self.attr();
        if fresh && known == *stat {
            return false;
        }
        self.attr.store(stat, version);
        (known.mode, known.uid, known.gid) != (stat.mode, stat.uid, stat.gid)
    }

    /// Notes that one name of it is gone; true when that was the last one.
    pub(crate) fn lost_name(&self) -> bool {
        let version = self.attr_version();
        let mut stat = self.attr().0;
        stat.nlink = if self.is_dir() { 0 } else { stat.nlink.saturating_sub(1) };
        self.attr.store(&stat, version);
        self.attr_changed();
        stat.nlink == 0
    }

    /// Notes that the contents were read: where the backend keeps access times as Linux does by default (relatime), the
    /// first read behind a change moves the access time.
    #[inline]
    pub(crate) fn note_read(&self) {
        let (stat, fresh) = self.attr();
        if fresh && (stat.atime <= stat.mtime || stat.atime <= stat.ctime) {
            self.attr_changed();
        }
    }

    /// The cached contents of a symbolic link.
    pub(crate) fn target(&self) -> Option<&[u8]> {
        self.target.get().map(AsRef::as_ref)
    }

    /// Remembers the contents of a symbolic link.
    pub(crate) fn set_target(&self, target: Vec<u8>) -> &[u8] {
        self.target.get_or_init(|| target.into_boxed_slice())
    }

    /// The handles that its opens share.
    pub(crate) fn handles(&self) -> &RankedMutex<Option<Box<HandleSet>>, { Rank::Handles as u8 }> {
        &self.handles
    }

    /// Takes the shared handles away, for release.
    pub(crate) fn take_handles(&self) -> Vec<ErasedHandle> {
        self.handles.lock().take().map(|set| set.into_handles()).unwrap_or_default()
    }

    /// Counts an open file; true when it is the first.
    pub(crate) fn opened(&self) -> bool {
        if !self.recently_open.load(Ordering::Relaxed) {
            self.recently_open.store(true, Ordering::Relaxed);
        }
        self.opens.fetch_add(1, Ordering::AcqRel) == 0
    }

    /// Counts a close; true when it was the last.
    pub(crate) fn closed(&self) -> bool {
        self.opens.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// Whether a guest has it open.
    pub(crate) fn is_open(&self) -> bool {
        self.opens.load(Ordering::Acquire) > 0
    }

    /// Claims the one entry that the idle list has of it; false when it is there already.
    pub(crate) fn enter_idle_list(&self) -> bool {
        !self.idle_listed.load(Ordering::Acquire) && !self.idle_listed.swap(true, Ordering::AcqRel)
    }

    /// Gives that entry up.
    pub(crate) fn leave_idle_list(&self) {
        self.idle_listed.store(false, Ordering::Release);
    }

    /// Whether it was opened since the last such question.
    pub(crate) fn take_recently_open(&self) -> bool {
        self.recently_open.swap(false, Ordering::AcqRel)
    }

    /// The parts that the backend is told to release.
    pub(crate) fn into_parts(self) -> (Option<ErasedNode>, Vec<ErasedHandle>) {
        let handles = self.handles.into_inner().map(|set| set.into_handles()).unwrap_or_default();
        (self.node, handles)
    }
}

#[cfg(test)]
mod tests {
    use super::Inode;

    #[test]
    fn size_of_an_inode_stays_within_the_memory_figure() {
        assert!(size_of::<Inode>() <= 232, "{}", size_of::<Inode>());
    }
}
