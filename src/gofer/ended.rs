//! Files on their way out.

use super::inode::Inode;
use super::page::DataCell;
use crate::backend::ErasedHandle;
use std::sync::Arc;

/// An open file that was dropped without being closed.
pub(super) struct Ended {
    pub(super) inode: Arc<Inode>,
    pub(super) rest: Rest,
}

/// What is left of an open file that is being closed, its inode aside.
pub(super) struct Rest {
    pub(super) handles: [Option<ErasedHandle>; 2],
    pub(super) cell: Option<Arc<DataCell>>,
    /// What it had seen of failed write-backs.
    pub(super) seen_failures: u32,
}
