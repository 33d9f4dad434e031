//! Data that is written back later, over a backend that fails, waits and keeps its answers back.
//!
//! In `exclusive` a write is answered before the backend has it. What becomes of an error that comes later ([`errors`],
//! [`endings`]), in which order things reach the backend and who waits for whom ([`order`]), what mounts take from
//! each other at their end ([`together`]), and what calls do that may not wait ([`waiting`]).
#![cfg(feature = "testing")]

mod endings;
mod errors;
#[path = "../kit/mod.rs"]
mod kit;
mod mounted;
mod order;
mod together;
mod waiting;
