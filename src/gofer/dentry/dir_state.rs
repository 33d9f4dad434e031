//! What is cached of a directory's contents.

use super::id::DentryId;
use super::list::DirList;
use hashbrown::HashTable;
use std::collections::VecDeque;
use std::sync::Arc;

/// A child in its directory's table: the hash spares most look-ups of other dentries, and re-hashing all of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Child {
    pub(super) hash: u32,
    pub(super) index: u32,
}

/// What is cached of a directory's contents.
#[derive(Debug, Default)]
pub(super) struct DirState {
    pub(super) children: HashTable<Child>,
    /// Negative children, oldest first; entries may be of names that exist by now.
    pub(super) negatives: VecDeque<DentryId>,
    pub(super) negative_count: usize,
    pub(super) list: Option<Arc<DirList>>,
}
