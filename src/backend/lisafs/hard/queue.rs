//! The change queue over all connections: that of the present one.

use super::node::HardNode;
use super::sessions::{Session, Sessions};
use crate::abi::{Call, Errno, Error, Result};
use crate::backend::lisafs::LisaNode;
use crate::backend::{Backend, Change, ChangeQueue, Watch, WatchId};
use parking_lot::RwLock;
use std::collections::HashSet;
use std::sync::Arc;

/// Bits of a watch's number that are the connection's own.
const OWN_BITS: u32 = 40;

/// A queue of one connection, and its watches.
struct Own {
    session: u64,
    queue: Arc<dyn ChangeQueue<LisaNode>>,
    watches: HashSet<u64>,
    /// Watches of connections before it, of which the cache was not told yet that they ended.
    lost: Vec<WatchId>,
}

/// What the kernel announces to a connection's queue is announced for as long as somebody has the queue, also when the
/// server has gone; only new watches take a server. So the queue is that of the last connection over which a watch was
/// asked for, and when that is another one the watches of the one before end.
pub(super) struct HardQueue {
    sessions: Arc<Sessions>,
    own: RwLock<Own>,
}

impl HardQueue {
    /// `None` for a server that has none.
    pub(super) fn new(sessions: &Arc<Sessions>) -> Option<HardQueue> {
        let own = Own::of(&sessions.present())?;
        Some(HardQueue { sessions: Arc::clone(sessions), own: RwLock::new(own) })
    }

    /// The queue of a connection; the watches of the one before end with it.
    fn queue_of(&self, session: &Session) -> Result<Arc<dyn ChangeQueue<LisaNode>>> {
        let mut own = self.own.write();
        let mut before = None;
        if own.session != session.number {
            let mut next = Own::of(session).ok_or(Errno::Opnotsupp)?;
            let ended: Vec<WatchId> = own.watches.iter().map(|id| own.outside(*id)).collect();
            next.lost = std::mem::take(&mut own.lost);
            next.lost.extend(ended);
            before = Some(std::mem::replace(&mut *own, next));
        }
        let queue = Arc::clone(&own.queue);
        // The end of a queue takes the kernel some milliseconds, in which nobody need wait who asks whether something changed.
        drop(own);
        drop(before);
        Ok(queue)
    }
}

impl Own {
    fn of(session: &Session) -> Option<Own> {
        let queue = session.fs.change_queue()?.into();
        Some(Own { session: session.number, queue, watches: HashSet::new(), lost: Vec::new() })
    }

    /// The number that the cache knows a watch by.
    fn outside(&self, id: u64) -> WatchId {
        WatchId(self.session.wrapping_shl(OWN_BITS) | id)
    }

    /// The connection's own number of a watch, if it is one of this connection.
    fn inside(&self, id: WatchId) -> Option<u64> {
        let own = id.0 & (1_u64.wrapping_shl(OWN_BITS).wrapping_sub(1));
        (self.outside(own) == id).then_some(own)
    }
}

impl ChangeQueue<HardNode> for HardQueue {
    fn watch(&self, call: &Call, dir: &HardNode) -> Result<Watch> {
        if !call.may_wait {
            return Err(Error::WouldWait);
        }
        let session = self.sessions.live(call)?;
        let node = dir.at(&session)?;
        let queue = self.queue_of(&session)?;
        // Not under the lock, which everybody needs who asks whether something has changed: it may take a message.
        let watch = queue.watch(call, &node)?;
        let mut own = self.own.write();
        if own.session != session.number {
            // Over the next connection it has to be asked for again.
            return Err(Error::Unbound);
        }
        own.watches.insert(watch.id.0);
        Ok(Watch { id: own.outside(watch.id.0), ..watch })
    }

    fn unwatch(&self, watch: WatchId) {
        let mut own = self.own.write();
        if let Some(id) = own.inside(watch)
            && own.watches.remove(&id)
        {
            own.queue.unwatch(WatchId(id));
        }
        own.lost.retain(|lost| *lost != watch);
    }

    fn is_empty(&self) -> bool {
        let own = self.own.read();
        own.lost.is_empty() && own.queue.is_empty()
    }

    fn drain(&self, sink: &mut dyn FnMut(Change<'_>)) -> Result<()> {
        let lost = std::mem::take(&mut self.own.write().lost);
        lost.into_iter().for_each(|watch| sink(Change::Lost { watch }));
        let mut ended = Vec::new();
        let own = self.own.read();
        let drained = own.queue.drain(&mut |change| {
            sink(match change {
                Change::Name { watch, name } => Change::Name { watch: own.outside(watch.0), name },
                Change::Directory { watch } => Change::Directory { watch: own.outside(watch.0) },
                Change::Lost { watch } => {
                    ended.push((own.session, watch.0));
                    Change::Lost { watch: own.outside(watch.0) }
                }
                Change::Overflow => Change::Overflow,
            });
        });
        drop(own);
        let mut own = self.own.write();
        for (session, id) in ended {
            if own.session == session {
                own.watches.remove(&id);
            }
        }
        drained
    }
}
