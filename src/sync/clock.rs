//! The clock that bounds waits.

use std::time::Instant;

/// Whether `deadline` has passed; a call without one never expires.
pub(crate) fn expired(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| Instant::now() >= deadline)
}
