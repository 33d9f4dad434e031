//! Walks: the seam between path resolution above and the cache.

use super::check::{Belief, Checked, Crossed};
use crate::abi::{Call, Errno, Error, FileType, Name, OpenFlags, Result, Stat};
use crate::backend::{ErasedNode, Location};
use crate::gofer::dentry::{CachedWalk, DentryId, Known, Reached};
use crate::gofer::file::File;
use crate::gofer::fs::{DentryRef, GoferFs};
use crate::gofer::inode::Inode;
use std::sync::Arc;

/// How often a walk starts again when others change what it walks over.
const TRIES: usize = 64;

/// How often a walk looks for what is believed without asking.
const BELIEVING_TRIES: usize = 6;

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
                // Where things change faster than we read, the backend's word counts.
                let belief = if attempt < BELIEVING_TRIES { Belief::Announced } else { Belief::Nothing };
                self.walk_checking(call, start, names, follow_last, belief)?
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
                self.fetch(call, (start.id(), at), walk.used, names, follow_last)
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
        belief: Belief,
    ) -> Result<Option<Walked>> {
        let crossing = self.cross_cached(start, names, follow_last, belief);
        if self.take_watches(call, &crossing.hot) {
            return Ok(None);
        }
        if matches!(self.check(call, start, names, &crossing, crossing.chain.len(), false)?, Checked::Changed) {
            return Ok(None);
        }
        let (walk, at) = (crossing.walk, crossing.at);
        self.stats.hits(walk.used);
        if matches!(walk.reached, Reached::Unknown | Reached::Negative) && !crossing.missing {
            return self.fetch(call, (start.id(), at), walk.used, names, follow_last);
        }
        if crossing.missing {
            self.stats.negative_hit();
        }
        let reached = {
            let tree = self.tree.read();
            // What was checked may have been evicted or removed meanwhile.
            tree.get(at).and_then(|_| self.reference(&tree, at.index))
        };
        self.arrive(call, reached, walk, None)
    }

    /// The regular file at the end of a path that is cached whole: by a handle that was kept of it, or by `open`, once the
    /// backend has confirmed the way to it, and its name too where the opening does not. `None` when there is more to it
    /// than that.
    pub(super) fn open_checked(
        self: &Arc<Self>,
        call: &Call,
        start: &DentryRef,
        (names, follow_last): (&[Name<'_>], bool),
        access: OpenFlags,
        open: impl FnOnce(&Arc<Inode>, DentryId, &Location<'_, ErasedNode>) -> Option<File>,
    ) -> Result<Option<File>> {
        let crossing = self.cross_cached(start, names, follow_last, Belief::Announced);
        let (Some((last, way)), Some(name)) = (crossing.chain.split_last(), names.last()) else { return Ok(None) };
        if crossing.walk.reached != Reached::End || last.inode.file_type() != FileType::Regular {
            return Ok(None);
        }
        if self.take_watches(call, &crossing.hot) {
            return Ok(None);
        }
        let believed = |crossed: &Crossed| crossed.anchored || crossed.known == Known::Believed;
        if self.coherence.keeps_watched_handles()
            && believed(last)
            && way.iter().all(believed)
            && let Some(file) = self.open_kept(call, &last.inode, access, crossing.mark)
        {
            self.stats.hits(crossing.walk.used);
            return Ok(Some(file));
        }
        let confirms = self.coherence.confirms_name_at_open();
        let checked = if confirms { way.len() } else { crossing.chain.len() };
        if matches!(self.check(call, start, names, &crossing, checked, false)?, Checked::Changed) {
            return Ok(None);
        }
        let dir = way.last().map_or(start.inode(), |crossed| &crossed.inode);
        let Some(dir) = dir.node() else { return Ok(None) };
        let file = open(&last.inode, last.dir, &Location { dir, name: *name });
        if file.is_some() {
            if confirms {
                self.confirm(last);
                self.stats.revalidations(1);
            }
            if last.known != Known::Unwatched {
                self.opened_watched(&last.inode);
            }
            self.stats.hits(crossing.walk.used);
        }
        Ok(file)
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
