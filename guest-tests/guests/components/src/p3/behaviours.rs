//! The behaviours of WASI 0.3 alone.

pub use super::concurrent::*;
pub use super::listing::*;
pub use super::reading::*;
pub use super::times::*;
pub use super::writing::*;
