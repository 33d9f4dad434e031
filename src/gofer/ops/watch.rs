//! Watching directories: taking and giving back watches, and applying what they announce.

use crate::abi::{Call, Errno, Error, NameBuf};
use crate::backend::{Change, WatchId};
use crate::gofer::dentry::{DentryId, FreedWatch, Tree};
use crate::gofer::fs::GoferFs;
use crate::gofer::inode::Inode;
use crate::gofer::watches::{Mark, Table};
use smallvec::SmallVec;
use std::sync::Arc;

/// Rounds of draining before an operation asks the backend instead: somebody may queue as fast as we read.
const ROUNDS: usize = 4;

/// Watches that are looked at for one that can go.
const LOOKS: usize = 8;

/// Directories that are to be watched.
pub(super) type Hot = SmallVec<[DentryId; 2]>;

/// A change that was taken out, not applied yet.
enum Taken {
    Name(WatchId, NameBuf),
    Directory(WatchId),
    Lost(WatchId),
    Overflow,
}

impl GoferFs {
    /// Whether what was read of the cache behind `mark` is how things are. Where it may not be, what was announced is
    /// applied, so that the next look finds it.
    #[inline]
    pub(super) fn is_still(&self, call: &Call, mark: Mark) -> bool {
        if self.watches.still(mark) {
            self.stats.queue_answer();
            return true;
        }
        self.settle(call);
        false
    }

    /// Applies what is queued, and waits for others who do.
    #[cold]
    fn settle(&self, call: &Call) {
        let Some(queue) = self.watches.queue() else { return };
        let mut dead = Vec::new();
        // Who may not wait for somebody who drains asks the backend instead.
        let Some(mut table) = self.watches.lock_for(call) else { return };
        for _ in 0..ROUNDS {
            if queue.is_empty() {
                break;
            }
            self.drain(&mut table, &mut dead);
        }
        drop(table);
        self.bury(call, dead);
    }

    /// Takes changes out and applies them. While it does, nobody answers from what is believed.
    fn drain(&self, table: &mut Table, dead: &mut Vec<Arc<Inode>>) {
        let Some(queue) = self.watches.queue() else { return };
        let mut taken: Vec<Taken> = Vec::new();
        self.watches.turn();
        let answer = queue.drain(&mut |change| match change {
            Change::Name { watch, name } => {
                // Who makes a file and renames it, or writes one over and over, is announced in runs of one name.
                let again = matches!(taken.last(), Some(Taken::Name(w, n)) if *w == watch && n.as_name() == name);
                if !again {
                    taken.push(Taken::Name(watch, name.to_buf()));
                }
            }
            Change::Directory { watch } => taken.push(Taken::Directory(watch)),
            Change::Lost { watch } => taken.push(Taken::Lost(watch)),
            Change::Overflow => taken.push(Taken::Overflow),
        });
        let paid = table.paid(self.stats.queue_answers());
        let mut freed = Vec::new();
        {
            let mut tree = self.tree.write();
            self.apply(&mut tree, table, taken, paid, &mut freed, dead);
            if answer.is_err() {
                // Nothing is announced any more.
                for (id, dir) in table.dirs() {
                    tree.lose_watch(dir);
                    freed.push(FreedWatch { id, dir });
                }
            }
            freed.extend(tree.take_freed_watches());
        }
        self.watches.drained();
        // Behind the application; `let_go` voids the marks of those who read before it.
        self.watches.turn();
        self.watches.let_go(table, &freed);
    }

    /// Applies changes to the tree; watches that do not pay are to be given back and go to `freed`.
    fn apply(
        &self,
        tree: &mut Tree,
        table: &mut Table,
        taken: Vec<Taken>,
        paid: bool,
        freed: &mut Vec<FreedWatch>,
        dead: &mut Vec<Arc<Inode>>,
    ) {
        let mut touched: SmallVec<[FreedWatch; 8]> = SmallVec::new();
        for change in taken {
            let id = match &change {
                Taken::Overflow => {
                    self.watches.overflowed();
                    for (_, dir) in table.dirs() {
                        tree.doubt_watched(dir);
                    }
                    continue;
                }
                Taken::Name(id, _) | Taken::Directory(id) | Taken::Lost(id) => *id,
            };
            // A watch that was given back, or whose directory was evicted.
            let Some(dir) = table.dir(id).filter(|dir| tree.get(*dir).is_some()) else { continue };
            match change {
                Taken::Name(_, name) => tree.doubt_name(dir.index, name.as_name(), dead),
                Taken::Lost(_) => {
                    tree.lose_watch(dir);
                    self.watches.remove(table, FreedWatch { id, dir });
                    continue;
                }
                Taken::Directory(_) | Taken::Overflow => tree.doubt_watched(dir),
            }
            if touched.last().is_none_or(|last| last.id != id) {
                touched.push(FreedWatch { id, dir });
            }
        }
        touched.sort_unstable_by_key(|watch| watch.id.0);
        touched.dedup();
        for watch in touched {
            if tree.weigh(watch.dir, paid) {
                tree.chill(watch.dir);
                tree.lose_watch(watch.dir);
                freed.push(watch);
            }
        }
    }

    /// Watches directories that were asked about often; true when one is watched now that was not.
    pub(super) fn take_watches(&self, call: &Call, hot: &[DentryId]) -> bool {
        // No short circuit: each is to be watched.
        hot.iter().filter(|dir| self.take_watch(call, **dir)).count() > 0
    }

    /// Watches a directory; true when it is watched now and was not.
    pub(super) fn take_watch(&self, call: &Call, dir: DentryId) -> bool {
        let queue = self.watches.queue_or(|| self.backend().change_queue());
        let Some(queue) = queue else { return false };
        let inode = {
            let tree = self.tree.read();
            let Some(inode) = tree.get(dir).and_then(|dentry| dentry.inode()) else { return false };
            Arc::clone(inode)
        };
        let Some(node) = inode.node() else { return false };
        for attempt in 0..2 {
            let Some(mut table) = self.watches.lock_for(call) else { return false };
            if self.tree.read().is_watched(dir.index) || !self.make_room(&mut table) {
                self.tree.read().chill(dir);
                return false;
            }
            match queue.watch(call, node) {
                Ok(watch) => {
                    let previous = self.watches.enter(&mut table, watch.id, dir);
                    let mut tree = self.tree.write();
                    if let Some(previous) = previous.filter(|previous| *previous != dir) {
                        tree.lose_watch(previous);
                    }
                    let set = tree.set_watch(dir, watch);
                    drop(tree);
                    if !set {
                        self.watches.let_go(&mut table, &[FreedWatch { id: watch.id, dir }]);
                    }
                    return set;
                }
                Err(Error::Unbound) if attempt == 0 => {
                    drop(table);
                    if self.bind(call, dir).is_err() {
                        return false;
                    }
                }
                Err(error) => {
                    if error.is(Errno::Nospc) {
                        self.watches.limit_to_present(&table);
                    }
                    self.tree.read().chill(dir);
                    return false;
                }
            }
        }
        false
    }

    /// Makes room for one more watch: gives back one that did not serve lately. False when all did.
    fn make_room(&self, table: &mut Table) -> bool {
        let mut looks = LOOKS;
        while table.len() >= self.watches.limit() {
            let Some(next) = table.next().filter(|_| looks > 0) else { return false };
            looks -= 1;
            if self.tree.read().spare_watch(next.dir) {
                continue;
            }
            {
                let mut tree = self.tree.write();
                tree.chill(next.dir);
                tree.lose_watch(next.dir);
            }
            self.watches.let_go(table, &[next]);
        }
        true
    }

    /// Notes a change of our own in `dir`. A directory that we change over and over while nobody looks is not worth the
    /// events that it costs us.
    pub(super) fn changed_here(&self, dir: DentryId) {
        if self.watches.count() == 0 {
            return;
        }
        let noisy = {
            let tree = self.tree.read();
            tree.get(dir).is_some() && tree.changed_by_us(dir.index)
        };
        // Where the table is not to be had soon, the next change is as noisy.
        if noisy && let Some(mut table) = self.watches.lock_soon() {
            let mut tree = self.tree.write();
            let Some(id) = tree.watch_id(dir) else { return };
            tree.chill(dir);
            tree.lose_watch(dir);
            drop(tree);
            self.watches.let_go(&mut table, &[FreedWatch { id, dir }]);
        }
    }
}
