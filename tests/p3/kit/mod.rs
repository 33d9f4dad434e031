//! What the tests arrange and act with.

pub(crate) mod abi;
mod component;
mod guest;
#[path = "../../p2/kit/scene.rs"]
mod scene;
mod streams;

pub(crate) use abi::{Code, NewTime};
#[cfg(feature = "p2")]
pub(crate) use component::component;
pub(crate) use component::engine;
pub(crate) use guest::{Guest, Host, Word, args};
pub(crate) use scene::{Scene, at_root, mount, options};
pub(crate) use streams::{BUFFER, End, Moved};
