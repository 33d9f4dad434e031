//! The change queue of a host directory: inotify.

use super::node::DirectNode;
use crate::abi::{Call, Result};
use crate::backend::{Change, ChangeQueue, Watch, WatchId, inotify};
use crate::hostfs::watch::Inotify;
use crate::hostfs::{Host, watch};
use cap_std::fs::Dir;
use std::sync::Arc;

/// An inotify instance, and the source's directory, which no node holds.
pub(super) struct DirectQueue {
    host: Host,
    inotify: Inotify,
    root: Arc<Dir>,
}

impl DirectQueue {
    /// `None` when the user has as many instances as he may have.
    pub(super) fn new(host: &Host, root: &Arc<Dir>) -> Option<DirectQueue> {
        let inotify = Inotify::new(host).ok()?;
        Some(DirectQueue { host: host.clone(), inotify, root: Arc::clone(root) })
    }
}

impl ChangeQueue<DirectNode> for DirectQueue {
    fn watch(&self, _: &Call, dir: &DirectNode) -> Result<Watch> {
        let held = dir.hold(&self.root)?;
        let announces = watch::announces(&self.host, held.fd())?;
        Ok(Watch { id: inotify::id(self.inotify.add(held.fd())?), attributes: announces.attributes })
    }

    fn unwatch(&self, watch: WatchId) {
        if let Some(wd) = inotify::wd(watch) {
            self.inotify.remove(wd);
        }
    }

    fn is_empty(&self) -> bool {
        self.inotify.is_empty()
    }

    fn drain(&self, sink: &mut dyn FnMut(Change<'_>)) -> Result<()> {
        inotify::drain(&self.inotify, sink)
    }
}
