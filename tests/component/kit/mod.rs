//! What the tests of both versions arrange and act with. Where the versions differ, `crate::kit` has for it what the
//! version says: `version` for values and linking, `functions` for what a component imports, and further methods of the
//! guest.

pub(crate) mod abi;
pub(crate) mod component;
pub(crate) mod guest;
#[path = "../../kit/scene.rs"]
mod scene;
mod slow;

pub(crate) use abi::{Code, NewTime};
pub(crate) use guest::{Guest, Word, args, executor};
pub(crate) use scene::{Scene, at_root, mount, options};
pub(crate) use slow::{PATIENCE, Slow, is_pending};
