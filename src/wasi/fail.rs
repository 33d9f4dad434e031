//! How an operation ends that does not succeed, in every front end.

use crate::abi::{Errno, Error};

/// How an operation ends that does not succeed. A plain enum: an errno that travels in a `wasmtime::Error` costs a
/// backtrace where those are on, and a missing file is the commonest answer of a cached filesystem.
#[derive(Debug)]
pub enum Fail {
    /// The guest is told.
    Errno(Errno),
    /// The guest ends.
    Trap(wasmtime::Error),
}

/// The outcome of an operation.
pub type Outcome<T = ()> = Result<T, Fail>;

impl From<Errno> for Fail {
    fn from(errno: Errno) -> Self {
        Fail::Errno(errno)
    }
}

impl From<Error> for Fail {
    fn from(error: Error) -> Self {
        Fail::Errno(error.errno())
    }
}
