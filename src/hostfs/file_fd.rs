//! Descriptors of open files, and writing by them, straight from the caller's buffers.

use super::data::BUFFERS_MAX;
use super::errno::retry;
use super::kernel;
use super::statfs::{is_overlay, statfs};
use crate::abi::{Errno, Result};
use parking_lot::RwLock;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, OFlags, StatxFlags, fcntl_getfl, fcntl_setfl, statx};
use rustix::io::{ReadWriteFlags, pwrite, pwritev2};
use std::io::IoSlice;

/// The first kernel whose overlayfs hands `RWF_APPEND` on to the layer that has the file. (Linux 5f034d34737e; before, the
/// write goes to the offset, and says that all was well.)
const OVERLAY_APPENDS: (u32, u32) = (6, 7);

/// The descriptor of an open file. Its position is never used by what is in here.
#[derive(Debug)]
pub(crate) struct FileFd {
    fd: OwnedFd,
    /// Where `RWF_APPEND` does nothing, and only a description that has `O_APPEND` appends: then every write by it does, so
    /// who writes at an offset holds this shared, and who appends alone. Nobody else writes by the description.
    turns: Option<Box<RwLock<()>>>,
}

impl FileFd {
    pub(crate) fn new(fd: OwnedFd) -> FileFd {
        let by_turns = kernel::is_before(OVERLAY_APPENDS) && statfs(fd.as_fd()).is_ok_and(|told| is_overlay(&told));
        FileFd { fd, turns: by_turns.then(Box::default) }
    }

    /// Writes `bufs` at `offset`; short as pwritev(2).
    pub(crate) fn write_at(&self, bufs: &[IoSlice<'_>], offset: u64) -> Result<usize> {
        let _shared = self.turns.as_ref().map(|turns| turns.read());
        match first(bufs) {
            [one] => retry(|| pwrite(&self.fd, one, offset)),
            // As pwritev(2), but for the offset -1, which here means the descriptor's position.
            _ if i64::try_from(offset).is_err() => Err(Errno::Inval.into()),
            bufs => retry(|| pwritev2(&self.fd, bufs, offset, ReadWriteFlags::empty())),
        }
    }

    /// Writes `bufs` at the end of the file, wherever that is when the kernel has locked it, and answers the bytes written
    /// and the length of the file behind them. Another appender may have written more by the time the length is asked for,
    /// so it is never too small but may be too large.
    pub(crate) fn append(&self, bufs: &[IoSlice<'_>]) -> Result<(usize, u64)> {
        // RWF_APPEND ignores the offset, except that -1 would move the descriptor's position.
        let write = || retry(|| pwritev2(&self.fd, first(bufs), 0, ReadWriteFlags::APPEND));
        let written = match &self.turns {
            None => write()?,
            Some(turns) => {
                let _alone = turns.write();
                let flags = retry(|| fcntl_getfl(&self.fd))?;
                retry(|| fcntl_setfl(&self.fd, flags | OFlags::APPEND))?;
                let written = write();
                // It was taken a moment ago, with one flag more.
                retry(|| fcntl_setfl(&self.fd, flags))?;
                written?
            }
        };
        let stat = retry(|| statx(&self.fd, c"", AtFlags::EMPTY_PATH, StatxFlags::SIZE))?;
        Ok((written, stat.stx_size))
    }
}

impl AsFd for FileFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn first<'a, 'b>(bufs: &'a [IoSlice<'b>]) -> &'a [IoSlice<'b>] {
    bufs.get(..BUFFERS_MAX).unwrap_or(bufs)
}

#[cfg(test)]
mod tests {
    use super::{BorrowedFd, FileFd, OFlags, fcntl_getfl};
    use rustix::fd::AsFd;
    use std::io::IoSlice;
    use std::thread::scope;

    fn by_turns(file: std::fs::File) -> FileFd {
        FileFd { fd: file.into(), turns: Some(Box::default()) }
    }

    fn is_appending(fd: BorrowedFd<'_>) -> bool {
        fcntl_getfl(fd).expect("told").contains(OFlags::APPEND)
    }

    #[test]
    fn append_by_turns_beside_writes_at_offsets_loses_neither() {
        const RECORDS: usize = 2_000;
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("file");
        std::fs::write(&path, [b'.'; 64]).expect("written");
        let open = || std::fs::OpenOptions::new().write(true).open(&path).expect("opened");
        let (file, other) = (by_turns(open()), by_turns(open()));
        scope(|s| {
            for (mark, file) in [(b'a', &file), (b'b', &file), (b'c', &other)] {
                s.spawn(move || {
                    for _ in 0..RECORDS {
                        let halves = [[mark; 3], [mark; 3]];
                        let (written, end) =
                            file.append(&halves.each_ref().map(|half| IoSlice::new(half))).expect("appended");
                        assert_eq!((written, end >= 70), (6, true));
                    }
                });
            }
            for mark in [b'x', b'y'] {
                let file = &file;
                s.spawn(move || {
                    for at in (0..64).cycle().take(RECORDS) {
                        assert_eq!(file.write_at(&[IoSlice::new(&[mark])], at), Ok(1));
                    }
                });
            }
        });
        assert!(!is_appending(file.as_fd()));
        let data = std::fs::read(&path).expect("read");
        assert_eq!(data.len(), 64 + 3 * 6 * RECORDS, "a write at an offset went to the end, or an append to an offset");
        assert!(data.iter().take(64).all(|byte| matches!(byte, b'x' | b'y')));
        for mark in [b'a', b'b', b'c'] {
            let whole =
                data.get(64..).into_iter().flat_map(|records| records.chunks(6)).filter(|record| **record == [mark; 6]);
            assert_eq!(whole.count(), RECORDS, "{mark}");
        }
    }

    #[test]
    fn append_by_turns_that_fails_leaves_a_description_that_does_not_append() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("file");
        std::fs::write(&path, "1234").expect("written");
        let file = by_turns(std::fs::File::open(&path).expect("opened"));
        assert_eq!(file.append(&[IoSlice::new(b"5")]), Err(crate::abi::Errno::Badf.into()));
        assert!(!is_appending(file.as_fd()));
    }
}
