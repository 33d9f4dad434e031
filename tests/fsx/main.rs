//! Random operations on the data of few files, and a shadow of what they must hold.
//!
//! Reads, writes, appends, truncations, allocations, syncs, closes and renames by one guest over one file, or by two
//! guests over two, through every policy, with pages and budgets of several sizes, over memory and over a host
//! directory. Every byte that is read is compared with the shadow ([`shadow`]); behind each sync and last close, and at
//! the end, so is what the storage has behind the mount. A second run injects faults, and holds that an error loses
//! nothing but what it was the answer to.
//!
//! `FSX_OPS` sets the operations of each of the two runs (default 1,000,000), `FSX_SEED` repeats a run.
#![cfg(feature = "testing")]

mod faults;
#[path = "../kit/mod.rs"]
mod kit;
mod ops;
mod runs;
mod setup;
mod shadow;
mod world;
