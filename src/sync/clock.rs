//! Clocks: the one that bounds waits, and the one that files are stamped with.

use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant};

/// The present moment of the clock that deadlines are given in.
pub(crate) fn monotonic() -> Instant {
    Instant::now()
}

/// As [`coarse_time`], by the clock that tells any two moments apart, and costs more.
pub(crate) fn fine_time() -> (i64, u32) {
    let now = clock_gettime(ClockId::Realtime);
    (now.tv_sec, u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// Seconds and nanoseconds since 1970 for a file that is changed or read now, by the clock that Linux's filesystems
/// stamp with: it goes in steps of some milliseconds and costs no system call.
#[inline]
pub(crate) fn coarse_time() -> (i64, u32) {
    let now = clock_gettime(ClockId::RealtimeCoarse);
    (now.tv_sec, u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// Whether `deadline` has passed; a call without one never expires.
pub(crate) fn expired(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| Instant::now() >= deadline)
}

/// Lets others go on before the next attempt at something that they were in the way of: `attempt` counts from 0, and the
/// pauses grow to a millisecond each.
pub(crate) fn pause(attempt: usize, may_wait: bool) {
    match attempt {
        0..4 => std::hint::spin_loop(),
        4..16 => std::thread::yield_now(),
        _ if may_wait => std::thread::sleep(Duration::from_micros(50).saturating_mul(1 << (attempt - 16).min(4))),
        _ => std::thread::yield_now(),
    }
}
