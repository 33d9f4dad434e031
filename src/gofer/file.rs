//! Open files and directories.

use super::fs::{DentryRef, GoferFs};
use super::handle::HandleSet;
use super::inode::Inode;
use crate::abi::{Call, FileType, OpenFlags};
use crate::backend::ErasedHandle;
use std::fmt;
use std::sync::Arc;

/// An open file: it works whatever becomes of its names. [`File::close`] ends it; one that is merely dropped is closed
/// by the next operation on its filesystem.
pub struct File {
    pub(super) fs: Arc<GoferFs>,
    pub(super) inode: Arc<Inode>,
    pub(super) read: Option<ErasedHandle>,
    pub(super) write: Option<ErasedHandle>,
    closed: bool,
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File")
            .field("inode", &self.inode)
            .field("read", &self.read.is_some())
            .field("write", &self.write.is_some())
            .finish_non_exhaustive()
    }
}

impl File {
    /// The flags that say what may be done with the data.
    pub(super) const ACCESS: OpenFlags = OpenFlags::READ.union(OpenFlags::WRITE);

    /// An open file over `handle`, which gives at least `access`.
    pub(super) fn new(fs: &Arc<GoferFs>, inode: Arc<Inode>, handle: ErasedHandle, access: OpenFlags) -> Self {
        inode.opened();
        let read = access.contains(OpenFlags::READ).then(|| Arc::clone(&handle));
        let write = access.contains(OpenFlags::WRITE).then(|| Arc::clone(&handle));
        // An open without access still holds the object, so that its attributes can be asked for.
        let read = if read.is_none() && write.is_none() { Some(handle) } else { read };
        File { fs: Arc::clone(fs), inode, read, write, closed: false }
    }

    /// An open file over the handles that its inode shares.
    pub(super) fn sharing(fs: &Arc<GoferFs>, inode: Arc<Inode>, set: &HandleSet, access: OpenFlags) -> Self {
        inode.opened();
        let read = set.read().filter(|_| access.contains(OpenFlags::READ)).map(Arc::clone);
        let write = set.write().filter(|_| access.contains(OpenFlags::WRITE)).map(Arc::clone);
        File { fs: Arc::clone(fs), inode, read, write, closed: false }
    }

    /// The file's type.
    #[must_use]
    pub fn file_type(&self) -> FileType {
        self.inode.file_type()
    }

    /// Ends the file; the last one of an inode gives its handles up, or leaves them for the next open where the policy
    /// allows it.
    pub fn close(mut self, call: &Call) {
        let (inode, handles) = self.take();
        let fs = Arc::clone(&self.fs);
        drop(self);
        fs.close(call, inode, handles);
    }

    fn take(&mut self) -> (Arc<Inode>, Vec<ErasedHandle>) {
        self.closed = true;
        let handles = self.read.take().into_iter().chain(self.write.take());
        // Handles that the inode shares are only let go of here; the last reference to an own one is released.
        let own = handles.filter(|handle| Arc::strong_count(handle) == 1).collect();
        (Arc::clone(&self.inode), own)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        if !self.closed {
            let (inode, handles) = self.take();
            self.fs.close_later(inode, handles);
        }
    }
}

impl GoferFs {
    /// Counts a close and releases what it frees.
    pub(super) fn close(&self, call: &Call, inode: Arc<Inode>, own: Vec<ErasedHandle>) {
        self.release_handles(call, own);
        if inode.closed() {
            let keeps = self.coherence.keeps_idle_handles() && inode.attr().0.nlink > 0;
            if keeps {
                let surplus = self.idle.add(&inode);
                self.release_idle(call, surplus);
            } else {
                let handles = inode.take_handles();
                self.release_handles(call, handles);
            }
        }
        // The table's, a dentry's and ours: then the dentry's end is the inode's, and the table need not be asked.
        if Arc::strong_count(&inode) <= 2 {
            self.bury(call, vec![inode]);
        }
    }
}

/// An open directory: it keeps its control handle.
#[derive(Debug)]
pub struct OpenDir {
    dentry: DentryRef,
}

impl OpenDir {
    pub(super) fn new(dentry: DentryRef) -> Self {
        dentry.fs().pin(dentry.inode(), true);
        OpenDir { dentry }
    }

    /// Its name.
    #[must_use]
    pub fn dentry(&self) -> &DentryRef {
        &self.dentry
    }
}

impl Drop for OpenDir {
    fn drop(&mut self) {
        self.dentry.fs().pin(self.dentry.inode(), false);
    }
}

impl GoferFs {
    /// Counts an opening or a close of a directory; the backend hears of the first and the last.
    pub(super) fn pin(&self, inode: &Inode, pinned: bool) {
        let _order = self.pins.lock();
        let edge = if pinned { inode.opened() } else { inode.closed() };
        if let Some(node) = inode.node().filter(|_| edge) {
            self.backend().pin(node, pinned);
        }
    }
}
