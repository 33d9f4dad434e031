//! What a process in the jail has, and what holds it.

use super::step::{JailMode, StepError, Steps};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::fmt;

/// A jail that was entered. It shows itself as one line for the log.
#[derive(Debug)]
pub struct InForce {
    root: OwnedFd,
    stop: OwnedFd,
    steps: Steps,
}

impl InForce {
    pub(super) fn new(root: OwnedFd, stop: OwnedFd, steps: Steps) -> InForce {
        InForce { root, stop, steps }
    }

    /// The directory to serve, as the jail shows it (`O_PATH`). The one that was given is closed.
    #[must_use]
    pub fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// Readable once this process is asked to end (`SIGTERM`, `SIGINT`, `SIGHUP`), which it does not do by itself. A read
    /// does not wait, and takes one `struct signalfd_siginfo` (128 bytes).
    #[must_use]
    pub fn stop(&self) -> BorrowedFd<'_> {
        self.stop.as_fd()
    }

    /// [`InForce::root`] and [`InForce::stop`], to keep.
    #[must_use]
    pub fn into_descriptors(self) -> (OwnedFd, OwnedFd) {
        (self.root, self.stop)
    }

    /// What is in force, in words.
    #[must_use]
    pub fn held(&self) -> &[String] {
        &self.steps.held
    }

    /// What this machine does not permit; empty unless the mode is [`JailMode::Auto`].
    #[must_use]
    pub fn missing(&self) -> &[StepError] {
        &self.steps.missing
    }
}

impl fmt::Display for InForce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.steps.mode == JailMode::Off {
            return f.write_str("jail: off");
        }
        write!(f, "jail ({}): {}", self.steps.mode, self.steps.held.join("; "))?;
        for (at, missing) in self.steps.missing.iter().enumerate() {
            write!(f, "{}{missing}", if at == 0 { "; not in force: " } else { ", " })?;
        }
        Ok(())
    }
}
