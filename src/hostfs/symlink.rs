//! Making and reading symbolic links.

use super::errno::retry;
use super::mkdir::made;
use super::{Host, Keys, walk};
use crate::abi::{Errno, FileType, InodeKey, Name, PATH_MAX, Result, Stat};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{readlinkat_raw, symlinkat};
use std::mem::MaybeUninit;

/// Makes the symbolic link `name` in `dir` with the contents `target`, which are not looked at. `ENOENT` for empty
/// contents, `ENAMETOOLONG` over 4095 bytes, `EINVAL` for a NUL.
pub(crate) fn symlink(keys: Keys, dir: BorrowedFd<'_>, name: Name<'_>, target: &[u8]) -> Result<Stat> {
    if target.len() > PATH_MAX {
        return Err(Errno::Nametoolong.into());
    }
    retry(|| symlinkat(target, dir, name.as_bytes()))?;
    made(keys, dir, name, FileType::Symlink)
}

/// The contents of the symbolic link `name` in `dir`. `ESTALE` when the name is another object's by now, `EINVAL` when
/// it is no symbolic link, `ENAMETOOLONG` for contents over 4095 bytes, with which no path could be resolved.
pub(crate) fn readlink(
    host: &Host,
    dir: BorrowedFd<'_>,
    name: Name<'_>,
    (key, file_type): (InodeKey, FileType),
) -> Result<Vec<u8>> {
    if file_type != FileType::Symlink {
        return Err(Errno::Inval.into());
    }
    // Held by a descriptor, so that the contents are those of the link whose key was compared.
    contents(walk::hold(host, dir, name, key)?.as_fd())
}

/// The contents of a symbolic link that is held by an `O_PATH` descriptor. Errors as [`readlink`].
pub(crate) fn contents(link: BorrowedFd<'_>) -> Result<Vec<u8>> {
    let mut buffer = [MaybeUninit::<u8>::uninit(); PATH_MAX + 1];
    let mut length = 0;
    let mut contents = Vec::new();
    retry(|| {
        let (read, _) = readlinkat_raw(link, c"", &mut buffer)?;
        length = read.len();
        contents.clear();
        contents.extend_from_slice(read);
        Ok(())
    })?;
    if length > PATH_MAX { Err(Errno::Nametoolong.into()) } else { Ok(contents) }
}
