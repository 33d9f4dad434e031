//! The change queue of a host directory: inotify.

use super::node::DirectNode;
use crate::abi::{Call, Name, Result};
use crate::backend::{Change, ChangeQueue, Watch, WatchId};
use crate::hostfs::watch::{Event, Inotify};
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

fn id(wd: i32) -> WatchId {
    // Watch descriptors are positive; the kernel numbers them in a cycle, so an old number comes back late.
    WatchId(u64::from(wd.unsigned_abs()))
}

impl ChangeQueue<DirectNode> for DirectQueue {
    fn watch(&self, _: &Call, dir: &DirectNode) -> Result<Watch> {
        let held = dir.hold(&self.root)?;
        let announces = watch::announces(&self.host, held.fd())?;
        Ok(Watch { id: id(self.inotify.add(held.fd())?), attributes: announces.attributes })
    }

    fn unwatch(&self, watch: WatchId) {
        if let Ok(wd) = i32::try_from(watch.0) {
            self.inotify.remove(wd);
        }
    }

    fn is_empty(&self) -> bool {
        self.inotify.is_empty()
    }

    fn drain(&self, sink: &mut dyn FnMut(Change<'_>)) -> Result<()> {
        self.inotify.read(&mut |event| match event {
            Event::Name { wd, name } => sink(match Name::new(name) {
                Ok(name) => Change::Name { watch: id(wd), name },
                // No name that can be looked up: whatever it is about, nothing of the directory is believed.
                Err(_) => Change::Directory { watch: id(wd) },
            }),
            Event::Directory { wd } => sink(Change::Directory { watch: id(wd) }),
            Event::Ended { wd } => sink(Change::Lost { watch: id(wd) }),
            Event::Overflow => sink(Change::Overflow),
        })
    }
}
