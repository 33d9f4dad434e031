//! What the tests arrange and act with.

pub(crate) mod abi;
mod component;
mod guest;
mod scene;

pub(crate) use abi::{Code, NewTime};
pub(crate) use guest::{Front, Guest, StreamError, Word, args};
pub(crate) use scene::{Scene, at_root, mount, options};
