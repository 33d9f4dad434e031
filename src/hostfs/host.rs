//! What the operations on one source have in common.

use super::statfs::{is_overlay, statfs};
use super::{FdBudget, Keys};
use crate::abi::Result;
use rustix::fd::BorrowedFd;
use std::sync::Arc;

/// A source: whose descriptors its control handles are, and how its objects are told apart.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    budget: Arc<FdBudget>,
    keys: Keys,
}

impl Host {
    /// Of the filesystem that holds `source`. Others mounted below it are taken for alike.
    pub(crate) fn of(source: BorrowedFd<'_>, budget: Arc<FdBudget>) -> Result<Host> {
        Ok(Host { budget, keys: Keys::of(source)? })
    }

    /// The same source with another budget.
    pub(crate) fn with_budget(self, budget: Arc<FdBudget>) -> Host {
        Host { budget, ..self }
    }

    pub(crate) fn budget(&self) -> &Arc<FdBudget> {
        &self.budget
    }

    pub(crate) fn keys(&self) -> Keys {
        self.keys
    }

    /// [`FdBudget::opening`].
    pub(crate) fn opening<T>(&self, open: impl FnMut() -> rustix::io::Result<T>) -> Result<T> {
        self.budget.opening(open)
    }
}

impl Keys {
    /// How objects of the filesystem that holds `fd` are told apart.
    pub(crate) fn of(fd: BorrowedFd<'_>) -> Result<Keys> {
        let overlay = is_overlay(&statfs(fd)?);
        Ok(if overlay { Keys::WithoutBirth } else { Keys::WithBirth })
    }
}
