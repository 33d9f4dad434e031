//! Extended attributes of open files and directories: those of users, and no others.
//!
//! The kernel's other namespaces are not files' contents: `security.` and `system.` are labels and access lists that the
//! host goes by, `trusted.` is for whoever is root there.

use super::errno::retry;
use crate::abi::{Errno, Result};
use rustix::fd::BorrowedFd;
use rustix::fs::{XattrFlags, fgetxattr, flistxattr, fremovexattr, fsetxattr};

/// The namespace that is served.
const USER: &[u8] = b"user.";

/// Most bytes of a value, and of all names together (`XATTR_SIZE_MAX`, `XATTR_LIST_MAX`).
const BYTES_MAX: usize = 64 * 1024;

/// `EOPNOTSUPP` for a name of another namespace, `EINVAL` for one with a NUL.
fn check(name: &[u8]) -> Result<()> {
    match name.strip_prefix(USER) {
        None => Err(Errno::Opnotsupp.into()),
        Some(rest) if rest.is_empty() || rest.contains(&0) => Err(Errno::Inval.into()),
        Some(_) => Ok(()),
    }
}

/// The value of `name`. `ENODATA` where there is none, `ERANGE` for one of more than `most` bytes.
pub(crate) fn get(fd: BorrowedFd<'_>, name: &[u8], most: usize) -> Result<Vec<u8>> {
    check(name)?;
    let mut value = vec![0; BYTES_MAX];
    let length = retry(|| fgetxattr(fd, name, &mut *value))?;
    if length > most {
        return Err(Errno::Range.into());
    }
    value.truncate(length);
    Ok(value)
}

/// Sets the value of `name`; `flags` as setxattr(2) has them: 1 for one that is not there yet (`EEXIST`), 2 for one that
/// is (`ENODATA`). `EINVAL` for others.
pub(crate) fn set(fd: BorrowedFd<'_>, name: &[u8], value: &[u8], flags: u32) -> Result<()> {
    check(name)?;
    let flags = XattrFlags::from_bits(flags).ok_or(Errno::Inval)?;
    retry(|| fsetxattr(fd, name, value, flags))
}

/// The names of users' attributes, each with a NUL behind it.
pub(crate) fn list(fd: BorrowedFd<'_>) -> Result<Vec<u8>> {
    let mut all = vec![0; BYTES_MAX];
    let length = retry(|| flistxattr(fd, &mut *all))?;
    let names = all.get(..length).unwrap_or_default().split_inclusive(|byte| *byte == 0);
    Ok(names.filter(|name| name.starts_with(USER)).flatten().copied().collect())
}

/// Removes `name`. `ENODATA` where there is none.
pub(crate) fn remove(fd: BorrowedFd<'_>, name: &[u8]) -> Result<()> {
    check(name)?;
    retry(|| fremovexattr(fd, name))
}
