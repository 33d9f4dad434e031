//! Watches: directories are watched for a client, who gets the queue of what is announced and reads it by himself.

use super::open_file::Donation;
use super::session::{Donations, Session, write};
use crate::abi::{Errno, FileType, Result};
use crate::hostfs::watch::{self, HandedOut};
use crate::proto::lisafs::{AddWatch, AddWatchReply, ChangeQueueReply, RemoveWatch, WATCH_ATTRIBUTES, Writer};
use rustix::fd::AsFd;
use smallvec::smallvec;
use std::sync::Arc;

impl Session {
    /// A new queue. `EMFILE` where this connection has as many as it may have, or the user.
    pub(super) fn change_queue(&self, to: &mut Writer<'_>) -> Result<Donations> {
        self.ids.lock().room_for_queue()?;
        let watches = self.shared.export.limits.watches;
        let queue = Arc::new(HandedOut::new(self.shared.tree.host(), watches)?);
        let donated = Donation::Queue(Arc::clone(&queue));
        let queue = self.ids.lock().add_queue(queue)?;
        write(to, &ChangeQueueReply { queue })?;
        Ok(smallvec![donated])
    }

    /// Watches a directory. `ENOTDIR` for anything else, `EOPNOTSUPP` where the kernel does not announce everything,
    /// `ENOSPC` where there are as many watches as there may be.
    pub(super) fn add_watch(&self, request: &AddWatch, to: &mut Writer<'_>) -> Result<()> {
        let (queue, node) = {
            let ids = self.ids.lock();
            (ids.queue(request.queue)?, ids.control(request.dir)?)
        };
        if node.file_type != FileType::Directory {
            return Err(Errno::Notdir.into());
        }
        let tree = &self.shared.tree;
        let _guard = tree.reading(&node);
        let dir = tree.dir(&node)?;
        let announces = watch::announces(tree.host(), dir.as_fd())?;
        let flags = if announces.attributes { WATCH_ATTRIBUTES } else { 0 };
        write(to, &AddWatchReply { watch: queue.add(dir.as_fd())?, flags })
    }

    /// Ends watches, and forgets those that ended.
    pub(super) fn remove_watch(&self, request: &RemoveWatch<'_>) -> Result<()> {
        let queue = self.ids.lock().queue(request.queue)?;
        request.watches.iter().for_each(|watch| queue.remove(watch.get()));
        Ok(())
    }
}
