//! Making pipes, sockets and files that stay closed.

use super::Keys;
use super::errno::retry;
use super::mkdir::made;
use crate::abi::{Errno, FileType, Mode, Name, Result, Stat};
use rustix::fd::BorrowedFd;
use rustix::fs::{FileType as OsType, Mode as OsMode, mknodat};

/// Makes `name` in `dir`: a pipe, an unbound socket or an empty regular file; the process's umask applies to `mode`.
/// `EPERM` for every other type: devices are not ours to make, directories and symbolic links have calls of their own.
pub(crate) fn mknod(keys: Keys, dir: BorrowedFd<'_>, name: Name<'_>, file_type: FileType, mode: Mode) -> Result<Stat> {
    let raw = match file_type {
        FileType::Fifo => OsType::Fifo,
        FileType::Socket => OsType::Socket,
        FileType::Regular => OsType::RegularFile,
        FileType::Directory | FileType::Symlink | FileType::CharDevice | FileType::BlockDevice => {
            return Err(Errno::Perm.into());
        }
    };
    retry(|| mknodat(dir, name.as_bytes(), raw, OsMode::from_raw_mode(mode.bits()), 0))?;
    made(keys, dir, name, file_type)
}
