//! The files whose data or times the backend does not have yet.

use super::inode::Inode;
use super::page::DataCell;
use crate::sync::{Rank, RankedMutex};
use hashbrown::HashMap;
use std::sync::Arc;
use std::time::Instant;

/// A file that is to be brought out.
#[derive(Clone, Debug)]
pub(crate) struct DirtyFile {
    pub(crate) inode: Arc<Inode>,
    pub(crate) cell: Arc<DataCell>,
    /// When it got dirty, or could not be brought out.
    pub(crate) since: Instant,
}

/// Every dirty file of a mount, which this keeps alive. A file enters and leaves under its data's lock, so it is in here
/// if its data says so.
#[derive(Debug)]
pub(crate) struct DirtyFiles {
    files: RankedMutex<Files, { Rank::Dirty as u8 }>,
}

type Files = HashMap<usize, DirtyFile, foldhash::fast::RandomState>;

fn key(cell: &Arc<DataCell>) -> usize {
    Arc::as_ptr(cell) as usize
}

impl Default for DirtyFiles {
    fn default() -> Self {
        DirtyFiles { files: RankedMutex::new(Files::default()) }
    }
}

impl DirtyFiles {
    /// Enters a file; called under its data's lock.
    pub(crate) fn add(&self, inode: &Arc<Inode>, cell: &Arc<DataCell>, since: Instant) {
        let file = DirtyFile { inode: Arc::clone(inode), cell: Arc::clone(cell), since };
        self.files.lock().insert(key(cell), file);
    }

    /// Takes a file out; called under its data's lock. It is handed back, to be dropped behind that.
    pub(crate) fn remove(&self, cell: &Arc<DataCell>) -> Option<DirtyFile> {
        let mut files = self.files.lock();
        let removed = files.remove(&key(cell));
        if files.is_empty() && files.capacity() > 1_024 {
            files.shrink_to_fit();
        }
        removed
    }

    /// Gives a file that could not be brought out another while.
    pub(crate) fn postpone(&self, cell: &Arc<DataCell>, since: Instant) {
        if let Some(file) = self.files.lock().get_mut(&key(cell)) {
            file.since = since;
        }
    }

    /// Every file, the longest dirty first.
    pub(crate) fn all(&self) -> Vec<DirtyFile> {
        let mut files: Vec<_> = self.files.lock().values().cloned().collect();
        files.sort_by_key(|file| file.since);
        files
    }

    /// Since when the longest dirty file is so; `None` when there is none.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.files.lock().values().map(|file| file.since).min()
    }
}
