//! Making regular files.

use super::Host;
use super::open::open_flags;
use super::remove::unlink_as;
use super::stat::stat_fd;
use super::walk::open_beneath;
use crate::abi::{Errno, Error, Mode, Name, OpenFlags, Result, Stat};
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

/// As [`create`], in the directory that `way` leads to from `dir` without following a symbolic link, in one resolution
/// by the kernel. `None`, with nothing made, when the way leads elsewhere or the kernel cannot do this.
pub(crate) fn create_beneath(
    host: &Host,
    dir: BorrowedFd<'_>,
    (way, name): (&[Name<'_>], Name<'_>),
    flags: OpenFlags,
    mode: Mode,
) -> Result<Option<(OwnedFd, Stat)>> {
    let raw = open_flags(flags)? | OFlags::CREATE | OFlags::EXCL;
    let names = way.iter().copied().chain(std::iter::once(name));
    let fd = match open_beneath(host, dir, names, raw, OsMode::from_raw_mode(mode.bits())) {
        Ok(fd) => fd,
        Err(Error::Errno(
            Errno::Noent
            | Errno::Notdir
            | Errno::Loop
            | Errno::Xdev
            | Errno::Again
            | Errno::Nametoolong
            | Errno::Nosys
            | Errno::Perm
            | Errno::Inval,
        )) => return Ok(None),
        Err(error) => return Err(error),
    };
    match stat_fd(host.keys(), fd.as_fd()) {
        Ok(stat) => Ok(Some((fd, stat))),
        Err(error) => {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let parent = open_beneath(host, dir, way.iter().copied(), flags, OsMode::empty());
            if let (Ok(parent), Ok(stat)) = (parent, stat_fd(host.keys(), fd.as_fd())) {
                unlink_as(host.keys(), parent.as_fd(), name, stat.key);
            }
            Err(error)
        }
    }
}
