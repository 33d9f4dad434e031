//! Walks: the seam between path resolution above and the cache.

use crate::abi::{Call, Errno, Error, FileType, Name, Result, Stat};
use crate::backend::{ErasedNode, ErasedStep, Location};
use crate::gofer::dentry::{CachedWalk, DentryId, Reached};
use crate::gofer::file::File;
use crate::gofer::fs::{DentryRef, GoferFs};
use crate::gofer::inode::Inode;
use crate::gofer::stats::Op;
use smallvec::SmallVec;
use std::sync::Arc;

/// How often a walk starts again when others change what it walks over.
const TRIES: usize = 64;

/// From how many components on it is cheaper to ask whether a path still ends where the cache says than to ask for each.
const AS_A_WHOLE: usize = 3;

/// Why a walk ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Every name is crossed.
    End,
    /// The next thing is a symbolic link with these contents; `reached` is the directory that holds it, and `used`
    /// counts the link.
    Symlink(Vec<u8>),
    /// `reached` has a mount on it.
    Mount,
    /// The next name does not exist in `reached`.
    Missing,
    /// `reached` is no directory, and names are left.
    NotDirectory,
}

/// How far a walk came.
#[derive(Debug)]
pub struct Walked {
    /// The last dentry crossed.
    pub reached: DentryRef,
    /// Names used up.
    pub used: usize,
    /// Why it ended.
    pub stop: Stop,
    /// Attributes of `reached` that the backend told during this walk.
    pub(in crate::gofer) fresh: Option<Stat>,
}

/// One cached component on the way.
struct Crossed {
    dir: DentryId,
    id: DentryId,
    inode: Arc<Inode>,
    anchored: bool,
}

type Chain = SmallVec<[Crossed; 6]>;

/// What became of the cached part of a path that had to be checked.
enum Checked {
    /// It stands; the attributes of its last component, if they were asked for.
    Valid(Option<Stat>),
    /// Something else is there now; look again.
    Changed,
}

/// What a batch of questions about cached names came to.
enum Asked {
    /// All stand.
    Valid,
    /// One is another by now, and is out of the cache.
    Changed,
    /// The first that was not answered is in a directory whose control handle was given back.
    Unbound,
}

impl GoferFs {
    /// Walks over `names` from `start`. Cached components are answered as the policy allows; the rest is fetched from
    /// the backend in one call. A symbolic link ends the walk, the last one only if `follow_last`.
    pub fn walk(
        self: &Arc<Self>,
        call: &Call,
        start: &DentryRef,
        names: &[Name<'_>],
        follow_last: bool,
    ) -> Result<Walked> {
        for attempt in 0..TRIES {
            let walked = if self.coherence.trusts_names() {
                self.walk_trusting(call, start, names, follow_last)?
            } else {
                self.walk_checking(call, start, names, follow_last)?
            };
            if let Some(walked) = walked {
                return Ok(walked);
            }
            self.let_others_go_on(call, attempt);
        }
        Err(Errno::Again.into())
    }

    fn walk_trusting(
        self: &Arc<Self>,
        call: &Call,
        start: &DentryRef,
        names: &[Name<'_>],
        follow_last: bool,
    ) -> Result<Option<Walked>> {
        let tree = self.tree.read();
        let walk = tree.walk(start.id().index, names, follow_last, |_, _, _| {});
        self.stats.hits(walk.used);
        let at = tree.id(walk.at);
        match walk.reached {
            Reached::Unknown => {
                drop(tree);
                self.fetch(call, at, walk.used, names, follow_last)
            }
            Reached::Negative => {
                self.stats.negative_hit();
                let reached = self.reference(&tree, walk.at);
                Ok(reached.map(|reached| Walked { reached, used: walk.used, stop: Stop::Missing, fresh: None }))
            }
            Reached::End | Reached::Symlink | Reached::Mount | Reached::NotDirectory => {
                let reached = self.reference(&tree, walk.at);
                drop(tree);
                self.arrive(call, reached, walk, None)
            }
        }
    }

    fn walk_checking(
        self: &Arc<Self>,
        call: &Call,
        start: &DentryRef,
        names: &[Name<'_>],
        follow_last: bool,
    ) -> Result<Option<Walked>> {
        let (walk, at, chain) = self.cross_cached(start, names, follow_last);
        let fresh = match self.check(call, start, names, &chain)? {
            Checked::Valid(fresh) => fresh,
            Checked::Changed => return Ok(None),
        };
        self.stats.hits(walk.used);
        if matches!(walk.reached, Reached::Unknown | Reached::Negative) {
            return self.fetch(call, at, walk.used, names, follow_last);
        }
        let reached = {
            let tree = self.tree.read();
            // What was checked may have been evicted or removed meanwhile.
            tree.get(at).and_then(|_| self.reference(&tree, at.index))
        };
        let fresh = fresh.filter(|_| walk.reached == Reached::End);
        self.arrive(call, reached, walk, fresh)
    }

    /// Crosses what is cached, noting what has to be checked.
    fn cross_cached(&self, start: &DentryRef, names: &[Name<'_>], follow_last: bool) -> (CachedWalk, DentryId, Chain) {
        let mut chain = Chain::new();
        let tree = self.tree.read();
        let walk = tree.walk(start.id().index, names, follow_last, |dir, index, dentry| {
            if let Some(inode) = dentry.inode() {
                chain.push(Crossed {
                    dir: tree.id(dir),
                    id: DentryId { index, stamp: dentry.stamp() },
                    inode: Arc::clone(inode),
                    anchored: dentry.is_anchored(),
                });
            }
        });
        (walk, tree.id(walk.at), chain)
    }

    /// The attributes at the end of a path that is cached whole, once the backend has confirmed it; `None` when there is
    /// more to it than that. Takes no reference to a name.
    pub(super) fn stat_checked(
        &self,
        call: &Call,
        start: &DentryRef,
        names: &[Name<'_>],
        follow_last: bool,
    ) -> Result<Option<Stat>> {
        if names.len() >= AS_A_WHOLE
            && let Some(stat) = self.stat_end(call, start, names, follow_last)?
        {
            return Ok(Some(stat));
        }
        let (walk, _, chain) = self.cross_cached(start, names, follow_last);
        if walk.reached != Reached::End {
            return Ok(None);
        }
        match self.check(call, start, names, &chain)? {
            Checked::Valid(Some(stat)) => {
                self.stats.hits(walk.used);
                Ok(Some(stat))
            }
            Checked::Valid(None) | Checked::Changed => Ok(None),
        }
    }

    /// As [`GoferFs::stat_checked`], by one question about the whole path. Only attributes may be asked for so: what
    /// goes on from the dentry that is reached needs the directories on the way to be what the cache says.
    fn stat_end(&self, call: &Call, start: &DentryRef, names: &[Name<'_>], follow_last: bool) -> Result<Option<Stat>> {
        let mut anchored = false;
        let end = {
            let tree = self.tree.read();
            let walk = tree.walk(start.id().index, names, follow_last, |_, _, dentry| anchored |= dentry.is_anchored());
            tree.inode(walk.at).filter(|_| walk.reached == Reached::End && !anchored).map(Arc::clone)
        };
        let Some(end) = end else { return Ok(None) };
        let stat = self.check_end(call, start.inode(), names, &end)?;
        if stat.is_some() {
            self.stats.hits(names.len());
        }
        Ok(stat)
    }

    /// The regular file at the end of a path that is cached whole, by `open`, once the backend has confirmed the way to
    /// it; `open` itself must confirm the file. `None` when there is more to it than that.
    pub(super) fn open_checked(
        &self,
        call: &Call,
        start: &DentryRef,
        names: &[Name<'_>],
        follow_last: bool,
        open: impl FnOnce(&Arc<Inode>, DentryId, &Location<'_, ErasedNode>) -> Option<File>,
    ) -> Result<Option<File>> {
        let (walk, _, chain) = self.cross_cached(start, names, follow_last);
        let (Some((last, way)), Some(name)) = (chain.split_last(), names.last()) else { return Ok(None) };
        if walk.reached != Reached::End || last.inode.file_type() != FileType::Regular {
            return Ok(None);
        }
        if matches!(self.check(call, start, names, way)?, Checked::Changed) {
            return Ok(None);
        }
        let dir = way.last().map_or(start.inode(), |crossed| &crossed.inode);
        let Some(dir) = dir.node() else { return Ok(None) };
        let file = open(&last.inode, last.dir, &Location { dir, name: *name });
        if file.is_some() {
            self.stats.hits(walk.used);
            self.stats.revalidations(1);
        }
        Ok(file)
    }

    /// Asks the backend, in one batch, whether the cached components are what they were. Anchored ones keep their place
    /// whatever happens below them, and are the first of the chain.
    fn check(&self, call: &Call, start: &DentryRef, names: &[Name<'_>], chain: &[Crossed]) -> Result<Checked> {
        let mut done = chain.iter().take_while(|crossed| crossed.anchored).count();
        let mut last = None;
        let mut tries = 0;
        while let Some(doubtful) = chain.get(done..).filter(|doubtful| !doubtful.is_empty()) {
            let before = done.checked_sub(1).and_then(|at| chain.get(at)).map_or(start.inode(), |c| &c.inode);
            let mut stats = Vec::with_capacity(doubtful.len());
            let answer = self.ask_names(call, before, doubtful, names.get(done..).unwrap_or_default(), &mut stats)?;
            last = stats.last().copied();
            let failed = doubtful.get(stats.len());
            match (answer, failed) {
                (Asked::Changed, _) => return Ok(Checked::Changed),
                (Asked::Valid, _) => break,
                (Asked::Unbound, Some(failed)) if tries < TRIES => {
                    if !self.rebind(call, failed)? {
                        return Ok(Checked::Changed);
                    }
                    // Those before it are valid: beginning again with them could cost it the handle that it got.
                    tries = if stats.is_empty() { tries + 1 } else { 0 };
                    done += stats.len();
                }
                (Asked::Unbound, _) => return Err(Errno::Mfile.into()),
            }
        }
        Ok(Checked::Valid(last))
    }

    /// Asks whether `names` still lead from `from` to `end`, without asking for each name on the way; `None` when that
    /// cannot be told.
    fn check_end(&self, call: &Call, from: &Inode, names: &[Name<'_>], end: &Inode) -> Result<Option<Stat>> {
        let Some(dir) = from.node() else { return Ok(None) };
        let version = end.attr_version();
        let stat = match self.ask(Op::RevalidateEnd).revalidate_end(call, dir, names, end.key()) {
            Ok(Some(stat)) if stat.file_type == end.file_type() => stat,
            Ok(_) | Err(Error::Unbound | Error::Errno(_)) => return Ok(None),
            Err(Error::WouldWait) => return Err(Error::WouldWait),
        };
        self.stats.revalidations(names.len());
        if end.store_attr(&stat, version) {
            let handles = end.take_handles();
            self.release_handles(call, handles);
        }
        Ok(Some(stat))
    }

    /// Asks about `doubtful`, the first of which is in `before`; the attributes of those that stand go to `stats`.
    fn ask_names(
        &self,
        call: &Call,
        before: &Inode,
        doubtful: &[Crossed],
        names: &[Name<'_>],
        stats: &mut Vec<Stat>,
    ) -> Result<Asked> {
        let dirs = std::iter::once(before).chain(doubtful.iter().map(|crossed| &*crossed.inode));
        let mut steps = SmallVec::<[ErasedStep<'_>; 6]>::new();
        for ((crossed, dir), name) in doubtful.iter().zip(dirs).zip(names) {
            let dir = dir.node().ok_or(Errno::Stale)?;
            steps.push(ErasedStep { dir, name: *name, key: crossed.inode.key() });
        }
        let versions: SmallVec<[u32; 6]> = doubtful.iter().map(|crossed| crossed.inode.attr_version()).collect();
        let answer = self.ask(Op::Revalidate).revalidate_many(call, &steps, stats);
        self.stats.revalidations(stats.len());
        for ((crossed, stat), version) in doubtful.iter().zip(&*stats).zip(versions) {
            if stat.key != crossed.inode.key() || stat.file_type != crossed.inode.file_type() {
                self.invalidate(call, crossed.id);
                return Ok(Asked::Changed);
            }
            if crossed.inode.store_attr(stat, version) {
                let handles = crossed.inode.take_handles();
                self.release_handles(call, handles);
            }
        }
        match (answer, doubtful.get(stats.len())) {
            (Ok(()), _) => Ok(Asked::Valid),
            (Err(Error::Unbound), Some(_)) => Ok(Asked::Unbound),
            (Err(Error::Errno(Errno::Noent | Errno::Notdir)), Some(failed)) => {
                self.invalidate(call, failed.id);
                Ok(Asked::Changed)
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Binds the directory that a step could not be checked in; false when that is another one by now.
    fn rebind(&self, call: &Call, failed: &Crossed) -> Result<bool> {
        match self.bind(call, failed.dir) {
            Ok(()) => Ok(true),
            Err(Error::Errno(Errno::Stale)) => {
                self.invalidate(call, failed.dir);
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Turns the end of a walk into an answer; `None` when what was reached is gone.
    pub(super) fn arrive(
        self: &Arc<Self>,
        call: &Call,
        reached: Option<DentryRef>,
        walk: CachedWalk,
        fresh: Option<Stat>,
    ) -> Result<Option<Walked>> {
        let Some(reached) = reached else { return Ok(None) };
        let stop = match walk.reached {
            Reached::End => Stop::End,
            Reached::Mount => Stop::Mount,
            Reached::NotDirectory => Stop::NotDirectory,
            Reached::Negative | Reached::Unknown => Stop::Missing,
            Reached::Symlink => {
                debug_assert_eq!(reached.file_type(), FileType::Symlink);
                let target = match self.readlink(call, &reached) {
                    Err(Error::Errno(Errno::Stale | Errno::Noent)) => {
                        self.invalidate(call, reached.id());
                        return Ok(None);
                    }
                    target => target?,
                };
                let Some(dir) = self.parent(&reached) else { return Ok(None) };
                return Ok(Some(Walked { reached: dir, used: walk.used, stop: Stop::Symlink(target), fresh: None }));
            }
        };
        Ok(Some(Walked { reached, used: walk.used, stop, fresh }))
    }

    /// The directory that holds a dentry; `None` when its name is gone.
    pub(super) fn parent(self: &Arc<Self>, child: &DentryRef) -> Option<DentryRef> {
        let tree = self.tree.read();
        let (dir, _) = tree.location(child.id())?;
        self.reference(&tree, dir.index)
    }
}
