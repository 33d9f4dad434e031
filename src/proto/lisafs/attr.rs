//! Attributes: `Statx`, the inode that a walk answers with, and the figures of a filesystem.

use super::wire::{Decode, DecodeError, Encode, EncodeError, FdId, Reader, Writer, messages};
use crate::abi::{FileType, InodeKey, Mode, Stat, StatFs, Timespec};
use std::num::NonZeroI64;
use zerocopy::little_endian::{I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A point in time in a [`Statx`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct StatxTime {
    /// Seconds since 1970.
    pub secs: I64,
    /// Nanoseconds.
    pub nanos: U32,
    /// Zero.
    pub pad: U32,
}

/// The attributes of an object: the first 144 bytes of Linux's `struct statx`. [`Statx::to_stat`] says which of them are
/// to be believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Statx {
    /// Which fields the server filled (`STATX_*`).
    pub mask: U32,
    /// Preferred transfer size in bytes.
    pub blksize: U32,
    /// Attribute flags (`STATX_ATTR_*`).
    pub attributes: U64,
    /// Number of names.
    pub nlink: U32,
    /// Owner.
    pub uid: U32,
    /// Group.
    pub gid: U32,
    /// Type and permission bits.
    pub mode: U16,
    /// Zero.
    pub pad: U16,
    /// Inode number.
    pub ino: U64,
    /// Length in bytes.
    pub size: U64,
    /// Blocks of 512 bytes in use.
    pub blocks: U64,
    /// Which attribute flags mean anything.
    pub attributes_mask: U64,
    /// Last access.
    pub atime: StatxTime,
    /// Birth.
    pub btime: StatxTime,
    /// Last change of the inode.
    pub ctime: StatxTime,
    /// Last change of the contents.
    pub mtime: StatxTime,
    /// Of a device, its number's major half.
    pub rdev_major: U32,
    /// Of a device, its number's minor half.
    pub rdev_minor: U32,
    /// Of the filesystem's device, the major half.
    pub dev_major: U32,
    /// Of the filesystem's device, the minor half.
    pub dev_minor: U32,
}

const _: () = assert!(size_of::<Statx>() == 144 && size_of::<Inode>() == 152);

/// Fields without which there is no [`Stat`]: type, mode, number of names, owner, group, inode number, length, and the
/// times that say whether something changed.
const NEEDED: u32 = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x40 | 0x80 | 0x100 | 0x200;
/// Last access: Linux leaves it out where a filesystem keeps none.
const ATIME: u32 = 0x20;
/// Blocks in use.
const BLOCKS: u32 = 0x400;
/// Birth.
const BTIME: u32 = 0x800;
/// `STATX_BASIC_STATS`.
const BASIC: u32 = NEEDED | ATIME | BLOCKS;

/// The largest length that a file can have.
const SIZE_MAX: u64 = i64::MAX.cast_unsigned();

impl Statx {
    /// What the server told, as far as its mask says that it told it. Access time and blocks are zero where it did not,
    /// as Linux leaves them; the birth time is then no part of the key.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Value`] when another attribute is missing, for a type that no object has, and for a length that no
    /// file has. A nanosecond part out of range, which only a broken filesystem has, is cut.
    pub fn to_stat(&self) -> Result<Stat, DecodeError> {
        let mask = self.mask.get();
        let mode = u32::from(self.mode.get());
        if mask & NEEDED != NEEDED || self.size.get() > SIZE_MAX {
            return Err(DecodeError::Value);
        }
        let told = |field: u32| mask & field != 0;
        let birth = told(BTIME).then(|| timespec(self.btime).to_nanos_signed());
        Ok(Stat {
            key: InodeKey {
                dev: join_dev(self.dev_major.get(), self.dev_minor.get()),
                ino: self.ino.get(),
                birth_ns: birth.and_then(NonZeroI64::new),
            },
            file_type: FileType::from_mode_bits(mode).ok_or(DecodeError::Value)?,
            mode: Mode::new(mode),
            nlink: self.nlink.get().into(),
            uid: self.uid.get(),
            gid: self.gid.get(),
            size: self.size.get(),
            blocks: if told(BLOCKS) { self.blocks.get() } else { 0 },
            blksize: self.blksize.get(),
            atime: if told(ATIME) { timespec(self.atime) } else { Timespec::default() },
            mtime: timespec(self.mtime),
            ctime: timespec(self.ctime),
        })
    }

    /// The attributes as a server tells them; the mask has the birth time only if the key has one. A number of names
    /// over `u32::MAX` is told as that.
    #[must_use]
    pub fn from_stat(stat: &Stat) -> Statx {
        let (dev_major, dev_minor) = split_dev(stat.key.dev);
        let (btime, has_birth) = match stat.key.birth_ns {
            Some(birth) => (birth_time(birth.get()), BTIME),
            None => (StatxTime::default(), 0),
        };
        Statx {
            mask: U32::new(BASIC | has_birth),
            blksize: U32::new(stat.blksize),
            nlink: U32::new(u32::try_from(stat.nlink).unwrap_or(u32::MAX)),
            uid: U32::new(stat.uid),
            gid: U32::new(stat.gid),
            mode: U16::new(mode_bits(stat.file_type, stat.mode)),
            ino: U64::new(stat.key.ino),
            size: U64::new(stat.size),
            blocks: U64::new(stat.blocks),
            atime: wire_time(stat.atime),
            btime,
            ctime: wire_time(stat.ctime),
            mtime: wire_time(stat.mtime),
            dev_major: U32::new(dev_major),
            dev_minor: U32::new(dev_minor),
            ..Statx::default()
        }
    }
}

/// Type and permission bits as `st_mode` has them.
pub(super) const fn mode_bits(file_type: FileType, mode: Mode) -> u16 {
    let kind = match file_type {
        FileType::Regular => 0o100_000,
        FileType::Directory => 0o040_000,
        FileType::Symlink => 0o120_000,
        FileType::Fifo => 0o010_000,
        FileType::Socket => 0o140_000,
        FileType::CharDevice => 0o020_000,
        FileType::BlockDevice => 0o060_000,
    };
    // The permission bits are twelve.
    #[allow(clippy::cast_possible_truncation, reason = "twelve bits")]
    let mode = mode.bits() as u16;
    kind | mode
}

/// As makedev(3): every pair has a number of its own.
pub(super) const fn join_dev(major: u32, minor: u32) -> u64 {
    let (major, minor) = (major as u64, minor as u64);
    (major & 0xffff_f000) << 32 | (major & 0xfff) << 8 | (minor & 0xffff_ff00) << 12 | (minor & 0xff)
}

/// The inverse of [`join_dev`], for every number.
#[allow(clippy::cast_possible_truncation, reason = "each half is masked to 32 bits")]
pub(super) const fn split_dev(dev: u64) -> (u32, u32) {
    let major = (dev >> 32) & 0xffff_f000 | (dev >> 8) & 0xfff;
    let minor = (dev >> 12) & 0xffff_ff00 | dev & 0xff;
    (major as u32, minor as u32)
}

fn timespec(time: StatxTime) -> Timespec {
    Timespec { secs: time.secs.get(), nanos: time.nanos.get().min(999_999_999) }
}

fn wire_time(time: Timespec) -> StatxTime {
    StatxTime { secs: I64::new(time.secs), nanos: U32::new(time.nanos), pad: U32::ZERO }
}

fn birth_time(ns: i64) -> StatxTime {
    // The remainder is below 10^9.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "remainder of a division by 10^9")]
    let nanos = ns.rem_euclid(1_000_000_000) as u32;
    wire_time(Timespec { secs: ns.div_euclid(1_000_000_000), nanos })
}

/// An object in an answer: the control file that the client has to close, and the attributes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Inode {
    /// The new control file.
    pub control: FdId,
    /// The object's attributes.
    pub stat: Statx,
}

macro_rules! borrowed {
    ($($type:ident)*) => {$(
        impl<'a> Decode<'a> for &'a $type {
            fn decode(from: &mut Reader<'a>) -> Result<Self, DecodeError> {
                from.fixed()
            }
        }

        impl Encode for &$type {
            fn encode(&self, to: &mut Writer<'_>) -> Result<(), EncodeError> {
                to.bytes(self.as_bytes())
            }
        }
    )*};
}

borrowed! { Statx Inode }

messages! {
    /// Asks for the attributes of a control or open file; answered by a [`Statx`].
    struct FStat {
        /// The file.
        fd: FdId,
    }

    /// Asks for the figures of the filesystem that a control file is in.
    struct FStatFs {
        /// The file.
        fd: FdId,
    }

    /// Figures of a filesystem, as statfs(2) has them.
    struct StatFsReply {
        /// Magic.
        magic: u64,
        /// Block size in bytes.
        block_size: i64,
        /// Blocks in all.
        blocks: u64,
        /// Blocks free.
        blocks_free: u64,
        /// Blocks free to the unprivileged.
        blocks_available: u64,
        /// Inodes in all.
        files: u64,
        /// Inodes free.
        files_free: u64,
        /// Longest name in bytes.
        name_max: u64,
    }
}

impl StatFsReply {
    /// The figures. [`DecodeError::Value`] for a negative block size.
    pub fn to_stat_fs(&self) -> Result<StatFs, DecodeError> {
        Ok(StatFs {
            magic: self.magic,
            block_size: u64::try_from(self.block_size).map_err(|_| DecodeError::Value)?,
            blocks: self.blocks,
            blocks_free: self.blocks_free,
            blocks_available: self.blocks_available,
            files: self.files,
            files_free: self.files_free,
            name_max: self.name_max,
        })
    }

    /// The figures as a server tells them; a block size beyond the field's range is told as its end.
    #[must_use]
    pub fn from_stat_fs(figures: &StatFs) -> StatFsReply {
        StatFsReply {
            magic: figures.magic,
            block_size: i64::try_from(figures.block_size).unwrap_or(i64::MAX),
            blocks: figures.blocks,
            blocks_free: figures.blocks_free,
            blocks_available: figures.blocks_available,
            files: figures.files,
            files_free: figures.files_free,
            name_max: figures.name_max,
        }
    }
}
