//! Names: the tree of dentries, their recency, and the lists of directories.

mod arena;
mod astray;
mod cache;
mod dir_state;
mod id;
mod list;
mod reattach;
mod tree;
mod watch;

pub(crate) use arena::Dentry;
pub(crate) use cache::Limits;
pub(crate) use dir_state::FreedWatch;
pub(crate) use id::{DentryId, NIL};
pub(crate) use list::ListBuilder;
pub use list::{DirEntry, DirList};
pub(crate) use tree::{CachedWalk, Reached, Tree};
pub(crate) use watch::Known;
