//! Attributes: one `statx(2)` each.

use super::errno::retry;
use crate::abi::{Errno, FileType, InodeKey, Mode, Name, Result, Stat, Timespec};
use rustix::fd::BorrowedFd;
use rustix::fs::{AtFlags, Statx, StatxFlags, StatxTimestamp, makedev, statx};
use std::num::NonZeroI64;

/// What makes the key of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    /// Device, inode number and birth time, where the filesystem has one.
    WithBirth,
    /// Device and inode number. For overlayfs: there an object that is written for the first time, and every directory
    /// above it, is copied up and gets another birth time, while it keeps its number.
    WithoutBirth,
}

/// What every `Stat` needs, and the birth time, without which an inode number is no identity.
const MASK: StatxFlags = StatxFlags::BASIC_STATS.union(StatxFlags::BTIME);

/// Attributes of `name` in `dir`, of a symbolic link itself. Does not trigger automounts.
#[inline]
pub(crate) fn stat_at(keys: Keys, dir: BorrowedFd<'_>, name: Name<'_>) -> Result<Stat> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    convert(keys, &retry(|| statx(dir, name.as_bytes(), flags, MASK))?)
}

/// Attributes of what `name` in `dir` is, provided that it still is the object with `key`; else `ESTALE`.
pub(crate) fn stat_at_as(keys: Keys, dir: BorrowedFd<'_>, name: Name<'_>, key: InodeKey) -> Result<Stat> {
    stat_at(keys, dir, name).and_then(|stat| expect(stat, key))
}

/// Attributes of an open object, also of one opened with `O_PATH`.
#[inline]
pub(crate) fn stat_fd(keys: Keys, fd: BorrowedFd<'_>) -> Result<Stat> {
    convert(keys, &retry(|| statx(fd, c"", AtFlags::EMPTY_PATH, MASK))?)
}

/// `stat` if it has `key`, else `ESTALE`.
pub(crate) fn expect(stat: Stat, key: InodeKey) -> Result<Stat> {
    if stat.key == key { Ok(stat) } else { Err(Errno::Stale.into()) }
}

/// `EIO` for a type that Linux does not have, which only a broken filesystem answers with.
#[inline]
fn convert(keys: Keys, raw: &Statx) -> Result<Stat> {
    let mode = u32::from(raw.stx_mode);
    let has_birth = keys == Keys::WithBirth && raw.stx_mask & StatxFlags::BTIME.bits() != 0;
    let birth = has_birth.then(|| time(raw.stx_btime).to_nanos_signed());
    Ok(Stat {
        key: InodeKey {
            dev: makedev(raw.stx_dev_major, raw.stx_dev_minor),
            ino: raw.stx_ino,
            birth_ns: birth.and_then(NonZeroI64::new),
        },
        file_type: FileType::from_mode_bits(mode).ok_or(Errno::Io)?,
        mode: Mode::new(mode),
        nlink: u64::from(raw.stx_nlink),
        uid: raw.stx_uid,
        gid: raw.stx_gid,
        size: raw.stx_size,
        blocks: raw.stx_blocks,
        blksize: raw.stx_blksize,
        atime: time(raw.stx_atime),
        mtime: time(raw.stx_mtime),
        ctime: time(raw.stx_ctime),
    })
}

/// Passes any point in time through; a nanosecond part out of range, which only a broken filesystem has, is cut.
fn time(raw: StatxTimestamp) -> Timespec {
    Timespec { secs: raw.tv_sec, nanos: raw.tv_nsec.min(999_999_999) }
}
