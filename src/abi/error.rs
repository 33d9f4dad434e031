//! What an operation below the front ends can end with.

use super::Errno;

/// The outcome of an operation that did not succeed. Only [`Error::Errno`] ever reaches a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The guest-visible failure.
    Errno(Errno),
    /// The call's `may_wait` was false and a backend call would have waited. Nothing was changed: the same call with
    /// `may_wait = true` may follow.
    WouldWait,
    /// A backend's answer for a node whose control handle was given back: the cache binds it anew through
    /// `Backend::restore` and repeats the operation. Nothing was changed.
    Unbound,
}

/// The result of an operation below the front ends.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// The number that a guest is told. An internal condition that reached a front end is a bug of ours, told as `EIO`.
    #[must_use]
    pub fn errno(self) -> Errno {
        match self {
            Error::Errno(errno) => errno,
            Error::WouldWait | Error::Unbound => {
                debug_assert!(false, "{self:?} reached a front end");
                Errno::Io
            }
        }
    }

    /// Whether this is the guest-visible failure `errno`.
    #[must_use]
    pub fn is(self, errno: Errno) -> bool {
        self == Error::Errno(errno)
    }
}

impl From<Errno> for Error {
    fn from(errno: Errno) -> Self {
        Error::Errno(errno)
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Error::Errno(errno) => errno.fmt(f),
            Error::WouldWait => f.write_str("would wait"),
            Error::Unbound => f.write_str("control handle given back"),
        }
    }
}

impl std::error::Error for Error {}
