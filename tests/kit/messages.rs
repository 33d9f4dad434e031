//! Messages that a connection counted, and what they are spared by. Tests take it by itself, beside `overlayfs`.

use crate::overlayfs::is_overlay_that_lacks;
use std::path::Path;
use wasi_gofer::Gofer;
use wasi_gofer::backend::lisafs::{RpcCount, RpcCounts};

/// All but those that close: that happens when there is enough to close, or it is time.
pub(crate) fn without_closing(counts: &RpcCounts) -> Vec<RpcCount> {
    let mut counts = counts.snapshot();
    counts.retain(|count| count.message != "Close");
    counts
}

/// Whether nothing tells of changes of directories, which were looked at until they would be watched; says so then.
pub(crate) fn directories_are_silent(gofer: &Gofer, dir: &Path) -> bool {
    if gofer.stats()[0].fs.watches == 0 {
        eprintln!("the test directory's filesystem announces nothing: SKIPPED");
        return true;
    }
    is_overlay_that_lacks(dir, "announced attributes of directories")
}
