//! Ranked locks: the lock order of `gofer/mod.rs`, made executable.
//!
//! Every lock has a [`Rank`]. In debug builds each thread keeps the ranks that it holds, and taking a lock whose rank is
//! not above all of them panics: an inversion is found by the first test that runs through it, not by the first deadlock.

mod clock;
mod counter;
mod mutex;
mod order;
mod sharded;

pub(crate) use clock::{expired, pause};
pub(crate) use counter::Counter;
pub(crate) use mutex::{RankedGuard, RankedMutex};
pub(crate) use order::Rank;
pub(crate) use sharded::Sharded;
