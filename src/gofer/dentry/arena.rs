//! Where dentries live.

use super::dir_state::DirState;
use super::id::NIL;
use crate::abi::NameBuf;
use crate::gofer::inode::Inode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicU32};

/// A name in a directory. All fields are protected by the tree's lock; the atomic ones change under its read side.
#[derive(Debug)]
pub(crate) struct Dentry {
    pub(super) stamp: u32,
    /// [`NIL`] for the root and for a dentry whose name is gone.
    pub(super) parent: u32,
    pub(super) name: NameBuf,
    /// `None`: the name is known not to exist.
    pub(super) inode: Option<Arc<Inode>>,
    /// References from outside the tree. Raised from zero only by a look-up, under the tree's lock.
    pub(super) refs: AtomicU32,
    /// Looked at since the eviction hand last came by.
    pub(super) used: AtomicBool,
    /// The root, or a dentry whose name is gone but which somebody still refers to.
    pub(super) detached: bool,
    /// Mounts on it.
    pub(super) mounts: u16,
    /// Mounts on it and below it: it must keep its place.
    pub(super) anchors: u16,
    /// Counts changes of the names in this directory.
    pub(super) generation: u32,
    /// Under which watch of the directory above the backend last confirmed this name; 0 under none.
    pub(super) confirmed: AtomicU32,
    /// How often the backend was asked about what is in this directory, since a watch was last thought of.
    pub(super) heat: AtomicU16,
    /// How often a watch of this directory did not pay: each time it has to be asked about twice as often for another.
    pub(super) chill: AtomicU8,
    /// Neighbours in the recency list; meaningful while `listed`.
    pub(super) newer: u32,
    pub(super) older: u32,
    pub(super) listed: bool,
    /// Children and list of a directory that has any cached.
    pub(super) dir: Option<Box<DirState>>,
}

#[derive(Debug)]
enum Slot {
    Free { next: u32, stamp: u32 },
    Used(Dentry),
}

/// Dentries by index. A freed index is used again under another stamp.
#[derive(Debug)]
pub(super) struct Arena {
    slots: Vec<Slot>,
    free: u32,
    len: usize,
}

impl Default for Arena {
    fn default() -> Self {
        Arena { slots: Vec::new(), free: NIL, len: 0 }
    }
}

impl Arena {
    /// The dentry at `index`, if there is one.
    #[inline]
    pub(super) fn get(&self, index: u32) -> Option<&Dentry> {
        match self.slots.get(index as usize) {
            Some(Slot::Used(dentry)) => Some(dentry),
            _ => None,
        }
    }

    /// The dentry at `index`, if there is one.
    pub(super) fn get_mut(&mut self, index: u32) -> Option<&mut Dentry> {
        match self.slots.get_mut(index as usize) {
            Some(Slot::Used(dentry)) => Some(dentry),
            _ => None,
        }
    }

    /// How many dentries there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Every dentry with its index.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Dentry)> {
        (0u32..).zip(&self.slots).filter_map(|(index, slot)| match slot {
            Slot::Used(dentry) => Some((index, dentry)),
            Slot::Free { .. } => None,
        })
    }

    /// Puts a dentry in; `make` gets the stamp that it must carry. `None` when every index is taken.
    pub(super) fn insert(&mut self, make: impl FnOnce(u32) -> Dentry) -> Option<u32> {
        if let Some(Slot::Free { next, stamp }) = self.slots.get(self.free as usize) {
            let (index, next, stamp) = (self.free, *next, *stamp);
            self.slots[index as usize] = Slot::Used(make(stamp));
            self.free = next;
            self.len += 1;
            return Some(index);
        }
        let index = u32::try_from(self.slots.len()).ok().filter(|index| *index < NIL)?;
        self.slots.push(Slot::Used(make(0)));
        self.len += 1;
        Some(index)
    }

    /// Takes a dentry out.
    pub(super) fn remove(&mut self, index: u32) -> Option<Dentry> {
        let slot = self.slots.get_mut(index as usize)?;
        let stamp = match slot {
            Slot::Used(dentry) => dentry.stamp.wrapping_add(1),
            Slot::Free { .. } => return None,
        };
        let Slot::Used(dentry) = std::mem::replace(slot, Slot::Free { next: self.free, stamp }) else { return None };
        self.free = index;
        self.len -= 1;
        Some(dentry)
    }
}

#[cfg(test)]
mod tests {
    use super::Dentry;

    #[test]
    fn size_of_a_dentry_stays_within_the_memory_figure() {
        assert!(size_of::<Dentry>() <= 80, "{}", size_of::<Dentry>());
    }
}
