//! Making regular files.

use super::Host;
use super::open::open_flags;
use super::remove::unlink_as;
use super::stat::stat_fd;
use crate::abi::{Mode, Name, OpenFlags, Result, Stat};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Mode as OsMode, OFlags, openat};

/// Makes the regular file `name` in `dir` and opens it. The process's umask applies to `mode`. `EEXIST` when the name
/// is taken, by a dangling symbolic link too. When the new file cannot be described, it is removed again.
pub(crate) fn create(
    host: &Host,
    dir: BorrowedFd<'_>,
    name: Name<'_>,
    flags: OpenFlags,
    mode: Mode,
) -> Result<(OwnedFd, Stat)> {
    let raw = open_flags(flags)? | OFlags::CREATE | OFlags::EXCL;
    let fd = host.opening(|| openat(dir, name.as_bytes(), raw, OsMode::from_raw_mode(mode.bits())))?;
    match stat_fd(host.keys(), fd.as_fd()) {
        Ok(stat) => Ok((fd, stat)),
        Err(error) => {
            // Without attributes there is no key to compare; ask once more for the sake of the removal alone.
            if let Ok(stat) = stat_fd(host.keys(), fd.as_fd()) {
                unlink_as(host.keys(), dir, name, stat.key);
            }
            Err(error)
        }
    }
}
