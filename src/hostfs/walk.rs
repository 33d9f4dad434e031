//! Finding names, and getting hold of what they name.

use super::stat::{expect, stat_at, stat_fd};
use super::{FdBudget, Host};
use crate::abi::{Errno, Error, FileType, InodeKey, Name, Result, Stat};
use cap_std::fs::Dir;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Mode, OFlags, ResolveFlags, openat, openat2};
use smallvec::SmallVec;
use std::sync::Arc;

/// How often a component that an outsider keeps swapping is looked at anew before the answer is `ESTALE`.
const SWAPS_MAX: usize = 8;

/// What crossing a name led to.
pub(crate) enum Crossed {
    /// A directory, held.
    Directory(Arc<Dir>, Stat),
    /// Something else, a symbolic link for instance; not held.
    Other(Stat),
}

/// A control handle of the directory `name` in `dir`, with its attributes. `ENOTDIR` for anything else, symbolic links
/// included.
pub(crate) fn open_dir(host: &Host, dir: BorrowedFd<'_>, name: Name<'_>) -> Result<(Arc<Dir>, Stat)> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = host.opening(|| openat(dir, name.as_bytes(), flags, Mode::empty()))?;
    let stat = stat_fd(host.keys(), fd.as_fd())?;
    Ok((Arc::new(Dir::from_std_file(fd.into())), stat))
}

/// A control handle of the directory `name` in `dir` if it still is the object with `key`; `ESTALE` when it is another
/// one, no directory any more, or gone.
pub(crate) fn open_dir_as(host: &Host, dir: BorrowedFd<'_>, name: Name<'_>, key: InodeKey) -> Result<Arc<Dir>> {
    match open_dir(host, dir, name) {
        Ok((held, stat)) => expect(stat, key).map(|_| held),
        Err(Error::Errno(Errno::Noent | Errno::Notdir)) => Err(Errno::Stale.into()),
        Err(error) => Err(error),
    }
}

/// Crosses `name` on the way to a further name: holds it if it is a directory. Symbolic links are not followed.
pub(crate) fn cross(host: &Host, dir: BorrowedFd<'_>, name: Name<'_>) -> Result<Crossed> {
    for _ in 0..SWAPS_MAX {
        match open_dir(host, dir, name) {
            Ok((held, stat)) => return Ok(Crossed::Directory(held, stat)),
            Err(Error::Errno(Errno::Notdir)) => {}
            Err(error) => return Err(error),
        }
        // ENOTDIR does not say what is there instead. If it is a directory by now, it was swapped in between.
        let stat = stat_at(host.keys(), dir, name)?;
        if stat.file_type != FileType::Directory {
            return Ok(Crossed::Other(stat));
        }
    }
    Err(Errno::Stale.into())
}

/// Attributes of what `names`, each in the one before it, lead to from `dir`, in one resolution by the kernel that
/// follows no symbolic link (`ELOOP` at the first, unless it is the last name) and stays beneath `dir`.
pub(crate) fn stat_beneath(host: &Host, dir: BorrowedFd<'_>, names: &[Name<'_>]) -> Result<Stat> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = open_beneath(host, dir, names.iter().copied(), flags, Mode::empty())?;
    stat_fd(host.keys(), fd.as_fd())
}

/// Opens what `names` lead to from `dir`. This is the one place where names are joined: openat2(2) with these flags is
/// exact, any other call on a joined path would follow a link that was swapped in.
pub(super) fn open_beneath<'n>(
    host: &Host,
    dir: BorrowedFd<'_>,
    names: impl Iterator<Item = Name<'n>>,
    flags: OFlags,
    mode: Mode,
) -> Result<OwnedFd> {
    let mut path = SmallVec::<[u8; 256]>::new();
    for name in names {
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name.as_bytes());
    }
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    host.opening(|| openat2(dir, path.as_slice(), flags, mode, resolve))
}

/// Gets hold of `name` in `dir`, whatever its type, without opening it (`O_PATH`), if it still is the object with
/// `key`; else `ESTALE`.
pub(crate) fn hold(host: &Host, dir: BorrowedFd<'_>, name: Name<'_>, key: InodeKey) -> Result<OwnedFd> {
    let fd = hold_any(host.budget(), dir, name)?;
    expect(stat_fd(host.keys(), fd.as_fd())?, key)?;
    Ok(fd)
}

/// Gets hold of whatever `name` in `dir` is, a symbolic link itself, without opening it (`O_PATH`).
pub(crate) fn hold_any(budget: &FdBudget, dir: BorrowedFd<'_>, name: Name<'_>) -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    budget.opening(|| openat(dir, name.as_bytes(), flags, Mode::empty()))
}

/// A readable descriptor of a directory that is held by a control handle, for listing, syncing and locking.
pub(crate) fn readable(host: &Host, dir: BorrowedFd<'_>) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    host.opening(|| openat(dir, c".", flags, Mode::empty()))
}
