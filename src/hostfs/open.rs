//! Opening files that exist.

use super::Host;
use super::errno::retry;
use super::stat::stat_fd;
use crate::abi::{Errno, Error, FileType, InodeKey, Name, OpenFlags, Result};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Mode, OFlags, ftruncate, openat};

/// Opens `name` in `dir`, which the caller knows to be of `file_type` with `key`.
///
/// `EISDIR` for a directory, `ELOOP` for a symbolic link, `ENXIO` for a socket, as open(2) with `O_NOFOLLOW`. `ESTALE`
/// when another object is under the name by now; it is let go at once. `ENOENT` when nothing is. `EINVAL` for flags
/// without an access, or with [`OpenFlags::TRUNC`] and without [`OpenFlags::WRITE`].
pub(crate) fn open_file(
    host: &Host,
    dir: BorrowedFd<'_>,
    name: Name<'_>,
    (key, file_type): (InodeKey, FileType),
    flags: OpenFlags,
) -> Result<OwnedFd> {
    let raw = open_flags(flags)?;
    match file_type {
        FileType::Directory => return Err(Errno::Isdir.into()),
        FileType::Symlink => return Err(Errno::Loop.into()),
        FileType::Socket => return Err(Errno::Nxio.into()),
        FileType::Regular | FileType::Fifo | FileType::CharDevice | FileType::BlockDevice => {}
    }
    let opened = host.opening(|| openat(dir, name.as_bytes(), raw, Mode::empty()));
    let fd = opened.map_err(|error| swapped(error, file_type))?;
    let stat = stat_fd(host.keys(), fd.as_fd())?;
    if stat.key != key || stat.file_type != file_type {
        return Err(Errno::Stale.into());
    }
    // Never O_TRUNC: that would empty a file before anybody knows which one it is.
    if flags.contains(OpenFlags::TRUNC) && file_type == FileType::Regular {
        retry(|| ftruncate(&fd, 0))?;
    }
    Ok(fd)
}

/// A descriptor of `name` in `dir`, known as above, that is open for nothing but its attributes (`O_PATH`).
pub(crate) fn open_path(host: &Host, dir: BorrowedFd<'_>, name: Name<'_>, is: (InodeKey, FileType)) -> Result<OwnedFd> {
    let raw = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = host.opening(|| openat(dir, name.as_bytes(), raw, Mode::empty()))?;
    let stat = stat_fd(host.keys(), fd.as_fd())?;
    if (stat.key, stat.file_type) == is { Ok(fd) } else { Err(Errno::Stale.into()) }
}

/// The access, sync and safety flags of an open. `O_NONBLOCK` keeps a pipe that was swapped in from blocking us, and
/// `O_NOCTTY` a terminal from becoming ours; on a regular file neither does anything.
pub(super) fn open_flags(flags: OpenFlags) -> Result<OFlags> {
    let access = match (flags.contains(OpenFlags::READ), flags.contains(OpenFlags::WRITE)) {
        (true, true) => OFlags::RDWR,
        (true, false) => OFlags::RDONLY,
        (false, true) => OFlags::WRONLY,
        (false, false) => return Err(Errno::Inval.into()),
    };
    if flags.contains(OpenFlags::TRUNC) && !flags.contains(OpenFlags::WRITE) {
        return Err(Errno::Inval.into());
    }
    let mut raw = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    raw.set(OFlags::SYNC, flags.contains(OpenFlags::SYNC));
    raw.set(OFlags::DSYNC, flags.contains(OpenFlags::SYNC) || flags.contains(OpenFlags::DSYNC));
    Ok(raw)
}

/// An errno that an object of `file_type` cannot cause shows that another one took its name.
fn swapped(error: Error, file_type: FileType) -> Error {
    let Error::Errno(errno) = error else { return error };
    let impossible = match errno {
        // A symbolic link; a directory opened for writing.
        Errno::Loop | Errno::Isdir => true,
        // A socket, a pipe without a reader, a device without a driver.
        Errno::Nxio | Errno::Nodev => file_type == FileType::Regular,
        _ => false,
    };
    if impossible { Errno::Stale.into() } else { error }
}
