//! Listings of directories.

#[cfg(feature = "p3")]
use super::conduct::Conduct;
#[cfg(feature = "p2")]
use super::ctx::GoferComponentCtx;
use super::descriptor::OpenedDirectory;
use super::guest::Slot;
use crate::abi::{Call, Errno, FileType, Result};
use crate::vfs::OpenDirectory;
#[cfg(feature = "p2")]
use crate::wasi::fail::Outcome;
use parking_lot::Mutex;
use smallvec::SmallVec;
use std::sync::{Arc, OnceLock};

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
    directory: OnceLock<OpenDirectory>,
    /// What is opened for it when it is first read.
    of: Option<Arc<OpenedDirectory>>,
    /// The cookie of the next entry; `None` at the end.
    next: Mutex<Option<u64>>,
    #[cfg_attr(not(feature = "p3"), allow(dead_code, reason = "held"))]
    slot: Slot,
}

impl DirectoryEntries {
    /// A listing of `directory`, which was opened for it.
    #[cfg(feature = "p2")]
    pub(crate) fn new(ctx: &GoferComponentCtx, directory: OpenDirectory) -> Outcome<Self> {
        Ok(Self::with(OnceLock::from(directory), None, ctx.slot()?))
    }

    /// A listing of `directory`, which is opened for it when it is first read.
    #[cfg(feature = "p3")]
    pub(crate) fn later(directory: Arc<OpenedDirectory>, slot: Slot) -> Self {
        Self::with(OnceLock::new(), Some(directory), slot)
    }

    fn with(directory: OnceLock<OpenDirectory>, of: Option<Arc<OpenedDirectory>>, slot: Slot) -> Self {
        DirectoryEntries(Arc::new(Inner { directory, of, next: Mutex::new(Some(FIRST)), slot }))
    }

    /// How calls on it behave that the guest does not make itself.
    #[cfg(feature = "p3")]
    pub(crate) fn conduct(&self) -> Conduct {
        self.0.slot.guest().conduct()
    }

    fn directory(&self, call: &Call) -> Result<&OpenDirectory> {
        match (self.0.directory.get(), &self.0.of) {
            (Some(directory), _) => Ok(directory),
            (None, Some(of)) => {
                let directory = of.directory().reopen(call)?;
                Ok(self.0.directory.get_or_init(|| directory))
            }
            (None, None) => Err(Errno::Badf.into()),
        }
    }

    /// The next entry; `None` at the end. A name that is not UTF-8 is left out, as paths of these interfaces are strings:
    /// the guest could do nothing with it.
    #[cfg(feature = "p2")]
    pub(crate) fn next(&self, call: &Call) -> Result<Option<DirectoryEntry>> {
        Ok(self.read(call, 1, usize::MAX)?.0.pop())
    }

    /// The next entries, at least one and at most `count`, of which the last reaches `bytes` of names, and whether the end
    /// is behind them. Names that are not UTF-8 are left out.
    #[cfg(feature = "p3")]
    pub(crate) fn batch(&self, call: &Call, count: usize, bytes: usize) -> Result<(Vec<DirectoryEntry>, bool)> {
        let (found, end) = self.read(call, count, bytes)?;
        Ok((found.into_vec(), end))
    }

    /// Reads on. A call that fails leaves the listing where it was.
    fn read(&self, call: &Call, count: usize, bytes: usize) -> Result<(SmallVec<[DirectoryEntry; 1]>, bool)> {
        let directory = self.directory(call)?;
        let mut next = self.0.next.lock();
        let mut found: SmallVec<[DirectoryEntry; 1]> = SmallVec::new();
        let Some(cookie) = *next else { return Ok((found, true)) };
        let (mut size, mut behind) = (0, None);
        directory.read_dir(call, cookie, &mut |entry| {
            let Ok(name) = std::str::from_utf8(entry.name) else {
                tracing::debug!(
                    target: "wasi_gofer::component",
                    name = %entry.name.escape_ascii(),
                    "name is no UTF-8: not listed"
                );
                return true;
            };
            size += name.len();
            found.push(DirectoryEntry { file_type: entry.file_type, name: name.to_owned() });
            let more = found.len() < count && size < bytes;
            if !more {
                behind = Some(entry.next);
            }
            more
        })?;
        for entry in found.iter_mut().filter(|entry| entry.file_type.is_none()) {
            entry.file_type = type_of(directory, call, &entry.name)?;
        }
        *next = behind;
        Ok((found, behind.is_none()))
    }
}

/// The type that the listing did not tell; `None` of what is gone by now.
fn type_of(directory: &OpenDirectory, call: &Call, name: &str) -> Result<Option<FileType>> {
    match directory.stat_at(call, name.as_bytes(), false) {
        Ok(stat) => Ok(Some(stat.file_type)),
        Err(crate::abi::Error::Errno(_)) => Ok(None),
        Err(waits) => Err(waits),
    }
}
