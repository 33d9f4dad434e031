//! Attributes by path, where names are not trusted: the ways that take no reference to a name.

use super::check::{Belief, Checked, Crossed};
use super::watch::Hot;
use crate::abi::{Call, Errno, Error, Name, Result, Stat};
use crate::gofer::dentry::{DentryId, Known, Reached, Tree};
use crate::gofer::fs::{DentryRef, GoferFs};
use crate::gofer::inode::Inode;
use crate::gofer::stats::Op;
use std::sync::Arc;

/// How often the change queue is tried before every name is asked about.
const TRIES: usize = 4;

/// From how many components on it is cheaper to ask whether a path still ends where the cache says than to ask for each.
const AS_A_WHOLE: usize = 3;

/// How a path's attributes can be had by the change queue.
enum Plan {
    /// They are known, if nothing is announced.
    Known(Result<()>),
    /// The backend is asked about the last name, in this directory (the start if `None`), and the way there is believed
    /// if `relies`.
    Ask { dir: Option<Arc<Inode>>, last: Crossed, relies: bool },
    /// These directories are to be watched first.
    Watch(Hot),
    /// Names on the way were not confirmed since their directories are watched.
    Confirm,
    /// Not at all.
    Unknown,
}

/// What trying a plan came to.
enum Tried {
    /// The attributes are where they were wanted.
    Told,
    /// Something was announced, or is watched by now.
    Again,
    /// Each name is asked about.
    Each,
    /// As is best without a queue.
    Unwatched,
}

impl GoferFs {
    /// Puts the attributes at the end of a path that is cached whole to `out`, confirmed by the backend or its change
    /// queue; false when there is more to it than that. `ENOENT` and `ENOTDIR` where that is believed.
    pub(super) fn stat_checked(
        self: &Arc<Self>,
        call: &Call,
        start: &DentryRef,
        names: &[Name<'_>],
        follow_last: bool,
        out: &mut Stat,
    ) -> Result<bool> {
        let (mut as_a_whole, mut belief) = (names.len() >= AS_A_WHOLE, Belief::Nothing);
        let mut tries = if self.watches.enabled() { TRIES } else { 0 };
        while tries > 0 {
            match self.stat_watched(call, start, names, follow_last, out)? {
                Tried::Told => return Ok(true),
                Tried::Again => tries -= 1,
                Tried::Each => {
                    (as_a_whole, belief) = (false, Belief::Announced);
                    break;
                }
                Tried::Unwatched => break,
            }
        }
        if as_a_whole && self.stat_end(call, start, names, follow_last, out)? {
            return Ok(true);
        }
        let crossing = self.cross_cached(start, names, follow_last, belief);
        let synthetic = crossing.chain.last().is_some_and(|last| last.inode.node().is_none());
        if crossing.walk.reached != Reached::End || synthetic {
            return Ok(false);
        }
        match self.check(call, start, names, &crossing, crossing.chain.len(), true)? {
            Checked::Valid(Some(stat)) => {
                self.stats.hits(crossing.walk.used);
                *out = stat;
                Ok(true)
            }
            Checked::Valid(None) | Checked::Changed => Ok(false),
        }
    }

    /// The attributes by the change queue: without any question where they are a directory's, or a handle's to tell, or the
    /// name is missing; by one about the last name otherwise.
    fn stat_watched(
        self: &Arc<Self>,
        call: &Call,
        start: &DentryRef,
        names: &[Name<'_>],
        follow_last: bool,
        out: &mut Stat,
    ) -> Result<Tried> {
        let mark = self.watches.mark();
        let (plan, used) = self.plan(start, names, follow_last, out);
        match plan {
            Plan::Known(answer) => {
                if !self.is_still(call, mark) {
                    return Ok(Tried::Again);
                }
                if answer == Err(Errno::Noent.into()) {
                    self.stats.negative_hit();
                }
                self.stats.hits(used);
                answer.map(|()| Tried::Told)
            }
            Plan::Ask { last, .. } if last.known == Known::Believed && self.stat_known(call, &last.inode, out) => {
                // By the handle it is the object as it is now, through whatever name it was changed; that the name still
                // is the object's is for the queue to say.
                if !self.is_still(call, mark) {
                    return Ok(Tried::Again);
                }
                self.stats.hits(used);
                Ok(Tried::Told)
            }
            Plan::Ask { dir, last, relies } => {
                let Some(name) = names.last() else { return Ok(Tried::Unwatched) };
                let dir = dir.as_ref().unwrap_or(start.inode());
                if !self.check_end(call, dir, &[*name], &last.inode, out)? {
                    return Ok(Tried::Each);
                }
                self.confirm(&last);
                if relies && !self.is_still(call, mark) {
                    return Ok(Tried::Again);
                }
                self.stats.hits(used);
                if last.known == Known::Believed {
                    self.open_to_look(call, (&**dir, *name), &last);
                }
                Ok(Tried::Told)
            }
            Plan::Watch(hot) => Ok(if self.take_watches(call, &hot) { Tried::Again } else { Tried::Unwatched }),
            Plan::Confirm => Ok(Tried::Each),
            Plan::Unknown => Ok(Tried::Unwatched),
        }
    }

    /// Puts the attributes of an object to `out`, if a handle of its own tells them without a peer.
    fn stat_known(&self, call: &Call, inode: &Inode, out: &mut Stat) -> bool {
        let version = inode.attr_version();
        let Some(stat) = self.stat_held(call, inode) else { return false };
        self.learn(call, inode, &stat, version);
        *out = stat;
        true
    }

    /// What the cache and its watches make of a path, and how many names of it are cached. Known attributes are put to
    /// `out`.
    fn plan(&self, start: &DentryRef, names: &[Name<'_>], follow_last: bool, out: &mut Stat) -> (Plan, usize) {
        let tree = self.tree.read();
        let mut hot = Hot::new();
        // Whether everything before the last name is believed, whether all of it is watched, and the last name.
        let (mut way, mut watched, mut relies) = (true, true, false);
        let mut last: Option<(u32, u32, Known, bool)> = None;
        let walk = tree.walk(start.id().index, names, follow_last, |dir, index, child| {
            if let Some((_, _, known, anchored)) = last {
                way &= known == Known::Believed;
                relies |= !anchored;
            }
            let anchored = child.is_anchored();
            let known = if anchored { Known::Believed } else { tree.known(dir, child) };
            if known == Known::Unwatched {
                watched = false;
                if tree.warm(dir) {
                    hot.push(tree.id(dir));
                }
            }
            last = Some((dir, index, known, anchored));
        });
        let known_way = way && last.is_none_or(|(_, _, known, _)| known == Known::Believed);
        let plan = match (walk.reached, last) {
            (Reached::Negative, _) if known_way && tree.believes_missing(walk) => Plan::Known(Err(Errno::Noent.into())),
            (Reached::NotDirectory, Some(_)) if known_way => Plan::Known(Err(Errno::Notdir.into())),
            (Reached::End, Some((dir, index, known, false))) => {
                let directory = tree.inode(index).is_some_and(|inode| inode.is_dir());
                match tree.believed_attributes(index).filter(|_| known_way) {
                    Some(stat) => {
                        *out = stat;
                        Plan::Known(Ok(()))
                    }
                    None => {
                        if directory && tree.warm(index) {
                            hot.push(tree.id(index));
                        }
                        if way { Self::plan_question(&tree, start, (dir, index, known), relies) } else { Plan::Unknown }
                    }
                }
            }
            _ => Plan::Unknown,
        };
        let plan = match plan {
            _ if !hot.is_empty() => Plan::Watch(hot),
            Plan::Unknown if watched && walk.reached == Reached::End => Plan::Confirm,
            plan => plan,
        };
        (plan, walk.used)
    }

    fn plan_question(tree: &Tree, start: &DentryRef, (dir, index, known): (u32, u32, Known), relies: bool) -> Plan {
        let Some(inode) = tree.inode(index).map(Arc::clone) else { return Plan::Unknown };
        let from = if dir == start.id().index { None } else { tree.inode(dir).map(Arc::clone) };
        let (dir, id): (DentryId, DentryId) = (tree.id(dir), tree.id(index));
        let generation = tree.generation(dir).unwrap_or_default();
        Plan::Ask { dir: from, last: Crossed { dir, generation, id, inode, anchored: false, known }, relies }
    }

    /// By one question about the whole path. Only attributes may be asked for so: what goes on from the dentry that is
    /// reached needs the directories on the way to be what the cache says.
    fn stat_end(
        &self,
        call: &Call,
        start: &DentryRef,
        names: &[Name<'_>],
        follow_last: bool,
        out: &mut Stat,
    ) -> Result<bool> {
        let mut anchored = false;
        let end = {
            let tree = self.tree.read();
            let walk = tree.walk(start.id().index, names, follow_last, |_, _, dentry| anchored |= dentry.is_anchored());
            tree.inode(walk.at).filter(|_| walk.reached == Reached::End && !anchored).map(Arc::clone)
        };
        let Some(end) = end else { return Ok(false) };
        let told = self.check_end(call, start.inode(), names, &end, out)?;
        if told {
            self.stats.hits(names.len());
        }
        Ok(told)
    }

    /// Asks whether `names` still lead from `from` to `end`, without asking for each name on the way, and puts its attributes
    /// to `out`; false when that cannot be told.
    fn check_end(&self, call: &Call, from: &Inode, names: &[Name<'_>], end: &Inode, out: &mut Stat) -> Result<bool> {
        let Some(dir) = from.node() else { return Ok(false) };
        let version = end.attr_version();
        let stat = match self.ask(Op::RevalidateEnd).revalidate_end(call, dir, names, end.key()) {
            Ok(Some(stat)) if stat.file_type == end.file_type() => stat,
            Ok(_) | Err(Error::Unbound | Error::Errno(_)) => return Ok(false),
            Err(Error::WouldWait) => return Err(Error::WouldWait),
        };
        self.stats.revalidations(names.len());
        if end.store_attr(&stat, version) {
            let handles = end.take_handles();
            self.release_handles(call, handles);
        }
        *out = stat;
        Ok(true)
    }
}
