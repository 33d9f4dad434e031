//! The client's clock.

use crate::abi::Timespec;
use crate::sync::{coarse_time, fine_time};

fn timespec((secs, nanos): (i64, u32)) -> Timespec {
    Timespec { secs, nanos }
}

/// The time that a file is stamped with now, where the client keeps times.
#[inline]
pub(super) fn now() -> Timespec {
    timespec(coarse_time())
}

/// Whether a stamp by somebody else now would tell no other time than `at`: at most a step of the cheap clock lies
/// between.
pub(super) fn is_now(at: Timespec) -> bool {
    const STEP_NANOS: u64 = 4_000_000;
    now().to_nanos_signed().abs_diff(at.to_nanos_signed()) <= STEP_NANOS
}

/// The time of a change now of what changed last at `last`, and whose times somebody has seen since if `seen`. Linux's
/// filesystems do the same: the cheap clock goes in steps, and a change that somebody could miss gets a time of its own.
#[inline]
pub(super) fn time_of_change(last: Timespec, seen: bool) -> Timespec {
    let coarse = now();
    match (coarse > last, seen) {
        (true, _) => coarse,
        (false, true) => timespec(fine_time()),
        (false, false) => last,
    }
}

#[cfg(test)]
mod tests {
    use super::{now, time_of_change};
    use crate::abi::Timespec;

    #[test]
    fn time_of_change_moves_on_where_the_last_was_seen_and_never_goes_back() {
        let before = Timespec { secs: 5, nanos: 5 };
        assert!(time_of_change(before, false) >= now().min(time_of_change(before, true)));
        let ahead = Timespec { secs: now().secs, nanos: 999_999_999 };
        assert_eq!(time_of_change(ahead, false), ahead);
        let seen = super::timespec(crate::sync::fine_time());
        assert!(time_of_change(seen, true) > seen);
    }
}
