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
        // Nothing is below it yet.
        node.set_place(place);
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

    /// Notes where it is now. Where that is below itself, by what is known here, others had moved some of that away before:
    /// then the node that it is found in loses its place, which led by what is not there. (A circle would hold itself for
    /// ever, and lead nowhere.)
    pub(super) fn found_at(&self, (dir, name): (&HardNode, Name<'_>)) {
        /// Of two that are found below each other the later one sees the other's place.
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let one_at_a_time = ONE_AT_A_TIME.lock();
        let is_below_itself = self.0.file_type == FileType::Directory && dir.is_below(self);
        let former = if is_below_itself { dir.0.place.lock().take() } else { None };
        // In itself nothing is.
        let place = (!Arc::ptr_eq(&dir.0, &self.0)).then_some((dir, name));
        let before = self.set_place(place);
        drop(one_at_a_time);
        drop((former, before));
    }

    /// Whether it is `node` or below it.
    fn is_below(&self, node: &HardNode) -> bool {
        let mut above = std::iter::successors(Some(self.clone()), |at| at.place().map(|(dir, _)| dir));
        above.any(|at| Arc::ptr_eq(&at.0, &node.0))
    }

    fn set_place(&self, place: Option<(&HardNode, Name<'_>)>) -> Option<(HardNode, NameBuf)> {
        let place = place.map(|(dir, name)| (dir.clone(), name.to_buf()));
        std::mem::replace(&mut *self.0.place.lock(), place)
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Weak;

    fn node(ino: u64) -> HardNode {
        let key = InodeKey { dev: 0, ino, birth_ns: None };
        HardNode::new(key, FileType::Directory, false, None)
    }

    fn name() -> Name<'static> {
        Name::new(b"x").expect("a name")
    }

    /// The names from a node on up, which end.
    fn way(node: &HardNode) -> Vec<u64> {
        let above = std::iter::successors(Some(node.clone()), |at| at.place().map(|(dir, _)| dir));
        above.take(10).map(|at| at.key().ino).collect()
    }

    #[test]
    fn found_at_below_itself_takes_the_place_of_the_one_that_it_is_found_in() {
        let (a, b, c) = (node(1), node(2), node(3));
        b.found_at((&a, name()));
        c.found_at((&b, name()));
        // Others moved `b` or `c` away before, or it could not have gone there.
        a.found_at((&c, name()));
        assert_eq!((way(&a), way(&b), way(&c)), (vec![1, 3], vec![2, 1, 3], vec![3]));
        let weak: Vec<Weak<Inner>> = [&a, &b, &c].map(|node| Arc::downgrade(&node.0)).into();
        drop((a, b, c));
        assert!(weak.iter().all(|node| node.strong_count() == 0), "nothing holds itself");
    }

    #[test]
    fn found_at_in_itself_has_no_place() {
        let a = node(1);
        a.found_at((&a.clone(), name()));
        assert_eq!(way(&a), [1]);
        let weak = Arc::downgrade(&a.0);
        drop(a);
        assert_eq!(weak.strong_count(), 0);
    }

    #[test]
    fn found_at_by_two_threads_that_move_two_nodes_below_each_other_makes_no_circle() {
        for _ in 0..200 {
            let (a, b) = (node(1), node(2));
            let weak = [Arc::downgrade(&a.0), Arc::downgrade(&b.0)];
            std::thread::scope(|scope| {
                scope.spawn(|| a.found_at((&b, name())));
                scope.spawn(|| b.found_at((&a, name())));
            });
            drop((a, b));
            assert!(weak.iter().all(|node| node.strong_count() == 0));
        }
    }
}
