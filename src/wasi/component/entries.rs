//! Listings of directories.

use super::ctx::GoferComponentCtx;
use super::guest::Slot;
use crate::abi::{Call, FileType, Result};
use crate::vfs::OpenDirectory;
use crate::wasi::fail::Outcome;
use parking_lot::Mutex;
use std::sync::Arc;

/// The first cookie behind `.` and `..`, which components do not see.
const FIRST: u64 = 2;

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// What it names; `None` where nobody could tell.
    pub file_type: Option<FileType>,
    /// The name.
    pub name: String,
}

/// A listing of a directory, from its beginning and by itself: what a handle of the resource `directory-entry-stream` of
/// WASI 0.2 stands for, and what feeds the stream of WASI 0.3. It holds the directory open.
#[derive(Clone, Debug)]
pub struct DirectoryEntries(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    directory: OpenDirectory,
    /// The cookie of the next entry; `None` at the end.
    next: Mutex<Option<u64>>,
    _slot: Slot,
}

impl DirectoryEntries {
    /// A listing of `directory`, which was opened for it.
    pub(crate) fn new(ctx: &GoferComponentCtx, directory: OpenDirectory) -> Outcome<Self> {
        Ok(DirectoryEntries(Arc::new(Inner { directory, next: Mutex::new(Some(FIRST)), _slot: ctx.slot()? })))
    }

    /// The next entry; `None` at the end. A name that is not UTF-8 is left out, as paths of these interfaces are strings:
    /// the guest could do nothing with it.
    pub(crate) fn next(&self, call: &Call) -> Result<Option<DirectoryEntry>> {
        let mut next = self.0.next.lock();
        let Some(cookie) = *next else { return Ok(None) };
        let mut found = None;
        let mut behind = None;
        self.0.directory.read_dir(call, cookie, &mut |entry| {
            let Ok(name) = std::str::from_utf8(entry.name) else {
                tracing::debug!(
                    target: "wasi_gofer::component",
                    name = %entry.name.escape_ascii(),
                    "name is no UTF-8: not listed"
                );
                return true;
            };
            found = Some(DirectoryEntry { file_type: entry.file_type, name: name.to_owned() });
            behind = Some(entry.next);
            false
        })?;
        if let Some(entry) = found.as_mut().filter(|entry| entry.file_type.is_none()) {
            entry.file_type = self.type_of(call, &entry.name)?;
        }
        *next = behind;
        Ok(found)
    }

    /// The type that the listing did not tell; `None` of what is gone by now.
    fn type_of(&self, call: &Call, name: &str) -> Result<Option<FileType>> {
        match self.0.directory.stat_at(call, name.as_bytes(), false) {
            Ok(stat) => Ok(Some(stat.file_type)),
            Err(crate::abi::Error::Errno(_)) => Ok(None),
            Err(waits) => Err(waits),
        }
    }
}
