//! What the guest tests run with: guests under our filesystem and under wasmtime's own, and the trees that they leave.
//!
//! [`ours`] and [`stock`] run one [`Invocation`] of a module to its [`Outcome`]; [`Tree`] is everything that a guest or
//! the host can tell about a directory, to be compared.

#![forbid(unsafe_code)]

mod artefacts;
mod component;
mod engine;
mod invocation;
pub mod ours;
mod process;
pub mod stock;
mod tree;

pub use artefacts::{check_committed, committed, differences, guests};
pub use component::CliRun;
pub use engine::{adapted_behaviours, component, engine, module};
pub use invocation::{End, Invocation, Outcome};
pub use process::open_descriptors;
pub use tree::{Kind, Object, Tree};
