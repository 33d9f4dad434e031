//! `wasi:filesystem@0.3.0` for components.

#[allow(missing_debug_implementations, missing_docs, unreachable_pub, reason = "generated")]
mod bindings;
mod encode;
mod errors;
mod functions;
mod linker;
mod listing;
mod method;
mod outcome;
mod reading;
mod streams;
mod writing;

pub use linker::{add_all_to_linker, add_to_linker};
