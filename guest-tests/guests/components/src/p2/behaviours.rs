//! The behaviours of WASI 0.2 alone.

pub use super::listing::*;
pub use super::standard::*;
pub use super::streams::*;
pub use super::times::*;
