//! Reaching the disk.

use crate::abi::{Call, Result};
use crate::gofer::fs::{DentryRef, GoferFs};
use crate::gofer::stats::Op;

impl GoferFs {
    /// Makes everything that was written through this filesystem reach the disk: what the backend does not have yet, the
    /// handles that are held, and then the whole storage, for what was written through others. The first failure is
    /// told, after all were tried.
    pub fn sync_all(&self, call: &Call) -> Result<()> {
        let lost = self.bring_out_all(call).into_iter().next().map_or(Ok(()), |lost| Err(lost.error));
        let mut handles = Vec::new();
        let mut inodes = Vec::new();
        // The table's lock ranks above the handles', so the inodes are taken out first.
        self.inodes.for_each(|inode| inodes.push(std::sync::Arc::clone(inode)));
        for inode in &inodes {
            handles.extend(inode.handles().lock().as_ref().and_then(|set| set.write().cloned()));
        }
        let results = self.ask(Op::HandleSync).sync_many(call, &handles);
        self.bury(call, inodes);
        let synced = self.ask(Op::SyncFs).sync_fs(call);
        lost.and(results.into_iter().collect::<Result<()>>()).and(synced)
    }

    /// Makes a directory's entries reach the disk.
    pub fn sync_dir(&self, call: &Call, dir: &DentryRef) -> Result<()> {
        let Some(node) = dir.inode().node() else { return Ok(()) };
        self.bound(call, &[dir.id()], || self.ask(Op::SyncDir).sync_dir(call, node))
    }
}
