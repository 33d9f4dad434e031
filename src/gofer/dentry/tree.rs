//! The dentries of one mount and how they hang together.

use super::arena::{Arena, Dentry};
use super::astray::Astray;
use super::dir_state::{Child, DirState, FreedWatch};
use super::id::{DentryId, NIL};
use super::list::DirList;
use crate::abi::{FileType, Name, NameBuf};
use crate::gofer::inode::Inode;
use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicU32, Ordering};

/// How far a walk over cached names came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reached {
    /// Every name is crossed.
    End,
    /// `at` is a symbolic link to be expanded.
    Symlink,
    /// `at` has a mount on it.
    Mount,
    /// `at` is no directory, and names are left.
    NotDirectory,
    /// The next name is known not to exist in `at`.
    Negative,
    /// The next name is not cached in `at`.
    Unknown,
}

/// Where a walk over cached names ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CachedWalk {
    /// The dentry that was reached.
    pub(crate) at: u32,
    /// Names crossed on the way to it.
    pub(crate) used: usize,
    /// Why it ended.
    pub(crate) reached: Reached,
    /// The dentry that says so where a name is known not to exist, else [`NIL`].
    pub(crate) negative: u32,
}

/// All dentries of one mount, under one lock.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(super) arena: Arena,
    hasher: foldhash::quality::RandomState,
    pub(super) root: u32,
    /// Ends of the recency list: leaves that could be evicted.
    pub(super) newest: u32,
    pub(super) oldest: u32,
    pub(super) listed: usize,
    /// Estimated bytes of dentries and inodes.
    pub(super) bytes: usize,
    pub(super) list_bytes: usize,
    /// Directories that have a list, oldest first.
    lists: VecDeque<DentryId>,
    /// Watches whose directories left the tree, to be given back behind the lock.
    pub(super) freed_watches: Vec<FreedWatch>,
    pub(super) astray: Astray,
}

/// Estimated bytes of a dentry: its place in the arena and in its parent's table, at their usual load.
const DENTRY_BYTES: usize = std::mem::size_of::<Dentry>() + 8 + 12;
/// Estimated bytes of an inode: itself, its count, the backend's node and its place in the inode table.
const INODE_BYTES: usize = std::mem::size_of::<Inode>() + 16 + 64 + 12;

fn cost(dentry: &Dentry) -> usize {
    DENTRY_BYTES + dentry.name.heap_bytes() + if dentry.inode.is_some() { INODE_BYTES } else { 0 }
}

impl Tree {
    /// A tree of the root alone.
    pub(crate) fn new(root: Arc<Inode>) -> Self {
        let mut arena = Arena::default();
        // The root has no name; the place of one is filled with a name that nothing looks up.
        let name = Name::new(b"root").map(Name::to_buf);
        let index = name.ok().and_then(|name| arena.insert(|stamp| new_dentry(stamp, NIL, name, Some(root))));
        Tree {
            arena,
            hasher: foldhash::quality::RandomState::default(),
            root: index.unwrap_or(0),
            newest: NIL,
            oldest: NIL,
            listed: 0,
            bytes: 0,
            list_bytes: 0,
            lists: VecDeque::new(),
            freed_watches: Vec::new(),
            astray: Astray::default(),
        }
    }

    #[allow(clippy::cast_possible_truncation, reason = "half of a hash is a hash")]
    fn hash(&self, name: Name<'_>) -> u32 {
        self.hasher.hash_one(name.as_bytes()) as u32
    }

    /// The root's index.
    pub(crate) fn root(&self) -> u32 {
        self.root
    }

    /// The id of the dentry at `index`.
    pub(crate) fn id(&self, index: u32) -> DentryId {
        DentryId { index, stamp: self.arena.get(index).map_or(0, |dentry| dentry.stamp) }
    }

    /// The dentry of `id`, unless it is gone.
    #[inline]
    pub(crate) fn get(&self, id: DentryId) -> Option<&Dentry> {
        self.arena.get(id.index).filter(|dentry| dentry.stamp == id.stamp)
    }

    /// The inode at `index`; `None` for a negative dentry.
    #[inline]
    pub(crate) fn inode(&self, index: u32) -> Option<&Arc<Inode>> {
        self.arena.get(index)?.inode.as_ref()
    }

    /// How many dentries are cached, without the root.
    pub(crate) fn len(&self) -> usize {
        self.arena.len().saturating_sub(1)
    }

    /// Estimated bytes of everything cached.
    pub(crate) fn total_bytes(&self) -> usize {
        self.bytes + self.list_bytes
    }

    /// Changes whenever a name in the directory is added, removed or replaced by one of our own operations, or thrown
    /// out as stale: what was asked of the backend before must not be cached behind it.
    pub(crate) fn generation(&self, dir: DentryId) -> Option<u32> {
        self.get(dir).map(|dentry| dentry.generation)
    }

    /// Notes a change of the directory's names.
    pub(crate) fn names_changed(&mut self, dir: u32) {
        self.drop_list(dir);
        if let Some(dentry) = self.arena.get_mut(dir) {
            dentry.generation = dentry.generation.wrapping_add(1);
        }
    }

    /// The child called `name`, negative ones included.
    #[inline]
    pub(crate) fn child(&self, dir: &Dentry, name: Name<'_>) -> Option<u32> {
        let state = dir.dir.as_ref()?;
        let hash = self.hash(name);
        let found = state.children.find(spread(hash), |child| {
            child.hash == hash && self.arena.get(child.index).is_some_and(|d| d.name.as_bytes() == name.as_bytes())
        })?;
        Some(found.index)
    }

    /// The child called `name` of the dentry at `dir`.
    pub(crate) fn child_of(&self, dir: u32, name: Name<'_>) -> Option<u32> {
        self.child(self.arena.get(dir)?, name)
    }

    /// Crosses cached names from `start`, telling `crossed` the directory and the child of each.
    #[inline]
    pub(crate) fn walk(
        &self,
        start: u32,
        names: &[Name<'_>],
        follow_last: bool,
        mut crossed: impl FnMut(u32, u32, &Dentry),
    ) -> CachedWalk {
        let mut at = start;
        let end = |at, used, reached| CachedWalk { at, used, reached, negative: NIL };
        for (used, name) in names.iter().enumerate() {
            let Some(dir) = self.arena.get(at) else { return end(at, used, Reached::Unknown) };
            if !dir.inode.as_ref().is_some_and(|inode| inode.is_dir()) {
                return end(at, used, Reached::NotDirectory);
            }
            let Some(index) = self.child(dir, *name) else { return end(at, used, Reached::Unknown) };
            let Some(child) = self.arena.get(index) else { return end(at, used, Reached::Unknown) };
            if !child.used.load(Ordering::Relaxed) {
                child.used.store(true, Ordering::Relaxed);
            }
            let Some(inode) = &child.inode else {
                return CachedWalk { negative: index, ..end(at, used, Reached::Negative) };
            };
            crossed(at, index, child);
            if child.mounts > 0 {
                return end(index, used + 1, Reached::Mount);
            }
            let last = used + 1 == names.len();
            if inode.file_type() == FileType::Symlink && (!last || follow_last) {
                return end(index, used + 1, Reached::Symlink);
            }
            at = index;
        }
        end(at, names.len(), Reached::End)
    }

    /// Raises the count of outside references.
    #[inline]
    pub(crate) fn take_ref(&self, index: u32) {
        if let Some(dentry) = self.arena.get(index) {
            dentry.refs.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Lowers it; true when the dentry wants [`Tree::reap`] because its name is gone.
    pub(crate) fn drop_ref(&self, id: DentryId) -> bool {
        self.get(id).is_some_and(|dentry| dentry.refs.fetch_sub(1, Ordering::AcqRel) == 1 && dentry.detached)
    }

    /// Puts a name in, or finds it there: the index of the dentry that now carries `inode`. A name that had another
    /// object (or none) is replaced; what that frees goes to `dead`. A name that must keep its place keeps its object.
    pub(crate) fn insert(
        &mut self,
        dir: u32,
        name: Name<'_>,
        inode: Option<Arc<Inode>>,
        dead: &mut Vec<Arc<Inode>>,
    ) -> Option<u32> {
        if let Some(index) = self.child_of(dir, name) {
            let child = self.arena.get(index)?;
            let same = match (&child.inode, &inode) {
                (Some(a), Some(b)) => Arc::ptr_eq(a, b),
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            };
            if same || child.anchors > 0 {
                dead.extend(inode);
                return Some(index);
            }
            self.detach(index, dead);
        }
        if let Some(inode) = &inode
            && let Some(index) = self.bring_back(dir, name, inode)
        {
            dead.extend(Some(Arc::clone(inode)));
            return Some(index);
        }
        let negative = inode.is_none();
        let index = self.arena.insert(|stamp| new_dentry(stamp, dir, name.to_buf(), inode))?;
        self.bytes += self.arena.get(index).map_or(0, cost);
        self.hang(dir, index);
        if negative {
            let id = self.id(index);
            let state = self.state(dir)?;
            state.negatives.push_back(id);
            state.negative_count += 1;
        }
        self.list_newest(index);
        Some(index)
    }

    /// Keeps at most `limit` negative entries in the directory, dropping the oldest.
    pub(crate) fn trim_negatives(&mut self, dir: u32, limit: usize, dead: &mut Vec<Arc<Inode>>) {
        while let Some(state) =
            self.arena.get_mut(dir).and_then(|d| d.dir.as_mut()).filter(|s| s.negative_count > limit)
        {
            let Some(id) = state.negatives.pop_front() else { return };
            if self.get(id).is_some_and(|d| d.inode.is_none() && d.parent == dir) {
                self.detach(id.index, dead);
            }
        }
        let state = self.arena.get(dir).and_then(|dentry| dentry.dir.as_ref());
        if state.is_some_and(|state| state.negatives.len() > state.negative_count * 2 + 16) {
            self.compact_negatives(dir);
        }
    }

    /// Drops queue entries that stand for nothing.
    fn compact_negatives(&mut self, dir: u32) {
        let Some(mut state) = self.arena.get_mut(dir).and_then(|d| d.dir.take()) else { return };
        state.negatives.retain(|id| self.get(*id).is_some_and(|d| d.inode.is_none() && d.parent == dir));
        if let Some(dentry) = self.arena.get_mut(dir) {
            dentry.dir = Some(state);
        }
    }

    /// Takes a name out of its directory. A dentry that somebody refers to lives on without a name, with its children;
    /// any other goes, and its children with it.
    pub(crate) fn detach(&mut self, index: u32, dead: &mut Vec<Arc<Inode>>) {
        if index == self.root || self.arena.get(index).is_none() {
            return;
        }
        self.unhang(index);
        let mut doomed = vec![index];
        while let Some(index) = doomed.pop() {
            self.unlist(index);
            let Some(dentry) = self.arena.get_mut(index) else { continue };
            dentry.parent = NIL;
            dentry.detached = true;
            if dentry.refs.load(Ordering::Acquire) > 0 || dentry.anchors > 0 {
                self.went_astray(index);
                continue;
            }
            doomed.extend(self.remove(index, dead));
        }
    }

    /// Takes out a dentry without a name that nobody refers to any more.
    pub(crate) fn reap(&mut self, id: DentryId, dead: &mut Vec<Arc<Inode>>) {
        let ripe = self
            .get(id)
            .is_some_and(|dentry| dentry.detached && dentry.anchors == 0 && dentry.refs.load(Ordering::Acquire) == 0);
        if ripe && id.index != self.root {
            // Its name is gone, so this only takes the dentry and its children out.
            self.detach(id.index, dead);
        }
    }

    /// Removes a dentry that is out of its parent's table; its children are handed back, to be detached.
    fn remove(&mut self, index: u32, dead: &mut Vec<Arc<Inode>>) -> Vec<u32> {
        self.drop_list(index);
        let id = self.id(index);
        let Some(dentry) = self.arena.remove(index) else { return Vec::new() };
        if let Some(inode) = dentry.inode.as_ref().filter(|_| dentry.detached) {
            self.astray.forget(inode.key(), id);
        }
        self.bytes = self.bytes.saturating_sub(cost(&dentry));
        if let Some(watch) = dentry.dir.as_ref().and_then(|state| state.watch.as_ref()) {
            self.freed_watches.push(FreedWatch { id: watch.id, dir: DentryId { index, stamp: dentry.stamp } });
        }
        dead.extend(dentry.inode);
        dentry.dir.map(|state| state.children.iter().map(|child| child.index).collect()).unwrap_or_default()
    }

    /// Removes an unreferenced leaf, for the cache's limits.
    pub(super) fn evict_leaf(&mut self, index: u32, dead: &mut Vec<Arc<Inode>>) {
        self.unhang(index);
        self.unlist(index);
        let orphans = self.remove(index, dead);
        debug_assert!(orphans.is_empty(), "a leaf has no children");
    }

    /// Moves the name `from` in `old_dir` to `to` in `new_dir`, with everything below it; what was there goes.
    pub(crate) fn rename(
        &mut self,
        (old_dir, from): (u32, Name<'_>),
        (new_dir, to): (u32, Name<'_>),
        dead: &mut Vec<Arc<Inode>>,
    ) {
        if let Some(replaced) = self.child_of(new_dir, to) {
            self.detach(replaced, dead);
        }
        let Some(index) = self.child_of(old_dir, from) else { return };
        // A negative entry of a name that existed after all; or a directory that goes below what it has here: others moved
        // that away before, so nothing is known of where any of it is now, and moving it would make a circle.
        if self.inode(index).is_none() || self.is_ancestor(index, new_dir) {
            self.detach(index, dead);
            return;
        }
        self.unhang(index);
        self.hang_as(index, new_dir, to);
    }

    /// Gives a dentry that is in no table the name `name` in `dir`, which is free, with everything below it.
    pub(super) fn hang_as(&mut self, index: u32, dir: u32, name: Name<'_>) {
        let before = self.arena.get(index).map_or(0, cost);
        if let Some(dentry) = self.arena.get_mut(index) {
            dentry.name = name.to_buf();
            dentry.parent = dir;
            dentry.detached = false;
            // Counts of two directories say nothing to each other.
            *dentry.confirmed.get_mut() = 0;
        }
        self.bytes = (self.bytes + self.arena.get(index).map_or(0, cost)).saturating_sub(before);
        self.hang(dir, index);
    }

    /// The directory and the name of a dentry, unless its name is gone.
    pub(crate) fn location(&self, id: DentryId) -> Option<(DentryId, &NameBuf)> {
        let dentry = self.get(id)?;
        (dentry.parent != NIL).then(|| (self.id(dentry.parent), &dentry.name))
    }

    /// Whether `above` is `below` or a directory on the way from it to the root.
    pub(crate) fn is_ancestor(&self, above: u32, below: u32) -> bool {
        let mut at = below;
        while let Some(dentry) = self.arena.get(at) {
            if at == above {
                return true;
            }
            at = dentry.parent;
        }
        false
    }

    /// Adds (or takes away) a mount on a dentry; the way up to the root keeps its place as long as it is there.
    pub(crate) fn set_mounted(&mut self, index: u32, mounted: bool) {
        if let Some(dentry) = self.arena.get_mut(index) {
            dentry.mounts = if mounted { dentry.mounts.saturating_add(1) } else { dentry.mounts.saturating_sub(1) };
        }
        let mut at = index;
        while let Some(dentry) = self.arena.get_mut(at) {
            dentry.anchors = if mounted { dentry.anchors.saturating_add(1) } else { dentry.anchors.saturating_sub(1) };
            at = dentry.parent;
        }
    }

    /// The dentries from below the root to `index`, the upper first.
    pub(crate) fn way_to(&self, index: u32) -> Vec<(DentryId, Arc<Inode>)> {
        let mut way = Vec::new();
        let mut at = index;
        while let Some(dentry) = self.arena.get(at) {
            way.extend(dentry.inode.as_ref().map(|inode| (self.id(at), Arc::clone(inode))));
            at = dentry.parent;
        }
        way.reverse();
        way
    }

    /// The path from the root by which an object is known, one of them; `None` when it has no name here. Looks at every
    /// dentry: for messages.
    pub(crate) fn path_of(&self, inode: &Arc<Inode>) -> Option<String> {
        let is = |dentry: &Dentry| !dentry.detached && dentry.inode.as_ref().is_some_and(|own| Arc::ptr_eq(own, inode));
        let (index, _) = self.arena.iter().find(|(_, dentry)| is(dentry))?;
        let mut names = Vec::new();
        let mut at = index;
        while let Some(dentry) = self.arena.get(at).filter(|_| at != self.root) {
            names.push(String::from_utf8_lossy(dentry.name.as_bytes()));
            at = dentry.parent;
        }
        names.reverse();
        Some(names.join("/"))
    }

    /// Synthetic children of a directory, which no backend lists.
    pub(crate) fn synthetic_children(&self, dir: u32) -> Vec<(NameBuf, u32, Arc<Inode>)> {
        let Some(dentry) = self.arena.get(dir).filter(|dentry| dentry.anchors > 0) else { return Vec::new() };
        let Some(state) = &dentry.dir else { return Vec::new() };
        let children = state.children.iter().filter_map(|child| Some((child.index, self.arena.get(child.index)?)));
        children
            .filter_map(|(index, child)| {
                let inode = child.inode.as_ref().filter(|inode| inode.node().is_none())?;
                Some((child.name.clone(), index, Arc::clone(inode)))
            })
            .collect()
    }

    /// The directory's list, if it is cached.
    pub(crate) fn list(&self, dir: DentryId) -> Option<&Arc<DirList>> {
        self.get(dir)?.dir.as_ref()?.list.as_ref()
    }

    /// Caches a directory's list, and drops the oldest ones over `budget` bytes.
    pub(crate) fn set_list(&mut self, dir: DentryId, list: Arc<DirList>, budget: usize) {
        if self.get(dir).is_none() || list.bytes() > budget {
            return;
        }
        self.drop_list(dir.index);
        self.list_bytes += list.bytes();
        if let Some(state) = self.state(dir.index) {
            state.list = Some(list);
        }
        self.lists.push_back(dir);
        while self.list_bytes > budget || self.lists.len() > 65_536 {
            let Some(oldest) = self.lists.pop_front() else { break };
            if self.get(oldest).is_some() {
                self.drop_list(oldest.index);
            }
        }
    }

    /// Forgets every directory's list.
    pub(crate) fn drop_lists(&mut self) {
        while let Some(dir) = self.lists.pop_front() {
            if self.get(dir).is_some() {
                self.drop_list(dir.index);
            }
        }
    }

    pub(super) fn drop_list(&mut self, dir: u32) {
        let Some(state) = self.arena.get_mut(dir).and_then(|dentry| dentry.dir.as_mut()) else { return };
        if let Some(list) = state.list.take() {
            self.list_bytes = self.list_bytes.saturating_sub(list.bytes());
            self.drop_empty_state(dir);
        }
    }

    pub(super) fn drop_empty_state(&mut self, dir: u32) {
        if let Some(dentry) = self.arena.get_mut(dir) {
            dentry.dir = dentry
                .dir
                .take()
                .filter(|state| !state.children.is_empty() || state.list.is_some() || state.watch.is_some());
        }
    }

    pub(super) fn state(&mut self, dir: u32) -> Option<&mut DirState> {
        self.arena.get_mut(dir).map(|dentry| &mut **dentry.dir.get_or_insert_default())
    }

    /// Enters a dentry into its parent's table; the parent is no leaf any more.
    fn hang(&mut self, dir: u32, index: u32) {
        let Some(name) = self.arena.get(index).map(|dentry| dentry.name.clone()) else { return };
        let child = Child { hash: self.hash(name.as_name()), index };
        if let Some(state) = self.state(dir) {
            state.children.insert_unique(spread(child.hash), child, |child| spread(child.hash));
        }
        self.unlist(dir);
    }

    /// Takes a dentry out of its parent's table; a parent without children becomes a leaf.
    fn unhang(&mut self, index: u32) {
        let Some(dentry) = self.arena.get(index) else { return };
        let (dir, hash, negative) = (dentry.parent, self.hash(dentry.name.as_name()), dentry.inode.is_none());
        let Some(state) = self.arena.get_mut(dir).and_then(|dentry| dentry.dir.as_mut()) else { return };
        if let Ok(entry) = state.children.find_entry(spread(hash), |child| child.index == index) {
            entry.remove();
            state.negative_count -= usize::from(negative);
            if state.children.capacity() > 64 && state.children.len() < state.children.capacity() / 8 {
                let room = state.children.len() * 2;
                state.children.shrink_to(room, |child| spread(child.hash));
            }
        }
        if state.children.is_empty() {
            self.drop_empty_state(dir);
            let leaf = self.arena.get(dir).is_some_and(|dentry| !dentry.detached);
            if leaf && dir != self.root {
                self.list_newest(dir);
            }
        }
    }

    /// Whether any name is cached in the directory.
    pub(super) fn has_children(dentry: &Dentry) -> bool {
        dentry.dir.as_ref().is_some_and(|state| !state.children.is_empty())
    }
}

impl Dentry {
    /// Its inode; `None` for a negative dentry.
    pub(crate) fn inode(&self) -> Option<&Arc<Inode>> {
        self.inode.as_ref()
    }

    /// Whether a mount on it or below it keeps it in its place.
    pub(crate) fn is_anchored(&self) -> bool {
        self.anchors > 0
    }

    /// Its stamp.
    pub(crate) fn stamp(&self) -> u32 {
        self.stamp
    }
}

fn new_dentry(stamp: u32, parent: u32, name: NameBuf, inode: Option<Arc<Inode>>) -> Dentry {
    Dentry {
        stamp,
        parent,
        name,
        inode,
        refs: AtomicU32::new(0),
        used: AtomicBool::new(false),
        detached: false,
        mounts: 0,
        anchors: 0,
        generation: 0,
        confirmed: AtomicU32::new(0),
        heat: AtomicU16::new(0),
        chill: AtomicU8::new(0),
        newer: NIL,
        older: NIL,
        listed: false,
        dir: None,
    }
}

/// The tables look at both ends of a hash.
fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}

/// What a check of the tree's invariants found.
impl Tree {
    /// Checks what must hold whenever the lock is free; the message names what does not.
    pub(crate) fn check(&self) -> Result<(), String> {
        let mut listed = 0;
        let mut bytes = 0;
        for (index, dentry) in self.arena.iter() {
            if index != self.root {
                bytes += cost(dentry);
            }
            listed += usize::from(dentry.listed);
            let leaf = !Self::has_children(dentry);
            if dentry.listed != (leaf && !dentry.detached && index != self.root) {
                return Err(format!("dentry {index} ({:?}): listed is {}", dentry.name, dentry.listed));
            }
            if dentry.parent != NIL {
                if self.child_of(dentry.parent, dentry.name.as_name()) != Some(index) {
                    return Err(format!("dentry {index} ({:?}) is not in its parent's table", dentry.name));
                }
            } else if index != self.root && !dentry.detached {
                return Err(format!("dentry {index} ({:?}) has no parent and is not detached", dentry.name));
            }
            if self.is_in_a_circle(index) {
                return Err(format!("dentry {index} ({:?}) is below itself", dentry.name));
            }
            if dentry.inode.is_none() && dentry.refs.load(Ordering::Acquire) > 0 {
                return Err(format!("negative dentry {index} ({:?}) has references", dentry.name));
            }
            self.check_dir(index, dentry)?;
        }
        if listed != self.listed {
            return Err(format!("{listed} dentries are listed, {} are counted", self.listed));
        }
        if bytes != self.bytes {
            return Err(format!("dentries take {bytes} bytes, {} are counted", self.bytes));
        }
        Ok(())
    }

    fn is_in_a_circle(&self, index: u32) -> bool {
        let mut above = std::iter::successors(Some(index), |at| self.arena.get(*at).map(|dentry| dentry.parent));
        above.nth(self.arena.len() + 1).is_some_and(|at| at != NIL)
    }

    fn check_dir(&self, index: u32, dentry: &Dentry) -> Result<(), String> {
        let Some(state) = &dentry.dir else { return Ok(()) };
        let mut negatives = 0;
        for child in &state.children {
            let Some(child) = self.arena.get(child.index) else {
                return Err(format!("directory {index} has a child that is gone"));
            };
            if child.parent != index {
                return Err(format!("child {:?} of directory {index} has another parent", child.name));
            }
            negatives += usize::from(child.inode.is_none());
        }
        if negatives != state.negative_count {
            return Err(format!("directory {index} counts {} negatives, has {negatives}", state.negative_count));
        }
        Ok(())
    }
}
