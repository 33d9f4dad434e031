//! Handles of files that nobody has open.

use crate::gofer::inode::Inode;
use crate::sync::{Rank, RankedMutex};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

/// Inodes whose handles outlived their last close, oldest first: the next open costs no backend call. Bounded; an inode
/// that was opened since it was listed gets a second turn.
#[derive(Debug)]
pub(crate) struct IdleHandles {
    limit: usize,
    list: RankedMutex<VecDeque<Weak<Inode>>, { Rank::Idle as u8 }>,
    /// How long the list was when it was last changed.
    len: AtomicUsize,
}

impl IdleHandles {
    /// A list of at most `limit` inodes.
    pub(crate) fn new(limit: usize) -> Self {
        IdleHandles { limit, list: RankedMutex::new(VecDeque::new()), len: AtomicUsize::new(0) }
    }

    /// Lists an inode whose last file was closed; the inodes that must give their handles up for it are handed back.
    pub(crate) fn add(&self, inode: &Arc<Inode>) -> Vec<Arc<Inode>> {
        if self.limit == 0 {
            return vec![Arc::clone(inode)];
        }
        if !inode.enter_idle_list() {
            return Vec::new();
        }
        let mut list = self.list.lock();
        list.push_back(Arc::downgrade(inode));
        let surplus = list.len().saturating_sub(self.limit);
        self.counted(&mut list, |list| Self::shed(list, surplus))
    }

    /// Whether one could be listed without another's leaving.
    pub(crate) fn has_room(&self) -> bool {
        self.len.load(Ordering::Relaxed) < self.limit
    }

    /// Takes up to `want` inodes off the list, under pressure on descriptors.
    pub(crate) fn relieve(&self, want: usize) -> Vec<Arc<Inode>> {
        self.counted(&mut self.list.lock(), |list| Self::shed(list, want))
    }

    /// Takes those off the list that were not opened since the last such call, and says whether others are left.
    pub(crate) fn age(&self) -> (Vec<Arc<Inode>>, bool) {
        let mut list = self.list.lock();
        let looks = list.len();
        (self.counted(&mut list, |list| Self::look(list, usize::MAX, looks)), !list.is_empty())
    }

    /// Changes the list, and notes how long it is then.
    fn counted<R>(&self, list: &mut VecDeque<Weak<Inode>>, change: impl FnOnce(&mut VecDeque<Weak<Inode>>) -> R) -> R {
        let result = change(list);
        self.len.store(list.len(), Ordering::Relaxed);
        result
    }

    fn shed(list: &mut VecDeque<Weak<Inode>>, want: usize) -> Vec<Arc<Inode>> {
        // Twice around: the first turn takes the second chances away.
        let looks = list.len() * 2;
        Self::look(list, want, looks)
    }

    /// Takes up to `want` inodes off the list within so many looks; each has a second chance.
    fn look(list: &mut VecDeque<Weak<Inode>>, want: usize, mut looks: usize) -> Vec<Arc<Inode>> {
        let mut shed = Vec::new();
        while shed.len() < want && looks > 0 {
            looks -= 1;
            let Some(weak) = list.pop_front() else { break };
            let Some(inode) = weak.upgrade() else { continue };
            if inode.is_open() {
                // Its close lists it again.
                inode.leave_idle_list();
            } else if inode.take_recently_open() {
                list.push_back(weak);
            } else {
                inode.leave_idle_list();
                shed.push(inode);
            }
        }
        shed
    }
}
