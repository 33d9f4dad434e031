//! The tree that clients have walked: one node per place, shared by all connections of a server.
//!
//! A node is a *place*: a name in the node above. What is at it is told apart by its [`InodeKey`]. Clients refer to nodes;
//! a node lives for as long as somebody does, or a node below it does. Nothing is cached: attributes and names are asked of
//! the host each time, and a node whose object the host replaced answers `ESTALE`.
//!
//! # What a node holds
//!
//! A directory has a slot for a control handle, which the descriptor budget may take away; it is found again by its name.
//! Anything else holds no descriptor: it is reached by its name, and compared. A node that loses its name through us gets
//! what is left of it, a descriptor ([`Remains`]), so that those who refer to it can go on: a directory keeps its control
//! handle, a file is opened, anything else held by `O_PATH`. Those are bounded in number; without one a deleted node
//! answers `ESTALE`.
//!
//! # Locks
//!
//! An operation has one of four guarantees:
//!
//! - *none*: the kernel orders what is done to one open file. No lock, so slow storage holds nobody up but its user.
//! - *read* of a node: names above it do not change, and it is neither changed nor deleted. [`Tree::reading`].
//! - *write* of a node: the same, and nobody reads it. Of a directory: its names are ours. [`Tree::writing`].
//! - *global*: nobody else has *read* or *write* of any node. For renames. [`Tree::global`].
//!
//! The order is: the lock of renames, a directory, the node below it whose name goes, or another that is no directory; then
//! the small ones of a node (`place`, `children`), which are held for no call but another node's drop at most: that takes
//! the `children` of the node above, so no node is dropped under a `children` lock.

use super::quota::{Permit, Quota};
use crate::abi::{Errno, Error, FileType, InodeKey, Name, NameBuf, OpenFlags, Result, Stat};
use crate::hostfs::{ControlSlot, Host, Keys, open, stat, walk};
use cap_std::fs::Dir;
use parking_lot::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};

type Children = HashMap<NameBuf, Weak<Node>, foldhash::quality::RandomState>;

/// The tree of an export.
#[derive(Debug)]
pub(super) struct Tree {
    host: Host,
    root: Arc<Node>,
    rename: RwLock<()>,
    nodes: Arc<Quota>,
    remains: Arc<Quota>,
}

/// A place in a [`Tree`].
pub(super) struct Node {
    pub(super) key: InodeKey,
    pub(super) file_type: FileType,
    guard: RwLock<()>,
    /// `None` for the root, and once the node is deleted.
    place: Mutex<Option<Place>>,
    children: Mutex<Children>,
    shape: Shape,
    deleted: AtomicBool,
    /// Whether it was opened for writing, or made so, through us.
    written: AtomicBool,
    remains: OnceLock<Remains>,
    _permit: Option<Permit>,
}

#[derive(Clone)]
struct Place {
    parent: Arc<Node>,
    name: NameBuf,
}

enum Shape {
    Root(Arc<Dir>),
    Directory(ControlSlot),
    Leaf,
}

/// What is left of an object that has lost its name.
pub(super) struct Remains {
    left: Left,
    _permit: Permit,
}

enum Left {
    Directory(Arc<Dir>),
    /// Whether the descriptor is open with an access; else it is `O_PATH`.
    Other(OwnedFd, bool),
}

impl Remains {
    /// Whether the descriptor is open with an access; else it is `O_PATH`.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.left, Left::Other(_, true))
    }
}

impl AsFd for Remains {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.left {
            Left::Directory(dir) => dir.as_fd(),
            Left::Other(fd, _) => fd.as_fd(),
        }
    }
}

/// The way to a node's object.
pub(super) enum Reach<'n> {
    /// A directory, held.
    Held(Arc<Dir>),
    /// Something else, by its name in a held directory: its key is to be compared.
    Named(Arc<Dir>, NameBuf),
    /// Something else that has no name any more.
    Remains(&'n Remains),
}

/// A guarantee that lasts as long as this.
pub(super) struct Reading<'t> {
    _node: RwLockReadGuard<'t, ()>,
    _names: RwLockReadGuard<'t, ()>,
}

/// As [`Reading`].
pub(super) struct Writing<'t> {
    _node: RwLockWriteGuard<'t, ()>,
    _names: RwLockReadGuard<'t, ()>,
}

impl Tree {
    /// The tree below `root`: of `nodes` nodes at most.
    pub(super) fn new(host: &Host, root: Arc<Dir>, nodes: usize) -> Result<Tree> {
        let key = stat::stat_fd(host.keys(), root.as_fd())?.key;
        let root = Arc::new(Node::new(key, FileType::Directory, None, Shape::Root(root), None));
        let remains = Quota::new((host.budget().limit() / 8).max(1));
        Ok(Tree { host: host.clone(), root, rename: RwLock::new(()), nodes: Quota::new(nodes), remains })
    }

    pub(super) fn root(&self) -> &Arc<Node> {
        &self.root
    }

    pub(super) fn host(&self) -> &Host {
        &self.host
    }

    /// Nodes beside the root.
    pub(super) fn count(&self) -> usize {
        self.nodes.taken()
    }

    pub(super) fn reading<'t>(&'t self, node: &'t Node) -> Reading<'t> {
        let names = self.rename.read();
        Reading { _node: node.guard.read(), _names: names }
    }

    pub(super) fn writing<'t>(&'t self, node: &'t Node) -> Writing<'t> {
        let names = self.rename.read();
        Writing { _node: node.guard.write(), _names: names }
    }

    /// Keeps names as they are, for a walk that takes one directory after the other.
    pub(super) fn names(&self) -> RwLockReadGuard<'_, ()> {
        self.rename.read()
    }

    pub(super) fn global(&self) -> RwLockWriteGuard<'_, ()> {
        self.rename.write()
    }

    /// The directory that `node` is, held. `ENOTDIR` for anything else; `ESTALE` when its handle was taken away and the
    /// host has something else in its place, or nothing.
    pub(super) fn dir(&self, node: &Arc<Node>) -> Result<Arc<Dir>> {
        let mut missing: Vec<(Arc<Node>, NameBuf)> = Vec::new();
        let mut at = Arc::clone(node);
        let mut held = loop {
            match at.held() {
                Ok(held) => break held,
                Err(Error::Unbound) => {}
                Err(error) => return Err(error),
            }
            let place = at.place.lock().clone().ok_or(Errno::Stale)?;
            missing.push((at, place.name));
            at = place.parent;
        };
        // From the highest on down; each is kept here, so that a small budget cannot take one away before the next.
        while let Some((node, name)) = missing.pop() {
            held = walk::open_dir_as(&self.host, held.as_fd(), name.as_name(), node.key)?;
            if let Shape::Directory(slot) = &node.shape {
                slot.bind(Arc::clone(&held));
            }
        }
        Ok(held)
    }

    /// The way to what `node` is.
    pub(super) fn reach<'n>(&self, node: &'n Arc<Node>) -> Result<Reach<'n>> {
        if node.file_type == FileType::Directory {
            return self.dir(node).map(Reach::Held);
        }
        let place = node.place.lock().clone();
        match (place, node.remains.get()) {
            (Some(place), _) => Ok(Reach::Named(self.dir(&place.parent)?, place.name)),
            (None, Some(remains)) => Ok(Reach::Remains(remains)),
            (None, None) => Err(Errno::Stale.into()),
        }
    }

    /// The node of `name` in `parent`, where the host was seen to have what `stat` says, held by `held` if it is. The
    /// caller has *read* or *write* of `parent`. `ENFILE` when there are as many nodes as there may be.
    pub(super) fn child(
        &self,
        parent: &Arc<Node>,
        name: Name<'_>,
        stat: &Stat,
        held: Option<&Arc<Dir>>,
    ) -> Result<Arc<Node>> {
        let mut children = parent.children.lock();
        let known = children.get(name.as_bytes()).and_then(Weak::upgrade);
        if let Some(known) = known.as_ref().filter(|known| known.is(stat)) {
            let known = Arc::clone(known);
            drop(children);
            if let (Shape::Directory(slot), Some(held)) = (&known.shape, held) {
                slot.bind(Arc::clone(held));
            }
            return Ok(known);
        }
        let Some(permit) = self.nodes.take() else {
            drop(children);
            return Err(Errno::Nfile.into());
        };
        let shape = match (stat.file_type, held) {
            (FileType::Directory, Some(held)) => {
                Shape::Directory(ControlSlot::holding(self.host.budget(), Arc::clone(held)))
            }
            (FileType::Directory, None) => Shape::Directory(ControlSlot::new(self.host.budget())),
            _ => Shape::Leaf,
        };
        let place = Place { parent: Arc::clone(parent), name: name.to_buf() };
        let node = Arc::new(Node::new(stat.key, stat.file_type, Some(place), shape, Some(permit)));
        children.insert(name.to_buf(), Arc::downgrade(&node));
        drop(children);
        // The one that the host replaced is dropped behind the lock.
        drop(known);
        Ok(node)
    }

    /// Whether `name` in the directory `dir` is what the tree knows there: somebody else may have moved that away.
    pub(super) fn is_at(&self, node: &Node, dir: BorrowedFd<'_>, name: Name<'_>) -> bool {
        stat::stat_at(self.host.keys(), dir, name).is_ok_and(|stat| node.is(&stat))
    }

    /// Makes ready for `node` to lose its name: what those who refer to it need goes into its remains. Best effort: a
    /// name is removed also when there is no descriptor for what is left. The caller has *write* of it, or *global*.
    pub(super) fn prepare_to_lose(&self, node: &Arc<Node>) -> Option<Remains> {
        let permit = self.remains.take()?;
        let left = match self.reach(node).ok()? {
            Reach::Held(dir) => Left::Directory(dir),
            Reach::Named(dir, name) => {
                let (fd, is_open) = self.keep(dir.as_fd(), name.as_name(), node)?;
                Left::Other(fd, is_open)
            }
            Reach::Remains(_) => return None,
        };
        Some(Remains { left, _permit: permit })
    }

    /// A descriptor of what is about to lose its name: open as widely as may be, so that length and mode can still be set.
    ///
    /// On overlayfs an open for writing may copy the whole file, so there it is done for one alone that was opened so before.
    /// Of any other the host's own processes, with a descriptor to read, can change nothing behind its removal either
    /// (`EEXIST`).
    fn keep(&self, dir: BorrowedFd<'_>, name: Name<'_>, node: &Node) -> Option<(OwnedFd, bool)> {
        if node.file_type == FileType::Regular {
            let is = (node.key, node.file_type);
            let may_copy = self.host.keys() == Keys::WithoutBirth && !node.written.load(Ordering::Acquire);
            let accesses: &[OpenFlags] = if may_copy {
                &[OpenFlags::READ]
            } else {
                &[OpenFlags::READ.union(OpenFlags::WRITE), OpenFlags::READ, OpenFlags::WRITE]
            };
            for flags in accesses.iter().copied() {
                if let Ok(fd) = open::open_file(&self.host, dir, name, is, flags) {
                    return Some((fd, true));
                }
            }
        }
        walk::hold(&self.host, dir, name, node.key).ok().map(|fd| (fd, false))
    }

    /// Notes that the name of `node` was taken away, or is another's by now; `was_there` says whether it was the node's
    /// before. What was below it had been moved away by others, or it could not have gone. The caller has *write* of the
    /// directory and of the node, or *global*.
    pub(super) fn lost(&self, node: &Arc<Node>, was_there: bool, remains: Option<Remains>) {
        // Somebody may have moved a directory in the moment between.
        let lives_on = match remains.as_ref().map(|remains| &remains.left) {
            Some(Left::Directory(dir)) => stat::stat_fd(self.host.keys(), dir.as_fd()).is_ok_and(|stat| stat.nlink > 0),
            Some(Left::Other(..)) | None => false,
        };
        if !was_there || lives_on {
            return node.displace();
        }
        if let Some(remains) = remains {
            // Only one deletes a node.
            let _ = node.remains.set(remains);
        }
        node.deleted.store(true, Ordering::Release);
        let below: Vec<_> = node.children.lock().drain().filter_map(|(_, child)| child.upgrade()).collect();
        below.iter().for_each(|child| child.displace());
        node.displace();
    }

    /// Notes that what was at `from` is at `to`, where what was is lost, as in [`Tree::lost`]. The caller has *global*.
    pub(super) fn moved(
        &self,
        from: (&Arc<Node>, Name<'_>),
        to: (&Arc<Node>, Name<'_>),
        replaced: Option<(Arc<Node>, bool, Option<Remains>)>,
    ) {
        if let Some((replaced, was_there, remains)) = replaced {
            self.lost(&replaced, was_there, remains);
        }
        let node = from.0.take_child(from.1);
        self.put(node, to);
    }

    /// Notes that what was at `one` is at `other`, and the other way round. The caller has *global*.
    pub(super) fn exchanged(&self, one: (&Arc<Node>, Name<'_>), other: (&Arc<Node>, Name<'_>)) {
        let (first, second) = (one.0.take_child(one.1), other.0.take_child(other.1));
        self.put(first, other);
        self.put(second, one);
    }

    /// Gives `node` a place. Where that is below itself, by what is known here, others had moved some of that away before, or
    /// the host had not allowed it: then the directory of the place loses its own, which led by what is not there. It goes
    /// on for as long as it is held, and `node` in it. With a circle each way up would be endless, and hold itself for ever.
    fn put(&self, node: Option<Arc<Node>>, (parent, name): (&Arc<Node>, Name<'_>)) {
        let Some(node) = node else { return };
        let stays = node.place.lock().as_ref().is_some_and(|place| Arc::ptr_eq(&place.parent, parent));
        if !stays && node.file_type == FileType::Directory && parent.is_below(&node) {
            parent.displace();
        }
        // What was at the name was another by then, as nothing goes into itself.
        if Arc::ptr_eq(parent, &node) {
            return;
        }
        let place = Place { parent: Arc::clone(parent), name: name.to_buf() };
        let former = node.place.lock().replace(place);
        parent.children.lock().insert(name.to_buf(), Arc::downgrade(&node));
        drop(former);
    }
}

impl Node {
    fn new(key: InodeKey, file_type: FileType, place: Option<Place>, shape: Shape, permit: Option<Permit>) -> Node {
        Node {
            key,
            file_type,
            guard: RwLock::new(()),
            place: Mutex::new(place),
            children: Mutex::default(),
            shape,
            deleted: AtomicBool::new(false),
            written: AtomicBool::new(false),
            remains: OnceLock::new(),
            _permit: permit,
        }
    }

    /// Whether it has lost its name through us.
    pub(super) fn is_deleted(&self) -> bool {
        self.deleted.load(Ordering::Acquire)
    }

    /// Notes that it was opened with these flags.
    pub(super) fn opened(&self, flags: OpenFlags) {
        if flags.intersects(OpenFlags::WRITE) {
            self.written.store(true, Ordering::Release);
        }
    }

    /// Whether it is what the host says.
    pub(super) fn is(&self, stat: &Stat) -> bool {
        self.key == stat.key && self.file_type == stat.file_type
    }

    /// *Write* of a node below one that the caller has *write* of.
    pub(super) fn guard(&self) -> RwLockWriteGuard<'_, ()> {
        self.guard.write()
    }

    /// *Read* of a node that is no directory, for who has *write* of one.
    pub(super) fn guard_shared(&self) -> RwLockReadGuard<'_, ()> {
        self.guard.read()
    }

    /// The node of `name`, if somebody refers to it.
    pub(super) fn known(&self, name: Name<'_>) -> Option<Arc<Node>> {
        self.children.lock().get(name.as_bytes()).and_then(Weak::upgrade)
    }

    /// The directory that it is, as far as it is held.
    pub(super) fn held(&self) -> Result<Arc<Dir>> {
        match (&self.shape, self.remains.get()) {
            (Shape::Root(dir), _) => Ok(Arc::clone(dir)),
            (Shape::Directory(_), Some(Remains { left: Left::Directory(dir), .. })) => Ok(Arc::clone(dir)),
            (Shape::Directory(slot), _) => slot.get(),
            (Shape::Leaf, _) => Err(Errno::Notdir.into()),
        }
    }

    /// Whether it is `node` or below it: as many steps as it is deep, as the kernel takes for each such rename.
    fn is_below(self: &Arc<Node>, node: &Arc<Node>) -> bool {
        let mut above = std::iter::successors(Some(Arc::clone(self)), |at| {
            at.place.lock().as_ref().map(|place| Arc::clone(&place.parent))
        });
        above.any(|at| Arc::ptr_eq(&at, node))
    }

    fn take_child(&self, name: Name<'_>) -> Option<Arc<Node>> {
        self.children.lock().remove(name.as_bytes()).and_then(|child| child.upgrade())
    }

    /// Takes its place away: its object is not there. One that lives on somewhere answers for as long as it is held, and
    /// `ESTALE` from then on.
    fn displace(self: &Arc<Node>) {
        let place = self.place.lock().take();
        if let Some(place) = place {
            place.parent.forget(&place.name, self);
        }
    }

    /// Takes the entry of `child` out, unless the name is another's by now.
    fn forget(&self, name: &NameBuf, child: &Arc<Node>) {
        let mut children = self.children.lock();
        if children.get(name).is_some_and(|entry| std::ptr::eq(entry.as_ptr(), Arc::as_ptr(child))) {
            children.remove(name);
        }
    }
}

impl Drop for Node {
    /// Goes up by a loop: a client can make a tree deeper than a stack.
    fn drop(&mut self) {
        let mut place = self.place.get_mut().take();
        while let Some(Place { parent, name }) = place {
            {
                let mut children = parent.children.lock();
                if children.get(&name).is_some_and(|entry| entry.strong_count() == 0) {
                    children.remove(&name);
                }
                if children.is_empty() {
                    children.shrink_to_fit();
                }
            }
            place = Arc::into_inner(parent).and_then(|mut parent| parent.place.get_mut().take());
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.place.lock().as_ref().map(|place| place.name.clone());
        f.debug_struct("Node").field("key", &self.key).field("name", &name).field("deleted", &self.deleted).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `Limits::nodes` stands for in memory at worst: a directory as the only one in another, which then has a table
    /// of four entries for it, with a name of 255 bytes, which both have. The slot's size is that of `hostfs`.
    #[test]
    fn node_takes_no_more_memory_than_is_told() {
        let node = size_of::<Node>() + 2 * size_of::<usize>();
        let table = 4 * (size_of::<(NameBuf, Weak<Node>)>() + 1) + 16;
        let (slot, names) = (96, 2 * 255);
        let all = node + slot + table + names;
        assert!((512..=1024).contains(&all), "{node} + {slot} + {table} + {names}");
        let most = all * crate::sidecar::Limits::default().nodes;
        // Beside it there is room for the buffers of connections, within the limit of memory in the jail.
        assert!(most < 5 << 27, "{most}");
    }
}
