//! Names: the tree of dentries, their recency, and the lists of directories.

mod arena;
mod cache;
mod dir_state;
mod id;
mod list;
mod tree;

pub(crate) use arena::Dentry;
pub(crate) use cache::Limits;
pub(crate) use id::DentryId;
pub(crate) use list::ListBuilder;
pub use list::{DirEntry, DirList};
pub(crate) use tree::{CachedWalk, Reached, Tree};
