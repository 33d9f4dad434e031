//! How many requests of each kind were made.

use crate::proto::lisafs::Mid;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers that are counted by themselves; all others, which only two ends of our own know, are counted together.
const COUNTED: usize = 34;

/// Requests of one connection by message. A request is counted when it is sent, whatever becomes of it.
#[derive(Debug)]
pub struct RpcCounts {
    counts: [AtomicU64; COUNTED],
    others: AtomicU64,
}

/// How often one message was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RpcCount {
    /// The protocol's name of the message, such as `WalkStat`.
    pub message: &'static str,
    /// How often.
    pub count: u64,
}

impl Default for RpcCounts {
    fn default() -> Self {
        RpcCounts { counts: [const { AtomicU64::new(0) }; COUNTED], others: AtomicU64::new(0) }
    }
}

impl RpcCounts {
    pub(super) fn add(&self, mid: Mid) {
        self.counts.get(usize::from(mid.0)).unwrap_or(&self.others).fetch_add(1, Ordering::Relaxed);
    }

    /// Requests so far.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.all().map(|count| count.count).sum()
    }

    /// The messages that were sent at least once, in the order of their numbers.
    #[must_use]
    pub fn snapshot(&self) -> Vec<RpcCount> {
        self.all().filter(|count| count.count > 0).collect()
    }

    fn all(&self) -> impl Iterator<Item = RpcCount> + '_ {
        let known = (0u16..).zip(&self.counts);
        let known = known.map(|(mid, count)| (Mid(mid).name().unwrap_or("other"), count));
        let all = known.chain(std::iter::once(("other", &self.others)));
        all.map(|(message, count)| RpcCount { message, count: count.load(Ordering::Relaxed) })
    }
}

impl fmt::Display for RpcCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, RpcCount { message, count }) in self.snapshot().into_iter().enumerate() {
            let space = if at > 0 { " " } else { "" };
            write!(f, "{space}{message}={count}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::RpcCounts;
    use crate::proto::lisafs::Mid;

    #[test]
    fn add_of_known_and_private_numbers_counts_each_by_its_name() {
        let counts = RpcCounts::default();
        [Mid::WALK, Mid::RENAME_AT2, Mid::WALK, Mid(256), Mid(u16::MAX)].into_iter().for_each(|mid| counts.add(mid));
        assert_eq!(counts.to_string(), "Walk=2 RenameAt2=1 other=2");
        assert_eq!(counts.total(), 5);
    }
}
