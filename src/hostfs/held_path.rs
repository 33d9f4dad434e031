//! Paths of what is held, for the calls of the kernel that take no descriptor in their place.

#[cfg(feature = "sidecar")]
use super::errno::retry;
use crate::abi::Result;
#[cfg(feature = "sidecar")]
use parking_lot::Mutex;
use rustix::fd::{AsRawFd, BorrowedFd};
#[cfg(feature = "sidecar")]
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether directories are named by the working directory.
#[cfg(feature = "sidecar")]
static BY_WORKING_DIRECTORY: AtomicBool = AtomicBool::new(false);

/// Names directories by the working directory from now on: for a process without `/proc`, that has the working directory
/// for itself. (There `/proc/...` would be a path in what it serves, which its clients make.) No mount that it sees
/// follows a symbolic link.
#[cfg(feature = "sidecar")]
pub(crate) fn go_by_working_directory() {
    BY_WORKING_DIRECTORY.store(true, Ordering::Relaxed);
}

/// Whether they are, so that anything else than a directory has no path but that of its name.
#[cfg(feature = "sidecar")]
pub(super) fn is_by_working_directory() -> bool {
    BY_WORKING_DIRECTORY.load(Ordering::Relaxed)
}

/// Makes `call` with a path that leads to the directory `dir` for as long as the call lasts.
pub(super) fn of_dir<T>(dir: BorrowedFd<'_>, call: impl FnOnce(&str) -> Result<T>) -> Result<T> {
    #[cfg(feature = "sidecar")]
    if is_by_working_directory() {
        // The working directory is the process's, not the thread's.
        static WORKING_DIRECTORY: Mutex<()> = Mutex::new(());
        let _mine = WORKING_DIRECTORY.lock();
        retry(|| rustix::process::fchdir(dir))?;
        return call(".");
    }
    call(&by_proc(dir))
}

/// A path that leads to what a descriptor of this thread holds, whatever it is. `/proc` is there.
pub(super) fn by_proc(held: BorrowedFd<'_>) -> String {
    // The thread's own table, as the process's first thread may have ended.
    format!("/proc/thread-self/fd/{}", held.as_raw_fd())
}
