//! Ranked locks: the lock order of `gofer/mod.rs`, made executable.
//!
//! Every lock has a [`Rank`]. In debug builds each thread keeps the ranks that it holds, and taking a lock whose rank is
//! not above all of them panics: an inversion is found by the first test that runs through it, not by the first deadlock.

mod background;
mod beside;
mod clock;
mod counter;
mod machine;
mod mutex;
mod order;
mod sharded;

pub(crate) use background::Background;
pub(crate) use beside::run_beside;
pub(crate) use clock::{coarse_time, expired, fine_time, monotonic, pause};
pub(crate) use counter::Counter;
pub(crate) use machine::processors;
pub(crate) use mutex::{RankedGuard, RankedMutex};
pub(crate) use order::{Held as RankHeld, Rank, rank};
pub(crate) use sharded::Sharded;
