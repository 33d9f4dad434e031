//! Open files and directories.

use super::ended::{Ended, Rest};
use super::fs::{DentryRef, GoferFs};
use super::handle::HandleSet;
use super::inode::Inode;
use super::page::{DataCell, ReadAhead, Stream};
use crate::abi::{Call, Error, FileType, OpenFlags, Result};
use crate::backend::ErasedHandle;
use parking_lot::Mutex;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

/// An open file: it works whatever becomes of its names. [`File::close`] ends it; one that is merely dropped is closed
/// by the next operation on its filesystem.
pub struct File {
    pub(super) fs: Arc<GoferFs>,
    pub(super) inode: Arc<Inode>,
    pub(super) read: Option<ErasedHandle>,
    pub(super) write: Option<ErasedHandle>,
    /// Whether its data goes through the page cache.
    pub(super) cached: bool,
    /// Whether its writes reach the backend before they return.
    pub(super) through: bool,
    /// The inode's cached data, found at the first use.
    pub(super) data: OnceLock<Arc<DataCell>>,
    pub(super) ahead: ReadAhead,
    /// What a reader that goes through a large file has fetched ahead.
    pub(super) stream: Mutex<Option<Box<Stream>>>,
    /// Failures of write-back that were there when it was opened, or that it was told of.
    seen_failures: AtomicU32,
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
        let (read, write) = match (access.contains(OpenFlags::READ), access.contains(OpenFlags::WRITE)) {
            (true, true) => (Some(Arc::clone(&handle)), Some(handle)),
            (false, true) => (None, Some(handle)),
            // An open without access still holds the object, so that its attributes can be asked for.
            (true | false, false) => (Some(handle), None),
        };
        File::with_handles(fs, inode, read, write, access)
    }

    fn with_handles(
        fs: &Arc<GoferFs>,
        inode: Arc<Inode>,
        read: Option<ErasedHandle>,
        write: Option<ErasedHandle>,
        access: OpenFlags,
    ) -> Self {
        inode.opened();
        File {
            cached: fs.coherence.caches_data() && inode.file_type() == FileType::Regular && inode.node().is_some(),
            through: !fs.coherence.writes_back() || access.intersects(OpenFlags::SYNC | OpenFlags::DSYNC),
            seen_failures: AtomicU32::new(inode.failures()),
            fs: Arc::clone(fs),
            inode,
            read,
            write,
            data: OnceLock::new(),
            ahead: ReadAhead::default(),
            stream: Mutex::new(None),
            closed: false,
        }
    }

    /// An open file over the handles that its inode shares.
    pub(super) fn sharing(fs: &Arc<GoferFs>, inode: Arc<Inode>, set: &HandleSet, access: OpenFlags) -> Self {
        let wants = |flag| access.contains(flag);
        let read = set.read().filter(|_| wants(OpenFlags::READ)).map(Arc::clone);
        let write = set.write().filter(|_| wants(OpenFlags::WRITE)).map(Arc::clone);
        File::with_handles(fs, inode, read, write, access)
    }

    /// Tells a failure of write-back that it was not told of yet.
    pub(super) fn unseen_failure(&self) -> Result<()> {
        let failures = self.inode.failures();
        if self.seen_failures.swap(failures, Ordering::AcqRel) == failures {
            return Ok(());
        }
        Err(Error::Errno(Inode::failure_of(failures)))
    }

    /// The file's type.
    #[must_use]
    pub fn file_type(&self) -> FileType {
        self.inode.file_type()
    }

    /// Ends the file; the last one of an inode brings what is not in the backend yet there, and gives its handles up or
    /// leaves them for the next open where the policy allows it. The file is closed in any case; the error is that of a
    /// write-back that the file was not told of, the one of this close among them.
    pub fn close(mut self, call: &Call) -> Result<()> {
        let rest = self.take();
        let told = self.fs.close(call, &self.inode, rest);
        if GoferFs::is_let_go(&self.inode) {
            let (fs, inode) = (Arc::clone(&self.fs), Arc::clone(&self.inode));
            // The inode goes with its last reference, so this one must not be there any more.
            drop(self);
            fs.bury(call, vec![inode]);
        }
        told
    }

    fn take(&mut self) -> Rest {
        self.closed = true;
        Rest {
            handles: [self.read.take(), self.write.take()],
            cell: self.data.take(),
            seen_failures: *self.seen_failures.get_mut(),
        }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        if !self.closed {
            let rest = self.take();
            self.fs.close_later(Ended { inode: Arc::clone(&self.inode), rest });
        }
    }
}

impl GoferFs {
    /// Closes a file that was merely dropped.
    pub(super) fn close_ended(&self, call: &Call, end: Ended) -> Result<()> {
        let Ended { inode, rest } = end;
        let told = self.close(call, &inode, rest);
        if Self::is_let_go(&inode) {
            self.bury(call, vec![inode]);
        }
        told
    }

    /// Whether the references to an inode are the table's, one dentry's and the one at hand, or fewer: then the dentry's
    /// end would be the inode's, and one without is at its end.
    fn is_let_go(inode: &Arc<Inode>) -> bool {
        Arc::strong_count(inode) <= 2
    }

    /// Counts a close, brings out what the last one must, and releases what it frees.
    fn close(&self, call: &Call, inode: &Arc<Inode>, rest: Rest) -> Result<()> {
        let Rest { handles, cell, seen_failures } = rest;
        let last = inode.closed();
        // The one that is closed last need not be the one that wrote.
        let cell = if last { cell.or_else(|| inode.cell()) } else { cell };
        let brought_out = match &cell {
            Some(cell) if last => self.bring_out_at_close(call, inode, cell),
            _ => Ok(()),
        };
        drop(cell);
        let failures = inode.failures();
        // What ended with the call is no failure of the file, and is not counted as one.
        let told = if failures == seen_failures { brought_out } else { Err(Inode::failure_of(failures).into()) };
        self.let_go(call, handles.into_iter().flatten());
        if last {
            if self.keeps_handles(inode) {
                let surplus = self.idle.add(inode);
                self.release_idle(call, surplus);
            } else if self.coherence.shares_handles() {
                let handles = inode.take_handles();
                self.release_handles(call, handles);
            }
        }
        told
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
