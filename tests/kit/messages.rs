//! Messages that a connection counted. Tests take it by itself.

use wasi_gofer::backend::lisafs::{RpcCount, RpcCounts};

/// All but those that close: that happens when there is enough to close, or it is time.
pub(crate) fn without_closing(counts: &RpcCounts) -> Vec<RpcCount> {
    let mut counts = counts.snapshot();
    counts.retain(|count| count.message != "Close");
    counts
}
