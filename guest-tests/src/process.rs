//! What all runs of the process share.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::OnceLock;
use tokio::runtime::{Builder, Runtime};

/// Runs a future to its end on this thread, inside the runtime of the process.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        let built = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        built.unwrap_or_else(|error| panic!("no runtime: {error}"))
    });
    runtime.block_on(future)
}

/// The descriptors that this process has open and what each leads to, that of this look at them left out. It tells
/// something only while no other thread opens or closes any.
///
/// # Errors
///
/// Where there is no `/proc`.
pub fn open_descriptors() -> io::Result<BTreeMap<u32, PathBuf>> {
    let mut open = BTreeMap::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        let entry = entry?;
        // The directory's own descriptor is gone when its target is asked for a second time.
        let number = entry.file_name().to_string_lossy().parse();
        if let (Ok(number), Ok(target)) = (number, fs::read_link(entry.path())) {
            open.insert(number, target);
        }
    }
    open.retain(|number, _| fs::symlink_metadata(format!("/proc/self/fd/{number}")).is_ok());
    Ok(open)
}
