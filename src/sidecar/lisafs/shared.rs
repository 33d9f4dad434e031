//! What the connections of a server have in common.

use crate::abi::Result;
use crate::sidecar::export::Export;
use crate::sidecar::quota::Quota;
use crate::sidecar::tree::Tree;
use std::sync::Arc;

/// What the connections of a server have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) export: Export,
    pub(super) tree: Tree,
    /// Open files of all connections.
    pub(super) opens: Arc<Quota>,
}

impl Shared {
    pub(super) fn new(export: Export) -> Result<Shared> {
        let tree = Tree::new(&export.host, Arc::clone(&export.root), export.limits.nodes)?;
        // Control handles have a quarter of the process's descriptors.
        let opens = Quota::new(export.host.budget().limit().saturating_mul(2));
        Ok(Shared { export, tree, opens })
    }
}
