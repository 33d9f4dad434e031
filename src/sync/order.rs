//! Ranks, and the check that they are taken in order.

/// Where a lock stands in the order; a thread takes locks of rising rank only. Two locks of one rank are taken through
/// [`super::RankedMutex::try_lock_second_for`] alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Rank {
    /// Renames of one mount that move between directories; held across backend calls.
    Rename = 10,
    /// Changes of one directory; held across backend calls, never needed by a hit.
    Directory = 20,
    /// The handles of one inode; held across the opening of one.
    Handles = 30,
    /// What brings the data of one file to the backend; held across those calls.
    WriteBack = 33,
    /// The order in which a mount's backend hears of pinned directories; held across that call, which does no I/O.
    Pins = 35,
    /// The watches of one mount; held while they are taken and given back, and while changes are taken out of the
    /// backend's queue and applied.
    Watches = 38,
    /// The dentry tree of one mount; never held across a backend call.
    Tree = 40,
    /// Look-ups on their way to the backend.
    Flights = 50,
    /// Which pages of one mount go first.
    Recency = 58,
    /// The inode table of one mount.
    Inodes = 60,
    /// Where an inode's cached data is.
    DataSlot = 61,
    /// The cached data of one file.
    Data = 62,
    /// The dirty files of one mount.
    Dirty = 64,
    /// Idle handles of one mount.
    Idle = 70,
    /// Objects that await release. Leaf: nothing is taken under it.
    Graveyard = 80,
}

/// Records that a lock of `rank` which does not know its rank is about to be taken; to be dropped behind its guard.
#[inline]
pub(crate) fn rank(rank: Rank) -> Held {
    Held::enter(rank, false)
}

/// The entry of one held lock in its thread's record; dropping it takes the entry out.
#[derive(Debug)]
pub(crate) struct Held {
    #[cfg(debug_assertions)]
    rank: Rank,
}

#[cfg(debug_assertions)]
mod record {
    use super::Rank;
    use std::cell::RefCell;

    thread_local! {
        static HELD: RefCell<Vec<Rank>> = const { RefCell::new(Vec::new()) };
    }

    pub(super) fn push(rank: Rank, same_allowed: bool) {
        HELD.with_borrow_mut(|held| {
            if let Some(top) = held.iter().max() {
                let fine = *top < rank || (same_allowed && *top == rank);
                assert!(fine, "lock order: {rank:?} asked for while {held:?} are held");
            }
            held.push(rank);
        });
    }

    pub(super) fn pop(rank: Rank) {
        // During thread exit the record may be gone already; then there is nothing to keep in order.
        let _ = HELD.try_with(|held| {
            let mut held = held.borrow_mut();
            if let Some(at) = held.iter().rposition(|r| *r == rank) {
                held.remove(at);
            }
        });
    }
}

impl Held {
    /// Records that a lock of `rank` is about to be taken.
    #[inline]
    pub(super) fn enter(rank: Rank, same_allowed: bool) -> Held {
        #[cfg(debug_assertions)]
        {
            record::push(rank, same_allowed);
            Held { rank }
        }
        #[cfg(not(debug_assertions))]
        {
            let _ = (rank, same_allowed);
            Held {}
        }
    }
}

#[cfg(debug_assertions)]
impl Drop for Held {
    fn drop(&mut self) {
        record::pop(self.rank);
    }
}
