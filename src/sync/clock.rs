//! The clock that bounds waits.

use std::time::{Duration, Instant};

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
