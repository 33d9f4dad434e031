//! Figures of filesystems.

use super::errno::retry;
use crate::abi::{Result, StatFs};
use rustix::fd::BorrowedFd;
use rustix::fs::fstatfs;

/// Magic of overlayfs (`OVERLAYFS_SUPER_MAGIC`).
const OVERLAY_MAGIC: u64 = 0x794c_7630;

/// Figures of the filesystem that holds an open object, also one opened with `O_PATH`.
pub(crate) fn statfs(fd: BorrowedFd<'_>) -> Result<StatFs> {
    let raw = retry(|| fstatfs(fd))?;
    Ok(StatFs {
        magic: clamp(raw.f_type),
        block_size: clamp(raw.f_bsize),
        blocks: clamp(raw.f_blocks),
        blocks_free: clamp(raw.f_bfree),
        blocks_available: clamp(raw.f_bavail),
        files: clamp(raw.f_files),
        files_free: clamp(raw.f_ffree),
        name_max: clamp(raw.f_namelen),
    })
}

/// Whether the filesystem is overlayfs, where a descriptor opened before the first write goes on reading the lower
/// layer's file.
pub(crate) fn is_overlay(figures: &StatFs) -> bool {
    figures.magic == OVERLAY_MAGIC
}

/// The fields' types differ between architectures; none of them is ever negative.
fn clamp<T: TryInto<u64>>(value: T) -> u64 {
    value.try_into().unwrap_or(0)
}
