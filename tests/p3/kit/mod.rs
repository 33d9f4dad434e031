//! What the tests arrange and act with: what both versions share, and this version's own.

#[path = "../../component/kit/mod.rs"]
mod both;
pub(crate) mod functions;
mod streams;
pub(crate) mod version;

#[cfg(feature = "p2")]
pub(crate) use both::component::component;
pub(crate) use both::component::engine;
pub(crate) use both::guest::Host;
pub(crate) use both::*;
pub(crate) use streams::{BUFFER, End, Moved};
pub(crate) use version::Front;
