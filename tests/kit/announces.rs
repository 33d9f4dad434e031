//! Whether the kernel announces what changes where the tests are. Tests take it by itself.

use std::path::Path;
use wasi_gofer::DirectFs;
use wasi_gofer::abi::Call;
use wasi_gofer::backend::Backend;

/// Whether `dir` can be watched.
pub(crate) fn announces(dir: &Path) -> bool {
    let backend = DirectFs::open_ambient(dir).expect("a directory");
    let root = backend.root(&Call::WAITING).expect("its root").node;
    backend.change_queue().is_some_and(|queue| queue.watch(&Call::WAITING, &root).is_ok())
}
