//! What stands for an object, over all connections.

use super::sessions::Session;
use crate::abi::{Error, FileType, InodeKey, Name, NameBuf, Result};
use crate::backend::lisafs::LisaNode;
use crate::backend::{Backend, Found};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// An object of a [`super::HardLisaFs`].
#[derive(Clone, Debug)]
pub struct HardNode(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    key: InodeKey,
    file_type: FileType,
    is_root: bool,
    /// The connection's own node, and which connection that was.
    bound: Mutex<Option<(u64, Arc<LisaNode>)>>,
    pinned: AtomicBool,
    /// Where it was found last: the way to it when no cache helps.
    place: Mutex<Option<(HardNode, NameBuf)>>,
}

impl HardNode {
    /// The root, of whichever connection.
    pub(super) fn root((key, file_type): (InodeKey, FileType)) -> HardNode {
        HardNode::new(key, file_type, true, None)
    }

    /// What a connection found under `name` in `dir`.
    pub(super) fn found(
        session: &Session,
        found: Found<LisaNode>,
        place: Option<(&HardNode, Name<'_>)>,
    ) -> Found<HardNode> {
        let (key, file_type) = (found.stat.key, found.stat.file_type);
        let node = HardNode::new(key, file_type, false, Some((session.number, Arc::new(found.node))));
        node.found_at(place);
        Found { node, stat: found.stat }
    }

    fn new(key: InodeKey, file_type: FileType, is_root: bool, bound: Option<(u64, Arc<LisaNode>)>) -> HardNode {
        HardNode(Arc::new(Inner {
            key,
            file_type,
            is_root,
            bound: Mutex::new(bound),
            pinned: AtomicBool::new(false),
            place: Mutex::new(None),
        }))
    }

    pub(super) fn key(&self) -> InodeKey {
        self.0.key
    }

    pub(super) fn file_type(&self) -> FileType {
        self.0.file_type
    }

    pub(super) fn is_root(&self) -> bool {
        self.0.is_root
    }

    /// The connection's own node; [`Error::Unbound`] where it was not found over this connection yet.
    pub(super) fn at(&self, session: &Session) -> Result<Arc<LisaNode>> {
        if self.0.is_root {
            return Ok(Arc::clone(&session.root));
        }
        match &*self.0.bound.lock() {
            Some((number, node)) if *number == session.number => Ok(Arc::clone(node)),
            Some(_) | None => Err(Error::Unbound),
        }
    }

    /// Binds it to what a connection found in its place.
    pub(super) fn bind(&self, session: &Session, node: LisaNode) -> Arc<LisaNode> {
        let node = Arc::new(node);
        if self.0.pinned.load(Ordering::Acquire) {
            session.fs.pin(&node, true);
        }
        let before = self.0.bound.lock().replace((session.number, Arc::clone(&node)));
        drop(before);
        node
    }

    /// Passes a pin on to the connection's own node, and to those of later connections.
    pub(super) fn pin(&self, session: &Session, pinned: bool) {
        self.0.pinned.store(pinned, Ordering::Release);
        if let Ok(node) = self.at(session) {
            session.fs.pin(&node, pinned);
        }
    }

    /// Where it was found.
    pub(super) fn place(&self) -> Option<(HardNode, NameBuf)> {
        self.0.place.lock().clone()
    }

    pub(super) fn found_at(&self, place: Option<(&HardNode, Name<'_>)>) {
        let place = place.map(|(dir, name)| (dir.clone(), name.to_buf()));
        let before = std::mem::replace(&mut *self.0.place.lock(), place);
        drop(before);
    }

    /// The connection's own node, if nobody else has it.
    pub(super) fn into_own(self, session: &Session) -> Option<LisaNode> {
        let inner = Arc::into_inner(self.0)?;
        let (number, node) = inner.bound.lock().take()?;
        if number == session.number { Arc::into_inner(node) } else { None }
    }
}

/// One after the other: a guest can make a tree deeper than the stack is.
impl Drop for Inner {
    fn drop(&mut self) {
        let mut above = self.place.get_mut().take();
        while let Some((dir, _)) = above {
            above = Arc::into_inner(dir.0).and_then(|mut dir| dir.place.get_mut().take());
        }
    }
}
