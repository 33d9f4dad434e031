//! Checking the cached part of a path before it is used, where names are not trusted.
//!
//! Of each component either the backend is asked, all of them in one batch, or it is believed, because its directory is
//! watched and the change queue is empty. The questions come first and the look at the queue last: what is believed had
//! not changed since the cache was read, and so was true at the moment of each answer. The other way round a name could
//! be believed in a directory that took its place only later.

use super::watch::Hot;
use crate::abi::{Call, Errno, Error, Name, Result, Stat};
use crate::backend::ErasedStep;
use crate::gofer::dentry::{CachedWalk, DentryId, Known, Reached};
use crate::gofer::fs::{DentryRef, GoferFs};
use crate::gofer::inode::Inode;
use crate::gofer::stats::Op;
use crate::gofer::watches::Mark;
use smallvec::SmallVec;
use std::sync::Arc;

/// How often a question is repeated when its directories keep losing their control handles.
const TRIES: usize = 64;

/// What of the cached names is believed without asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Belief {
    /// That in directories whose changes are announced.
    Announced,
    /// Nothing.
    Nothing,
}

/// One cached component on the way.
pub(super) struct Crossed {
    pub(super) dir: DentryId,
    /// The directory's generation when it was crossed.
    pub(super) generation: u32,
    pub(super) id: DentryId,
    pub(super) inode: Arc<Inode>,
    pub(super) anchored: bool,
    pub(super) known: Known,
}

/// The cached part of a path.
pub(super) struct Crossing {
    /// Taken before the cache was read.
    pub(super) mark: Mark,
    pub(super) walk: CachedWalk,
    pub(super) at: DentryId,
    pub(super) chain: SmallVec<[Crossed; 6]>,
    /// Whether the name behind the chain is believed not to exist.
    pub(super) missing: bool,
    /// Directories that were asked about often enough to be watched.
    pub(super) hot: Hot,
}

/// What became of the cached part of a path that had to be checked.
pub(super) enum Checked {
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

/// A cached name that the backend is asked about.
struct Question<'a> {
    dir: &'a Inode,
    name: Name<'a>,
    crossed: &'a Crossed,
}

impl GoferFs {
    /// Crosses what is cached, noting what has to be checked.
    pub(super) fn cross_cached(
        &self,
        start: &DentryRef,
        names: &[Name<'_>],
        follow_last: bool,
        belief: Belief,
    ) -> Crossing {
        let watching = self.watches.enabled();
        let mark = self.watches.mark();
        let mut chain = SmallVec::new();
        let mut hot = Hot::new();
        let tree = self.tree.read();
        let walk = tree.walk(start.id().index, names, follow_last, |dir, index, dentry| {
            let Some(inode) = dentry.inode() else { return };
            let anchored = dentry.is_anchored();
            let mut known = if watching { tree.known(dir, dentry) } else { Known::Unwatched };
            if watching && known == Known::Unwatched && !anchored && tree.warm(dir) {
                hot.push(tree.id(dir));
            }
            if belief == Belief::Nothing && known == Known::Believed {
                known = Known::Unconfirmed;
            }
            let dir = tree.id(dir);
            let id = DentryId { index, stamp: dentry.stamp() };
            let generation = tree.generation(dir).unwrap_or_default();
            chain.push(Crossed { dir, generation, id, inode: Arc::clone(inode), anchored, known });
        });
        let missing =
            belief == Belief::Announced && walk.reached == Reached::Negative && watching && tree.believes_missing(walk);
        Crossing { mark, walk, at: tree.id(walk.at), chain, missing, hot }
    }

    /// Checks the first `count` components of a crossing, and that the name behind them is missing, if that is believed
    /// and they are all there is. Anchored components keep their place whatever happens below them. The last one is
    /// asked about in any case if its attributes are `wanted`.
    pub(super) fn check(
        &self,
        call: &Call,
        start: &DentryRef,
        names: &[Name<'_>],
        crossing: &Crossing,
        count: usize,
        wanted: bool,
    ) -> Result<Checked> {
        let chain = crossing.chain.get(..count).unwrap_or_default();
        let mut relies = crossing.missing && count == crossing.chain.len();
        let mut questions = SmallVec::<[Question<'_>; 6]>::new();
        let mut dir: &Inode = start.inode();
        for (at, (crossed, name)) in chain.iter().zip(names).enumerate() {
            let last = at + 1 == count;
            match crossed.known {
                _ if crossed.anchored => {}
                Known::Believed if !(last && wanted) => relies = true,
                _ => questions.push(Question { dir, name: *name, crossed }),
            }
            dir = &crossed.inode;
        }
        let told = match self.ask_all(call, start.id(), &questions)? {
            Checked::Valid(told) => told,
            Checked::Changed => return Ok(Checked::Changed),
        };
        if relies && !self.is_still(call, crossing.mark) {
            return Ok(Checked::Changed);
        }
        let last_was_asked =
            questions.last().is_some_and(|last| chain.last().is_some_and(|end| end.id == last.crossed.id));
        Ok(Checked::Valid(told.filter(|_| last_was_asked)))
    }

    /// Asks about names, and binds directories as far as that takes; the attributes of the last one.
    fn ask_all(&self, call: &Call, start: DentryId, questions: &[Question<'_>]) -> Result<Checked> {
        let (mut done, mut tries, mut last) = (0, 0, None);
        while let Some(left) = questions.get(done..).filter(|left| !left.is_empty()) {
            let mut stats = Vec::with_capacity(left.len());
            let answer = self.ask_names(call, left, &mut stats)?;
            last = stats.last().copied();
            match (answer, left.get(stats.len())) {
                (Asked::Changed, _) => return Ok(Checked::Changed),
                (Asked::Valid, _) => break,
                (Asked::Unbound, Some(failed)) if tries < TRIES => {
                    if !self.rebind(call, start, failed.crossed)? {
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

    /// Asks about cached names in one call; the attributes of those that stand go to `stats`.
    fn ask_names(&self, call: &Call, questions: &[Question<'_>], stats: &mut Vec<Stat>) -> Result<Asked> {
        let mut steps = SmallVec::<[ErasedStep<'_>; 6]>::new();
        for question in questions {
            let dir = question.dir.node().ok_or(Errno::Stale)?;
            steps.push(ErasedStep { dir, name: question.name, key: question.crossed.inode.key() });
        }
        let versions: SmallVec<[u32; 6]> = questions.iter().map(|asked| asked.crossed.inode.attr_version()).collect();
        let answer = self.ask(Op::Revalidate).revalidate_many(call, &steps, stats);
        self.stats.revalidations(stats.len());
        for ((asked, stat), version) in questions.iter().zip(&*stats).zip(versions) {
            let inode = &asked.crossed.inode;
            if stat.key != inode.key() || stat.file_type != inode.file_type() {
                self.invalidate_at(call, asked.crossed.id, (asked.crossed.dir, asked.name));
                return Ok(Asked::Changed);
            }
            if inode.store_attr(stat, version) {
                let handles = inode.take_handles();
                self.release_handles(call, handles);
            }
        }
        questions.iter().take(stats.len()).for_each(|asked| self.confirm(asked.crossed));
        match (answer, questions.get(stats.len())) {
            (Ok(()), _) => Ok(Asked::Valid),
            (Err(Error::Unbound), Some(_)) => Ok(Asked::Unbound),
            (Err(Error::Errno(Errno::Noent | Errno::Notdir)), Some(failed)) => {
                self.invalidate_at(call, failed.crossed.id, (failed.crossed.dir, failed.name));
                Ok(Asked::Changed)
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Notes that the backend confirmed a name since it was crossed, for one in a directory that is watched.
    pub(super) fn confirm(&self, crossed: &Crossed) {
        if crossed.known == Known::Unconfirmed {
            self.tree.read().confirm(crossed.dir, crossed.generation, crossed.id);
        }
    }

    /// Binds the directory that a step could not be checked in; false when the way leads to another one by now. `ESTALE`
    /// where the walk began in it.
    fn rebind(&self, call: &Call, start: DentryId, failed: &Crossed) -> Result<bool> {
        match self.bind(call, failed.dir) {
            Ok(()) => Ok(true),
            Err(error) if error.is(Errno::Stale) => self.look_again(call, (start, failed.dir)).map(|()| false),
            Err(error) => Err(error),
        }
    }
}
