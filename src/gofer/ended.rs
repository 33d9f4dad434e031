//! Files on their way out.

use super::inode::Inode;
use super::page::DataCell;
use crate::backend::ErasedHandle;
use std::sync::Arc;

/// What is left of an open file that is being closed.
pub(super) struct Ended {
    pub(super) inode: Arc<Inode>,
    pub(super) handles: [Option<ErasedHandle>; 2],
    pub(super) cell: Option<Arc<DataCell>>,
    /// What it had seen of failed write-backs.
    pub(super) seen_failures: u32,
}
