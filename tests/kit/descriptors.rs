//! Descriptors of this process: how many there may be, and that none is left. Tests take it by itself.
#![allow(dead_code, reason = "no test needs all of it")]

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fmt::Display;
use std::time::{Duration, Instant};

/// Longer than anything takes that does not hang: only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Lets this process have as many as the machine allows it, where many start with 1,024; how many those are.
pub(crate) fn raise_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).expect("no more than the hard limit");
    limit.maximum.unwrap_or(u64::MAX)
}

/// Waits until nothing is `left`: a mount's own thread may hold it for a moment longer than who dropped it, and whoever
/// lets go last closes.
#[track_caller]
pub(crate) fn assert_none_is_left(what: impl Display, left: impl Fn() -> Vec<String>) {
    let until = Instant::now() + PATIENCE;
    loop {
        let left = left();
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < until, "{what}: {left:?} are left");
        std::thread::sleep(Duration::from_millis(2));
    }
}
