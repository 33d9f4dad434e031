//! Names that are not cached are asked of the backend, once.

use super::walk::Walked;
use crate::abi::{Call, Errno, FileType, Name, Result, Stat};
use crate::backend::{ErasedNode, Found, WalkEnd};
use crate::gofer::dentry::{CachedWalk, DentryId, NIL, Reached};
use crate::gofer::fs::{DentryRef, GoferFs};
use crate::gofer::inode::Inode;
use crate::gofer::stats::Op;
use std::sync::Arc;

impl GoferFs {
    /// Asks the backend for `names[used..]` from `dir`, which `start` led to, caches what the policy allows, and answers as
    /// the walk. `None` when the answer was overtaken and the walk is to be done again.
    pub(super) fn fetch(
        self: &Arc<Self>,
        call: &Call,
        (start, dir): (DentryId, DentryId),
        used: usize,
        names: &[Name<'_>],
        follow_last: bool,
    ) -> Result<Option<Walked>> {
        let rest = names.get(used..).unwrap_or_default();
        let Some(first) = rest.first() else { return Ok(None) };
        let Some(_ticket) = self.flights.board(call, dir, *first)? else { return Ok(None) };
        // Before the question: what is announced from now on concerns its answer.
        if self.watches.enabled() && self.tree.read().warm(dir.index) {
            self.take_watch(call, dir);
        }
        let (generation, inode) = {
            let tree = self.tree.read();
            let Some(dentry) = tree.get(dir) else { return Ok(None) };
            // Whoever flew before us may have brought the answer.
            if self.coherence.trusts_names() && tree.child(dentry, *first).is_some() {
                return Ok(None);
            }
            (tree.generation(dir), dentry.inode().map(Arc::clone))
        };
        let Some(inode) = inode else { return Ok(None) };
        let Some(node) = inode.node() else { return Ok(self.missing_in(dir, used)) };
        let mut found = Vec::with_capacity(rest.len().min(8));
        let answer = self.bound(call, &[dir], || {
            self.release_nodes(call, found.drain(..).map(|found: Found<ErasedNode>| found.node).collect());
            self.ask(Op::Walk).walk_many(call, node, rest, &mut found)
        });
        self.stats.misses(found.len() + usize::from(answer == Ok(WalkEnd::Missing)));
        match answer {
            Ok(end) => self.enter(call, dir, generation, used, rest, found, end, follow_last),
            Err(error) => {
                self.release_nodes(call, found.into_iter().map(|found| found.node).collect());
                if error.is(Errno::Stale) { self.look_again(call, (start, dir)).map(|()| None) } else { Err(error) }
            }
        }
    }

    fn missing_in(self: &Arc<Self>, dir: DentryId, used: usize) -> Option<Walked> {
        let tree = self.tree.read();
        tree.get(dir)?;
        let reached = self.reference(&tree, dir.index)?;
        Some(Walked { reached, used, stop: super::walk::Stop::Missing, fresh: None })
    }

    /// Caches what the backend found, and takes the reference that the answer carries in the same section, so that no
    /// limit can evict it in between.
    #[allow(clippy::too_many_arguments, reason = "one continuation of fetch, called once")]
    fn enter(
        self: &Arc<Self>,
        call: &Call,
        dir: DentryId,
        generation: Option<u32>,
        used: usize,
        rest: &[Name<'_>],
        found: Vec<Found<ErasedNode>>,
        end: WalkEnd,
        follow_last: bool,
    ) -> Result<Option<Walked>> {
        let used = used + found.len();
        let fresh = found.last().map(|found| found.stat);
        let complete = end == WalkEnd::Complete;
        let reached = match fresh {
            Some(stat) if stat.file_type == FileType::Symlink && (!complete || follow_last) => Reached::Symlink,
            _ if complete => Reached::End,
            _ if end == WalkEnd::Missing => Reached::Negative,
            _ => Reached::NotDirectory,
        };
        let (entered, surplus) = self.commit_found(call, dir, generation, rest, found, end);
        self.release_nodes(call, surplus);
        let Some(reference) = entered else { return Ok(None) };
        let walk = CachedWalk { at: reference.id().index, used, reached, negative: NIL };
        let fresh = fresh.filter(|_| reached == Reached::End);
        self.arrive(call, Some(reference), walk, fresh)
    }

    fn commit_found(
        self: &Arc<Self>,
        call: &Call,
        dir: DentryId,
        generation: Option<u32>,
        rest: &[Name<'_>],
        found: Vec<Found<ErasedNode>>,
        end: WalkEnd,
    ) -> (Option<DentryRef>, Vec<ErasedNode>) {
        let mut surplus = Vec::new();
        let count = found.len();
        let entered = self.commit(call, |tree, dead| {
            if generation.is_none() || tree.generation(dir) != generation {
                surplus.extend(found.into_iter().map(|found| found.node));
                return None;
            }
            let mut at = dir.index;
            for (name, found) in rest.iter().zip(found) {
                let (inode, spare) = self.known_or_new(found);
                surplus.extend(spare);
                let child = tree.insert(at, *name, Some(inode), dead)?;
                // Only `dir` is known to be as it was when the question was asked.
                if at == dir.index {
                    tree.confirm(dir, generation.unwrap_or_default(), tree.id(child));
                }
                at = child;
            }
            let announced = at == dir.index && tree.is_watched(at);
            let kept = announced || self.coherence.may_cache_negative();
            if let (WalkEnd::Missing, Some(name), true) = (end, rest.get(count), kept) {
                let child = tree.insert(at, *name, None, dead)?;
                tree.confirm(dir, generation.unwrap_or_default(), tree.id(child));
                tree.trim_negatives(at, self.options.negative_limit, dead);
            }
            self.reference(tree, at)
        });
        (entered, surplus)
    }

    /// The inode of an object that the backend told about. What is known of it stays: where attributes are trusted they
    /// are newer than the answer, and where they are not nobody uses them unasked.
    pub(super) fn known_or_new(&self, found: Found<ErasedNode>) -> (Arc<Inode>, Option<ErasedNode>) {
        let Found { node, stat } = found;
        self.doubted_if_known(&stat, self.inodes.find_or_insert(node, &stat))
    }

    /// As [`GoferFs::known_or_new`], of what a listing told: see [`crate::gofer::inode::InodeTable::find_or_insert_listed`].
    pub(super) fn known_or_listed(&self, found: Found<ErasedNode>, left: u64) -> (Arc<Inode>, Option<ErasedNode>) {
        let Found { node, stat } = found;
        self.doubted_if_known(&stat, self.inodes.find_or_insert_listed(node, &stat, left))
    }

    fn doubted_if_known(
        &self,
        stat: &Stat,
        (inode, spare): (Arc<Inode>, Option<ErasedNode>),
    ) -> (Arc<Inode>, Option<ErasedNode>) {
        let trusted = self.coherence.trusts_attributes() && stat.key.birth_ns.is_some();
        if spare.is_some() && !trusted {
            inode.attr_changed();
        }
        (inode, spare)
    }
}
