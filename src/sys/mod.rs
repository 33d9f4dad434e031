//! The crate's only `unsafe` code: a lock that the others are too slow for, and memory for pages.
//!
//! Each function is small, and its comment says what makes it sound. Everything else in the crate is checked by the
//! compiler (`deny(unsafe_code)`).

#![allow(unsafe_code, reason = "the one folder that may")]

mod pool;
mod striped;

pub(crate) use pool::{PageBox, PagePool};
pub(crate) use striped::{Striped, StripedReadGuard, StripedWriteGuard};
