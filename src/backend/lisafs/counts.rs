//! How many requests of each kind were made.

use crate::proto::lisafs::Mid;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers of the protocol, and those of ours, which are counted one by one; all others together.
const COUNTED: usize = Mid::KNOWN.len();
const COUNTED_OWN: usize = Mid::PRIVATE.len();

/// Requests by message: of one connection, or of all of a mount that is connected anew. A request is counted when it is
/// sent, whatever becomes of it.
#[derive(Debug)]
pub struct RpcCounts {
    counts: [AtomicU64; COUNTED],
    own: [AtomicU64; COUNTED_OWN],
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
        RpcCounts {
            counts: [const { AtomicU64::new(0) }; COUNTED],
            own: [const { AtomicU64::new(0) }; COUNTED_OWN],
            others: AtomicU64::new(0),
        }
    }
}

impl RpcCounts {
    pub(super) fn add(&self, mid: Mid) {
        let own = mid.0.checked_sub(Mid::FIRST_PRIVATE.0).map(usize::from);
        let count = own.map_or_else(|| self.counts.get(usize::from(mid.0)), |own| self.own.get(own));
        count.unwrap_or(&self.others).fetch_add(1, Ordering::Relaxed);
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

    /// As [`crate::backend::Backend::counters`] tells them.
    pub(super) fn counters(&self) -> Vec<(&'static str, u64)> {
        self.snapshot().into_iter().map(|RpcCount { message, count }| (message, count)).collect()
    }

    fn all(&self) -> impl Iterator<Item = RpcCount> + '_ {
        let known = Mid::KNOWN.iter().zip(&self.counts).chain(Mid::PRIVATE.iter().zip(&self.own));
        let known = known.map(|(mid, count)| (mid.name().unwrap_or("other"), count));
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
        let sent = [Mid::WALK, Mid::RENAME_AT2, Mid::WALK, Mid::ADD_WATCH, Mid(34), Mid(u16::MAX)];
        sent.into_iter().for_each(|mid| counts.add(mid));
        assert_eq!(counts.to_string(), "Walk=2 RenameAt2=1 AddWatch=1 other=2");
        assert_eq!(counts.total(), 6);
    }

    #[test]
    fn numbers_of_each_kind_follow_one_another_so_that_each_has_its_own_counter() {
        let follow = |mids: &[Mid], first: u16| mids.iter().map(|mid| mid.0).eq((first..).take(mids.len()));
        assert!(follow(Mid::KNOWN, 0) && follow(Mid::PRIVATE, Mid::FIRST_PRIVATE.0));
    }
}
