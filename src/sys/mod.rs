//! The crate's only `unsafe` code: a lock that the others are too slow for, memory for pages, memory that is shared with
//! a peer, and the system calls of a jail that nobody wraps.
//!
//! Each function is small, and its comment says what makes it sound. Everything else in the crate is checked by the
//! compiler (`deny(unsafe_code)`).

#![allow(unsafe_code, reason = "the one folder that may")]

#[cfg(feature = "sidecar")]
pub(crate) mod mounts;
#[cfg(feature = "sidecar")]
pub(crate) mod peer;
mod pool;
#[cfg(feature = "sidecar")]
pub(crate) mod process;
mod shared;
#[cfg(feature = "sidecar")]
pub(crate) mod signals;
mod striped;

pub(crate) use pool::{PageBox, PagePool};
pub(crate) use shared::SharedMemory;
pub(crate) use striped::{Striped, StripedReadGuard, StripedWriteGuard};
