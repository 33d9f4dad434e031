//! Descriptors that a server hands out with an open file.

use crate::abi::{Errno, FileType, OpenFlags, Result, Stat};
use crate::hostfs::{Keys, errno, stat};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{OFlags, fcntl_getfl};

/// A descriptor that was checked: a regular file's, open as was asked for.
#[derive(Debug)]
pub(super) struct Donated {
    pub(super) fd: OwnedFd,
    /// What this process sees of the file.
    pub(super) stat: Stat,
}

/// Checks what came with an answer for a file that the server says is `meant`. Nothing is read from it before its type
/// is known, so that no pipe or device can be waited for.
///
/// # Errors
///
/// `EIO` for anything but a regular file, for another inode than the server named, for one that is open otherwise than
/// was asked for, and for one that writes at the end whatever the offset. `ESTALE` when only the birth times differ:
/// the inode number was used again, or the filesystem copied the file.
pub(super) fn check(fd: OwnedFd, meant: &Stat, keys: Keys, access: OpenFlags) -> Result<Donated> {
    let lie = Err(Errno::Io.into());
    let flags = fcntl_getfl(&fd).map_err(errno::from_os)?;
    if flags.intersects(OFlags::PATH | OFlags::APPEND) {
        return lie;
    }
    let (read, write) = match flags & OFlags::ACCMODE {
        OFlags::RDONLY => (true, false),
        OFlags::WRONLY => (false, true),
        OFlags::RDWR => (true, true),
        _ => return lie,
    };
    // More than was asked for does no harm: who may do what is decided before anything comes here.
    if (access.contains(OpenFlags::READ) && !read) || (access.contains(OpenFlags::WRITE) && !write) {
        return lie;
    }
    let stat = stat::stat_fd(keys, fd.as_fd())?;
    let same = (stat.key.dev, stat.key.ino) == (meant.key.dev, meant.key.ino);
    if stat.file_type != FileType::Regular || !same {
        return lie;
    }
    if let (Some(here), Some(there)) = (stat.key.birth_ns, meant.key.birth_ns)
        && here != there
    {
        return Err(Errno::Stale.into());
    }
    Ok(Donated { fd, stat })
}
