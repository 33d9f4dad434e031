//! What the tests arrange and act with.

pub(crate) mod abi;
#[path = "../../kit/allocated.rs"]
pub(crate) mod allocated;
mod alone;
#[path = "../../kit/descriptors.rs"]
mod descriptors;
mod guest;
mod module;
#[path = "../../kit/scene.rs"]
mod scene;

pub(crate) use abi::{Errno, Filetype};
pub(crate) use alone::{alone, assert_none_leads_into, open_descriptors};
pub(crate) use guest::{Front, Guest, Open, Word, args};
pub(crate) use module::{Memories, engine, module};
pub(crate) use scene::{Scene, at_root, mount, options};
