//! What the tests arrange and act with.

pub(crate) mod abi;
mod component;
mod guest;
#[path = "../../p2/kit/scene.rs"]
mod scene;
mod streams;

pub(crate) use abi::{Code, NewTime};
pub(crate) use guest::{Guest, Word, args};
pub(crate) use scene::{Scene, at_root, mount, options};
pub(crate) use streams::{BUFFER, End, Moved};
