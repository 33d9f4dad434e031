//! Data that is written back later, over a backend that fails, waits and keeps its answers back.
//!
//! In `exclusive` a write is answered before the backend has it. What becomes of an error that comes later ([`errors`],
//! [`endings`]), in which order things reach the backend and who waits for whom ([`order`]), what mounts take from
//! each other at their end ([`together`]), and what calls do that may not wait ([`waiting`]); what there is of writers
//! that never pause ([`going_on`]) and of times that are set ([`times`]).
#![cfg(feature = "testing")]

mod endings;
mod errors;
mod going_on;
#[path = "../kit/mod.rs"]
mod kit;
mod mounted;
mod order;
mod times;
mod together;
mod waiting;
