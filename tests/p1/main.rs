//! `wasi_snapshot_preview1` through the public API, call by call: what the ABI says about memory, numbers, descriptors
//! and rights, and the attacks that filesystems of WebAssembly runtimes have seen.
//!
//! A test is a guest's program: `kit::Guest` calls one host function at a time, in a guest's memory. One file per
//! subject; `attacks` has those that are known by a number, and those that only a cache can have.

mod allocations;
mod attacks;
mod claims;
mod descriptors;
mod exit;
mod kit;
mod layout;
mod limits;
mod memory_export;
mod mounts;
mod pointers;
mod poll;
mod races;
mod rights;
mod shared_memory;
mod stdio;
mod values;
mod vectors;
