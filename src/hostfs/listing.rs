//! Listing a directory that stays open, from where the descriptor stands.

use super::dirents::known_type;
use super::errno::{from_os, retry};
use crate::abi::{FileType, Result};
use rustix::fd::BorrowedFd;
use rustix::fs::{RawDir, SeekFrom, seek};
use rustix::io::Errno as OsErrno;

/// Bytes that the kernel needs for any one entry: `struct linux_dirent64` with a name of 255 bytes, aligned.
const ENTRY_MAX: usize = 280;

/// Most bytes of entries that are fetched at once.
const FETCH_MAX: usize = 64 * 1024;

/// The fixed part of `struct linux_dirent64`, and the NUL.
const ENTRY_BYTES: usize = 20;

/// An entry as the kernel lists it, `.` and `..` left out. Its name is any bytes without a NUL.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawEntry<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) ino: u64,
    /// `None` where the filesystem does not say.
    pub(crate) file_type: Option<FileType>,
    /// Where a listing goes on behind it.
    pub(crate) cookie: u64,
}

/// Has the next [`list`] begin at the first entry.
pub(crate) fn rewind(dir: BorrowedFd<'_>) -> Result<()> {
    retry(|| seek(dir, SeekFrom::Start(0))).map(|_| ())
}

/// Hands the entries of an open, readable directory to `sink`, about `bytes` of the kernel's own, or the next alone where
/// that takes more. So nothing is handed out at the end alone. What was handed out is behind the descriptor's position,
/// so nobody else may list by it meanwhile. A removed directory is at its end.
pub(crate) fn list(dir: BorrowedFd<'_>, bytes: usize, sink: &mut dyn FnMut(RawEntry<'_>)) -> Result<()> {
    let fetch = bytes.clamp(ENTRY_MAX, FETCH_MAX);
    // The kernel's entries are aligned within it.
    let mut buffer = Vec::with_capacity(fetch.saturating_add(align_of::<u64>()));
    let mut entries = RawDir::new(dir, buffer.spare_capacity_mut());
    let (mut used, mut listed) = (0usize, false);
    loop {
        let fetched = used.saturating_add(fetch);
        if entries.is_buffer_empty() && listed && fetched > bytes {
            return Ok(());
        }
        let entry = match entries.next() {
            None | Some(Err(OsErrno::NOENT)) => return Ok(()),
            Some(Err(OsErrno::INTR)) => continue,
            Some(Err(errno)) => return Err(from_os(errno)),
            Some(Ok(entry)) => entry,
        };
        let name = entry.file_name().to_bytes();
        used = used.saturating_add(ENTRY_BYTES).saturating_add(name.len()).next_multiple_of(align_of::<u64>());
        if name != b"." && name != b".." {
            listed = true;
            let file_type = known_type(entry.file_type());
            sink(RawEntry { name, ino: entry.ino(), file_type, cookie: entry.next_entry_cookie() });
        }
    }
}
