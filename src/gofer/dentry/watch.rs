//! What is believed of a directory without asking, because the backend would have announced a change.
//!
//! A directory that is watched has a count, its epoch. A name in it that the backend confirmed since then carries the
//! count, and is believed for as long as the directory's is the same and no change names it. So setting a watch, or
//! losing track of what happened, is one step for a directory of any size.

use super::dir_state::{DirWatch, FreedWatch};
use super::id::DentryId;
use super::list::DirList;
use super::tree::Tree;
use super::{CachedWalk, Dentry};
use crate::abi::{Name, Stat};
use crate::backend::{Watch, WatchId};
use crate::gofer::inode::Inode;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What is known of a name while nothing is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// That it is as the cache says.
    Believed,
    /// Nothing, though its directory is watched: once confirmed it will be.
    Unconfirmed,
    /// Nothing: its directory is not watched.
    Unwatched,
}

/// Times that a directory is asked about before it is watched.
const HEAT: u16 = 2;
/// Most doublings of it.
const CHILL_MAX: u8 = 12;
/// Changes without enough answers between them after which a watch is given back.
const NOISE_MAX: u8 = 8;
/// Changes of our own, with nobody asking in between, after which a watch is given back.
const OWN_MAX: u8 = 16;

impl Tree {
    fn watch_of(&self, dir: u32) -> Option<&DirWatch> {
        self.arena.get(dir)?.dir.as_ref()?.watch.as_ref()
    }

    /// Whether the directory at `dir` is watched.
    pub(crate) fn is_watched(&self, dir: u32) -> bool {
        self.watch_of(dir).is_some()
    }

    /// The watch of a directory, if it has one.
    pub(crate) fn watch_id(&self, dir: DentryId) -> Option<WatchId> {
        self.get(dir).and_then(|_| self.watch_of(dir.index)).map(|watch| watch.id)
    }

    /// What is known of `child` in the directory at `dir`.
    #[inline]
    pub(crate) fn known(&self, dir: u32, child: &Dentry) -> Known {
        let Some(state) = self.arena.get(dir).and_then(|dentry| dentry.dir.as_ref()) else { return Known::Unwatched };
        let Some(watch) = &state.watch else { return Known::Unwatched };
        if child.confirmed.load(Ordering::Relaxed) != state.watch_epoch {
            return Known::Unconfirmed;
        }
        watch.mark_used();
        Known::Believed
    }

    /// Whether the walk ended at a name that is believed not to exist.
    pub(crate) fn believes_missing(&self, walk: CachedWalk) -> bool {
        let negative = self.arena.get(walk.negative).filter(|child| child.inode.is_none());
        negative.is_some_and(|child| self.known(walk.at, child) == Known::Believed)
    }

    /// The attributes of the directory at `index`, if they are believed: those that were told since it is watched, and
    /// were not announced to have changed. That its own name stands is not asked here: a directory that is removed
    /// while somebody holds it announces nothing itself.
    #[inline]
    pub(crate) fn believed_attributes(&self, index: u32) -> Option<Stat> {
        let watch = self.watch_of(index).filter(|watch| watch.attributes)?;
        let (stat, fresh) = self.inode(index)?.attr();
        if !fresh {
            return None;
        }
        watch.mark_used();
        Some(stat)
    }

    /// The directory's list, if it is believed. While a directory is watched its list is kept for as long only as
    /// nothing is announced, and goes when the watch does.
    pub(crate) fn believed_list(&self, dir: DentryId) -> Option<&Arc<DirList>> {
        self.get(dir)?;
        let watch = self.watch_of(dir.index)?;
        let list = self.list(dir)?;
        watch.mark_used();
        Some(list)
    }

    /// Whether the directory is watched.
    pub(crate) fn is_watched_dir(&self, dir: DentryId) -> bool {
        self.get(dir).is_some() && self.is_watched(dir.index)
    }

    /// Counts that the backend is asked about the directory at `dir`; true when it was asked so often that a watch is
    /// worth the while. Called under the read side: counts that are lost to another thread do no harm.
    pub(crate) fn warm(&self, dir: u32) -> bool {
        self.warm_by(dir, 1)
    }

    /// As [`Tree::warm`], for a listing: that costs so much more than a watch that one is wanted at once, unless
    /// earlier ones did not pay.
    pub(crate) fn warm_by_listing(&self, dir: u32) -> bool {
        self.warm_by(dir, HEAT)
    }

    fn warm_by(&self, dir: u32, questions: u16) -> bool {
        let Some(dentry) = self.arena.get(dir) else { return false };
        let watchable = dentry.inode.as_ref().is_some_and(|inode| inode.is_dir() && inode.node().is_some());
        if !watchable || self.is_watched(dir) {
            return false;
        }
        let heat = dentry.heat.load(Ordering::Relaxed).saturating_add(questions);
        let chill = dentry.chill.load(Ordering::Relaxed);
        let wanted = heat >= HEAT << chill.min(CHILL_MAX);
        dentry.heat.store(if wanted { 0 } else { heat }, Ordering::Relaxed);
        wanted
    }

    /// Makes another attempt to watch the directory at `dir` wait for twice as many questions.
    pub(crate) fn chill(&self, dir: DentryId) {
        if let Some(dentry) = self.get(dir) {
            let chill = dentry.chill.load(Ordering::Relaxed);
            dentry.chill.store(chill.saturating_add(1).min(CHILL_MAX), Ordering::Relaxed);
        }
    }

    /// Notes that the directory is watched; nothing that was known before is believed under it. False when it is gone.
    pub(crate) fn set_watch(&mut self, dir: DentryId, watch: Watch) -> bool {
        if self.get(dir).is_none() {
            return false;
        }
        let Some(state) = self.state(dir.index) else { return false };
        state.watch = Some(DirWatch::new(watch));
        self.doubt_directory(dir.index);
        true
    }

    /// Notes that the directory is not watched any more.
    pub(crate) fn lose_watch(&mut self, dir: DentryId) {
        if self.get(dir).is_none() || !self.is_watched(dir.index) {
            return;
        }
        self.doubt_directory(dir.index);
        if let Some(state) = self.arena.get_mut(dir.index).and_then(|dentry| dentry.dir.as_mut()) {
            state.watch = None;
        }
        self.drop_empty_state(dir.index);
    }

    /// Takes in that nobody knows what happened to a watched directory.
    pub(crate) fn doubt_watched(&mut self, dir: DentryId) {
        if self.get(dir).is_some() {
            self.doubt_directory(dir.index);
        }
    }

    /// Believes nothing of the directory and its names any more, nor of answers that are on their way.
    fn doubt_directory(&mut self, dir: u32) {
        if let Some(state) = self.arena.get_mut(dir).and_then(|dentry| dentry.dir.as_mut()) {
            // 0 is what a name carries that was never confirmed.
            state.watch_epoch = state.watch_epoch.wrapping_add(1).max(1);
        }
        self.announced_in(dir);
    }

    /// Takes in that `name` in the directory changed.
    pub(crate) fn doubt_name(&mut self, dir: u32, name: Name<'_>, dead: &mut Vec<Arc<Inode>>) {
        if let Some(child) = self.child_of(dir, name) {
            match self.arena.get_mut(child) {
                // It may be there still, or again: whoever wants it asks.
                Some(dentry) if dentry.inode.is_some() => *dentry.confirmed.get_mut() = 0,
                _ => self.detach(child, dead),
            }
        }
        self.announced_in(dir);
    }

    fn announced_in(&mut self, dir: u32) {
        self.names_changed(dir);
        if let Some(inode) = self.inode(dir) {
            inode.attr_changed();
        }
    }

    /// Notes that the backend confirmed `child` in `dir`, by an answer to a question that was asked when the
    /// directory's generation was `generation`: if that is the present one, nothing was announced since, and it was
    /// watched already. Called under the read side.
    ///
    /// An object of another device is a mount's root. Whether that is still mounted is not announced by the directory
    /// that it is mounted in, so it is asked each time.
    pub(crate) fn confirm(&self, dir: DentryId, generation: u32, child: DentryId) {
        let Some(above) = self.get(dir).filter(|above| above.generation == generation) else { return };
        let Some(state) = above.dir.as_ref().filter(|state| state.watch.is_some()) else { return };
        let Some(below) = self.get(child).filter(|below| below.parent == dir.index && !below.detached) else { return };
        let mounted = match (&above.inode, &below.inode) {
            (Some(above), Some(below)) => above.key().dev != below.key().dev,
            _ => false,
        };
        if !mounted {
            below.confirmed.store(state.watch_epoch, Ordering::Relaxed);
        }
    }

    /// Counts a change of our own in the directory: true when there were so many, with nobody asking in between, that
    /// its watch only costs.
    pub(crate) fn changed_by_us(&self, dir: u32) -> bool {
        let Some(watch) = self.watch_of(dir) else { return false };
        let own = watch.own.load(Ordering::Relaxed).saturating_add(1);
        watch.own.store(own, Ordering::Relaxed);
        own >= OWN_MAX
    }

    /// Counts changes that were taken out of the queue for the directory, which served well or badly since the last
    /// ones; true when its watch costs more than it spares.
    pub(crate) fn weigh(&self, dir: DentryId, served_well: bool) -> bool {
        let Some(dentry) = self.get(dir) else { return false };
        let Some(watch) = self.watch_of(dir.index) else { return false };
        watch.own.store(0, Ordering::Relaxed);
        if served_well {
            watch.noise.store(0, Ordering::Relaxed);
            dentry.chill.store(0, Ordering::Relaxed);
            return false;
        }
        let noise = watch.noise.load(Ordering::Relaxed).saturating_add(1);
        watch.noise.store(noise, Ordering::Relaxed);
        noise >= NOISE_MAX
    }

    /// Whether the directory's watch served since this was last asked; true for one that may not lose it.
    pub(crate) fn spare_watch(&self, dir: DentryId) -> bool {
        self.get(dir)
            .and_then(|_| self.watch_of(dir.index))
            .is_some_and(|watch| watch.used.swap(false, Ordering::Relaxed))
    }

    /// Takes the watches that are to be given back.
    pub(crate) fn take_freed_watches(&mut self) -> Vec<FreedWatch> {
        std::mem::take(&mut self.freed_watches)
    }

    /// The directories that are watched, with their watches. For checks.
    pub(crate) fn watched(&self) -> Vec<FreedWatch> {
        let watched = |(index, dentry): (u32, &Dentry)| {
            let id = dentry.dir.as_ref()?.watch.as_ref()?.id;
            Some(FreedWatch { id, dir: DentryId { index, stamp: dentry.stamp() } })
        };
        self.arena.iter().filter_map(watched).collect()
    }
}
