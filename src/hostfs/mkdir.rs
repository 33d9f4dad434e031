//! Making directories.

use super::Keys;
use super::errno::retry;
use super::stat::stat_at;
use crate::abi::{Errno, FileType, Mode, Name, Result, Stat};
use rustix::fd::BorrowedFd;
use rustix::fs::{Mode as OsMode, mkdirat};

/// Makes the directory `name` in `dir`. The process's umask applies to `mode`. `ESTALE` when an outsider put something
/// else in its place before it could be looked at.
pub(crate) fn mkdir(keys: Keys, dir: BorrowedFd<'_>, name: Name<'_>, mode: Mode) -> Result<Stat> {
    mkdir_unseen(dir, name, mode)?;
    made(keys, dir, name, FileType::Directory)
}

/// As [`mkdir`], without a look at what was made.
pub(crate) fn mkdir_unseen(dir: BorrowedFd<'_>, name: Name<'_>, mode: Mode) -> Result<()> {
    retry(|| mkdirat(dir, name.as_bytes(), OsMode::from_raw_mode(mode.bits())))
}

/// Attributes of what was just made under `name`, which must be of `file_type`.
pub(super) fn made(keys: Keys, dir: BorrowedFd<'_>, name: Name<'_>, file_type: FileType) -> Result<Stat> {
    let stat = stat_at(keys, dir, name)?;
    if stat.file_type == file_type { Ok(stat) } else { Err(Errno::Stale.into()) }
}
