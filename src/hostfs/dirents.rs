//! Listing directories.

use super::errno::from_os;
use super::errno::retry;
use super::{Host, walk};
use crate::abi::{Dirent, FileType, Name, Result};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{FileType as OsType, RawDir, SeekFrom, seek};
use rustix::io::Errno as OsErrno;

/// Bytes of entries that one `getdents64(2)` fetches.
const BUFFER: usize = 32 * 1024;

/// The cookie behind an entry for which a filesystem gave the offset 0, which would be taken for the start: the end.
const COOKIE_END: u64 = u64::MAX;

/// Lists the directory `dir` from behind `cookie` (0: from the start) until the end, which answers true, or until
/// `sink` refuses an entry, which answers false. `.` and `..` are left out, the types are those that the entries carry,
/// and no entry is looked at. A removed directory is empty. `EINVAL` for a cookie that the filesystem cannot seek to.
pub(crate) fn read_dir(
    host: &Host,
    dir: BorrowedFd<'_>,
    cookie: u64,
    sink: &mut dyn FnMut(Dirent<'_>) -> bool,
) -> Result<bool> {
    if cookie == COOKIE_END {
        return Ok(true);
    }
    let listed = walk::readable(host, dir)?;
    if cookie != 0 {
        retry(|| seek(&listed, SeekFrom::Start(cookie)))?;
    }
    let mut buffer = Vec::with_capacity(BUFFER);
    let mut entries = RawDir::new(listed.as_fd(), buffer.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(OsErrno::INTR) => continue,
            // A removed directory has no entries.
            Err(OsErrno::NOENT) => return Ok(true),
            Err(errno) => return Err(from_os(errno)),
        };
        // `.` and `..` are no names; neither is what only a broken filesystem lists, and nobody could ask for it.
        let Ok(name) = Name::new(entry.file_name().to_bytes()) else { continue };
        let cookie = match entry.next_entry_cookie() {
            0 => COOKIE_END,
            cookie => cookie,
        };
        let file_type = known_type(entry.file_type());
        if !sink(Dirent { name, ino: entry.ino(), file_type, cookie }) {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(super) fn known_type(raw: OsType) -> Option<FileType> {
    match raw {
        OsType::RegularFile => Some(FileType::Regular),
        OsType::Directory => Some(FileType::Directory),
        OsType::Symlink => Some(FileType::Symlink),
        OsType::Fifo => Some(FileType::Fifo),
        OsType::Socket => Some(FileType::Socket),
        OsType::CharacterDevice => Some(FileType::CharDevice),
        OsType::BlockDevice => Some(FileType::BlockDevice),
        OsType::Unknown => None,
    }
}
