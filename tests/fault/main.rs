//! Backends that fail: a row of operations runs under a backend whose n-th call fails, for every n until the row passes
//! untouched.
//!
//! Whatever fails, nothing panics, an operation answers the failure or what follows from it, the cache's invariants
//! hold, and once the fault is over the cache shows what the backend has. In the end every node and handle was handed
//! back ([`ledger`]).
#![cfg(feature = "testing")]
#![allow(dead_code, reason = "the modules of the reference test have more than is needed here")]

#[path = "../reference/act.rs"]
mod act;
mod bodies;
#[path = "../reference/bytes.rs"]
mod bytes;
#[path = "../reference/kernel.rs"]
mod kernel;
mod ledger;
#[path = "../reference/listing.rs"]
mod listing;
#[path = "../reference/model/mod.rs"]
mod model;
mod nth_call;
#[path = "../reference/op.rs"]
mod op;
#[path = "../reference/ours.rs"]
mod ours;
#[path = "../reference/rows.rs"]
mod rows;
#[path = "../reference/tree.rs"]
mod tree;
