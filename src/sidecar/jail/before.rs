//! What must be so before the jail is entered: one thread, and no descriptor that leads elsewhere.

use super::step::{Step, StepError};
use super::supervise::STOP;
use crate::sys::process;
use crate::sys::signals::SignalSet;
use rustix::fd::{AsRawFd, BorrowedFd, RawFd};
use rustix::fs::FileType;
use std::path::PathBuf;

/// The last of the standard streams.
const STDERR: RawFd = 2;

/// Keeps signals that ask for the end until the jail is entered: one that comes before is heard in it, and answered as one
/// that comes later. For a program that can be spoken to before.
pub fn hold_signals() -> Result<(), StepError> {
    SignalSet::new(&STOP).block().step("block signals")
}

/// Closes every descriptor that came over the `exec` of this process, but for the standard streams and `keep`, and
/// answers how many those were. To be called first in `main`, before anything takes a descriptor over by its number.
///
/// What this process opened itself stays, if it was opened to be closed at an `exec`, as the standard library does.
pub fn close_inherited(keep: &[BorrowedFd<'_>]) -> Result<usize, StepError> {
    let keep: Vec<RawFd> = keep.iter().map(AsRawFd::as_raw_fd).collect();
    process::close_inherited(&keep).step("close inherited descriptors")
}

/// Refuses a process of several threads: landlock and the mount namespace would bind one of them, and a fork would leave
/// the others' locks taken.
pub(super) fn one_thread() -> Result<(), StepError> {
    match process::threads().step("count the threads")? {
        1 => Ok(()),
        count => Err(StepError::refused(format!("enter with one thread: there are {count}"))),
    }
}

/// Refuses a process with descriptors that nobody named, and with directories among those that somebody did: both would
/// be there in the jail as they are outside.
pub(super) fn known_descriptors(export: RawFd, keep: &[RawFd]) -> Result<(), StepError> {
    for fd in process::descriptors().step("list the descriptors")? {
        if fd == export {
            continue;
        }
        if fd > STDERR && !keep.contains(&fd) {
            return Err(StepError::refused(format!("enter with known descriptors alone: {}", describe(fd))));
        }
        if is_directory(fd) {
            return Err(StepError::refused(format!("enter without directories: {}", describe(fd))));
        }
    }
    Ok(())
}

fn link(fd: RawFd) -> String {
    format!("/proc/self/fd/{fd}")
}

fn describe(fd: RawFd) -> String {
    let leads_to = std::fs::read_link(link(fd)).unwrap_or_else(|_| PathBuf::from("?"));
    format!("{fd} is {}", leads_to.display())
}

/// One that cannot be looked at counts as one.
fn is_directory(fd: RawFd) -> bool {
    rustix::fs::stat(link(fd)).map_or(true, |stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
}
