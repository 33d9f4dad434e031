//! Listings.

use super::session::Session;
use crate::abi::{Errno, FileType, Name, Result};
use crate::hostfs::listing::{self, RawEntry};
use crate::hostfs::{Keys, stat};
use crate::proto::lisafs::{DirentsWriter, Getdents64, ReadDirStat, StatDirent, Statx, Str, WireDirent, Writer};
use rustix::fd::{AsFd, BorrowedFd};

/// Most bytes of the host's own entries for one answer. On the wire an entry takes a fifth more at most.
const BYTES_MAX: usize = 1 << 20;

/// On the wire, an entry with the longest name.
const ENTRY_MAX: usize = 27 + 255;

/// On the wire, an entry with attributes and the longest name.
const STAT_ENTRY_MAX: usize = 155 + 255;

/// How much more an entry with attributes takes on the wire than the host's own, at most: 159 bytes in place of 24.
const STAT_GROWTH: usize = 7;

impl Session {
    /// Lists from where the open directory stands. No entry is looked at: all have the directory's device, but for those
    /// on which something is mounted, whose inode number is not what a look-up tells either. On overlayfs devices differ
    /// from entry to entry, so there each is asked for.
    pub(super) fn getdents64(&self, request: &Getdents64, to: &mut Writer<'_>) -> Result<()> {
        let file = self.ids.lock().open(request.fd)?;
        let (keys, dir) = (self.shared.tree.host().keys(), file.as_fd());
        let _position = file.listing()?;
        let own = Statx::from_stat(&stat::stat_fd(keys, dir)?);
        // What the kernel has given out must find room.
        let room = to.left().saturating_sub(ENTRY_MAX) / 5 * 4;
        list(dir, (request.count, room), to, |entries, entry| {
            let other = || Name::new(entry.name).and_then(|name| stat::stat_at(keys, dir, name)).ok();
            let looked_at = if keys == Keys::WithoutBirth { other() } else { None };
            let at = looked_at.map_or(own, |stat| Statx::from_stat(&stat));
            entries.push(&WireDirent {
                ino: entry.ino,
                dev_minor: at.dev_minor.get(),
                dev_major: at.dev_major.get(),
                offset: entry.cookie,
                kind: entry.file_type.map_or(0, FileType::dirent_type),
                raw_name: Str(entry.name),
            })
        })
    }

    /// As [`Session::getdents64`], where each entry is looked at.
    pub(super) fn read_dir_stat(&self, request: &ReadDirStat, to: &mut Writer<'_>) -> Result<()> {
        let file = self.ids.lock().open(request.fd)?;
        let (keys, dir) = (self.shared.tree.host().keys(), file.as_fd());
        let _position = file.listing()?;
        let room = to.left().saturating_sub(STAT_ENTRY_MAX) / STAT_GROWTH;
        list(dir, (request.count, room), to, |entries, entry| {
            let looked_at = Name::new(entry.name).and_then(|name| stat::stat_at(keys, dir, name));
            // One that went meanwhile, or that may not be looked at, is listed all the same.
            let unknown = || Statx { ino: entry.ino.into(), ..Statx::default() };
            entries.push(&StatDirent {
                offset: entry.cookie,
                stat: &looked_at.map_or_else(|_| unknown(), |stat| Statx::from_stat(&stat)),
                kind: entry.file_type.map_or(0, FileType::dirent_type),
                raw_name: Str(entry.name),
            })
        })
    }
}

/// Writes the next entries of an open directory by `push`: about as many bytes of the host's own as `count` says, from the
/// start where that is negative, and `room` at most.
fn list(
    dir: BorrowedFd<'_>,
    (count, room): (i32, usize),
    to: &mut Writer<'_>,
    mut push: impl FnMut(&mut DirentsWriter<'_, '_>, RawEntry<'_>) -> bool,
) -> Result<()> {
    if count < 0 {
        listing::rewind(dir)?;
    }
    let asked = usize::try_from(count.unsigned_abs()).map_err(|_| Errno::Overflow)?;
    let mut entries = DirentsWriter::new(to)?;
    let mut fits = true;
    listing::list(dir, asked.min(BYTES_MAX).min(room), &mut |entry| fits &= push(&mut entries, entry))?;
    if fits { Ok(()) } else { Err(Errno::Overflow.into()) }
}
