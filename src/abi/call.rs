//! The context that every operation carries.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// A flag that ends the waits of the calls that carry it (a dropped store, SIGTERM).
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// A token that is not cancelled.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends present and future waits of the calls that carry this token.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether [`CancelToken::cancel`] was called.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire)
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
}

impl Default for Call {
    fn default() -> Self {
        Call::WAITING
    }
}
