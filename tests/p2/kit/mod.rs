//! What the tests arrange and act with: what both versions share, and this version's own.

#[path = "../../component/kit/mod.rs"]
mod both;
mod calls;
pub(crate) mod functions;
pub(crate) mod version;

pub(crate) use both::*;
pub(crate) use calls::StreamError;
pub(crate) use version::Front;
