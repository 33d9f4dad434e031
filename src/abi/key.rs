//! The identity of an object of a backend.

use std::num::NonZeroI64;

/// What tells one object from every other of its mount: device, inode number, birth time. Inode numbers are reused at
/// once (ext4: always), so two keys without a birth time prove sameness only while a descriptor of the object is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InodeKey {
    /// The device of the filesystem (`stx_dev_major`/`minor`, joined as in makedev(3)); a backend without devices picks
    /// a number of its own.
    pub dev: u64,
    /// The inode number.
    pub ino: u64,
    /// Birth time in nanoseconds since 1970 (`STATX_BTIME`); `None` where the filesystem has none.
    pub birth_ns: Option<NonZeroI64>,
}
