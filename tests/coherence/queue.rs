//! Whether there is a queue where the tests are.

use crate::subject::Scene;
use wasi_gofer::DirectFs;
use wasi_gofer::abi::Call;
use wasi_gofer::backend::Backend;

/// Whether the test directory can be watched.
pub(crate) fn is_offered() -> bool {
    let scene = Scene::new();
    let backend = DirectFs::open_ambient(scene.path()).expect("a directory");
    let root = backend.root(&Call::WAITING).expect("its root").node;
    backend.change_queue().is_some_and(|queue| queue.watch(&Call::WAITING, &root).is_ok())
}
