//! The context that every operation carries.

use super::Errno;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// A flag that ends the waits of the calls that carry it (a dropped store, SIGTERM).
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<Flag>);

#[derive(Debug, Default)]
struct Flag {
    cancelled: AtomicBool,
    /// What is cancelled with it too.
    parent: Option<CancelToken>,
}

impl CancelToken {
    /// A token that is not cancelled.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A token that is cancelled with this one, and by itself without it. Each generation costs every look at it a step.
    #[must_use]
    pub fn child(&self) -> Self {
        CancelToken(Arc::new(Flag { cancelled: AtomicBool::new(false), parent: Some(self.clone()) }))
    }

    /// Ends present and future waits of the calls that carry this token.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Release);
    }

    /// Whether [`CancelToken::cancel`] was called.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        let mut token = self;
        loop {
            if token.0.cancelled.load(Ordering::Acquire) {
                return true;
            }
            match &token.0.parent {
                Some(parent) => token = parent,
                None => return false,
            }
        }
    }
}

/// How an operation may behave. Every operation of vfs, gofer and backend takes one.
#[derive(Clone, Debug)]
pub struct Call {
    /// Whether the operation may wait for a backend. When false it answers [`super::Error::WouldWait`] at its first
    /// backend call that can block, before it changed anything.
    pub may_wait: bool,
    /// When a wait ends with `ETIMEDOUT`; `None` waits as long as it takes.
    pub deadline: Option<Instant>,
    /// What ends a wait with `ECANCELED`.
    pub cancel: Option<CancelToken>,
}

impl Call {
    /// A call that waits as long as it takes.
    pub const WAITING: Call = Call { may_wait: true, deadline: None, cancel: None };

    /// A call that answers `WouldWait` rather than wait.
    pub const NOT_WAITING: Call = Call { may_wait: false, deadline: None, cancel: None };

    /// Whether the call's waits are ended.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancel.as_ref().is_some_and(CancelToken::is_cancelled)
    }

    /// Whether the call's waits go on: `ECANCELED` when it was cancelled, `ETIMEDOUT` from the deadline on. `now` is the
    /// clock that deadlines are given in; it is asked only where there is one.
    pub(crate) fn goes_on(&self, now: impl FnOnce() -> Instant) -> Result<(), Errno> {
        if self.is_cancelled() {
            return Err(Errno::Canceled);
        }
        if self.deadline.is_some_and(|deadline| now() >= deadline) { Err(Errno::Timedout) } else { Ok(()) }
    }
}

impl Default for Call {
    fn default() -> Self {
        Call::WAITING
    }
}

#[cfg(test)]
mod tests {
    use super::CancelToken;

    #[test]
    fn cancel_of_a_child_leaves_its_parent_and_of_a_parent_reaches_the_child() {
        let parent = CancelToken::new();
        let (one, other) = (parent.child(), parent.child().child());
        one.cancel();
        assert!(one.is_cancelled() && !other.is_cancelled() && !parent.is_cancelled());
        parent.cancel();
        assert!(other.is_cancelled());
    }
}
