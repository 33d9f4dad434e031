//! Calls that may not wait: they answer from the cache or with `WouldWait`, change nothing then, and the same call that
//! may wait answers as if there had been no first one. And calls that wait for each other.
//!
//! [`rows`](random) runs the operations of the reference test like this; the rest are tests by hand.
#![cfg(feature = "testing")]
#![allow(dead_code, reason = "the modules of the reference test have more than is needed here")]

#[path = "../reference/act.rs"]
mod act;
#[path = "../reference/bytes.rs"]
mod bytes;
mod flights;
mod hits;
#[path = "../reference/kernel.rs"]
mod kernel;
mod kit;
#[path = "../fault/ledger.rs"]
mod ledger;
#[path = "../reference/listing.rs"]
mod listing;
#[path = "../reference/model/mod.rs"]
mod model;
#[path = "../reference/op.rs"]
mod op;
#[path = "../reference/ours.rs"]
mod ours;
mod overtaken;
mod random;
#[path = "../reference/rows.rs"]
mod rows;
#[path = "../reference/tree.rs"]
mod tree;
