//! The crate's only `unsafe` code: a lock that the standard ones are too slow for, and memory without a first copy.
//!
//! Each function is small, and its comment says what makes it sound. Everything else in the crate is checked by the
//! compiler (`deny(unsafe_code)`).

#![allow(unsafe_code, reason = "the one folder that may")]

mod striped;
mod zeroed;

pub(crate) use striped::{Striped, StripedReadGuard, StripedWriteGuard};
pub(crate) use zeroed::zeroed;
