//! What the tests of file data share: seeds, files by name, and the storage as somebody sees it who has no cache.
//!
//! Beside it are files that tests take by themselves: `scene` (of guests), `allocated` (the program's allocator), `messages`,
//! `overlayfs`, `own_mounts` and `serving` (the processes of sidecars).
#![allow(dead_code, unused_imports, reason = "no test needs all of it")]

mod descriptors;
mod files;
mod peek;
mod rng;

pub(crate) use descriptors::{assert_none_is_left, raise_limit};
pub(crate) use files::{CREATE, READ, READ_WRITE, WRITE, close, open, open_dir, read_all, root, write_all};
pub(crate) use peek::{Peek, Seen};
pub(crate) use rng::Rng;

use std::time::{SystemTime, UNIX_EPOCH};

/// A number from the environment.
pub(crate) fn env(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

/// The seed in the environment, or one for a run that nobody gave one.
pub(crate) fn seed(name: &str) -> u64 {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::from(since.subsec_nanos()));
    env(name).unwrap_or_else(now)
}
