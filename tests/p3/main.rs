//! `wasi:filesystem@0.3` through the public API, call by call.
//!
//! A test is a guest's program: `kit::Guest` calls one host function or one built-in of streams at a time, with arguments
//! as the canonical ABI flattens them. One file per subject; `attacks` has those that are known by a number. What both
//! versions of the interface do is tested by the files in `tests/component/`, compiled into both programs over the `kit`
//! of each.

mod attacks;
mod descriptors;
mod kit;
mod limits;
mod linking;
mod listing;
#[path = "../component/paths.rs"]
mod paths;
mod reading;
mod waiting;
mod writing;
