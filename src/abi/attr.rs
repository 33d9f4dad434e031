//! Attributes of objects, and the changes asked of them.

use super::{Errno, InodeKey, SetStatMask, Timespec};

/// What kind of object an inode is (`S_IFMT`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FileType {
    /// Regular file.
    Regular = 1,
    /// Directory.
    Directory = 2,
    /// Symbolic link.
    Symlink = 3,
    /// Named pipe.
    Fifo = 4,
    /// Unix socket.
    Socket = 5,
    /// Character device.
    CharDevice = 6,
    /// Block device.
    BlockDevice = 7,
}

impl FileType {
    /// The type in the high bits of a `st_mode`.
    #[must_use]
    pub const fn from_mode_bits(mode: u32) -> Option<FileType> {
        match mode & 0o170_000 {
            0o100_000 => Some(FileType::Regular),
            0o040_000 => Some(FileType::Directory),
            0o120_000 => Some(FileType::Symlink),
            0o010_000 => Some(FileType::Fifo),
            0o140_000 => Some(FileType::Socket),
            0o020_000 => Some(FileType::CharDevice),
            0o060_000 => Some(FileType::BlockDevice),
            _ => None,
        }
    }

    /// The type of a `d_type` (readdir(3)); `None` for `DT_UNKNOWN` and numbers that mean nothing.
    #[must_use]
    pub const fn from_dirent_type(d_type: u8) -> Option<FileType> {
        match d_type {
            8 => Some(FileType::Regular),
            4 => Some(FileType::Directory),
            10 => Some(FileType::Symlink),
            1 => Some(FileType::Fifo),
            12 => Some(FileType::Socket),
            2 => Some(FileType::CharDevice),
            6 => Some(FileType::BlockDevice),
            _ => None,
        }
    }

    /// The type as a `d_type` tells it.
    #[must_use]
    pub const fn dirent_type(self) -> u8 {
        match self {
            FileType::Regular => 8,
            FileType::Directory => 4,
            FileType::Symlink => 10,
            FileType::Fifo => 1,
            FileType::Socket => 12,
            FileType::CharDevice => 2,
            FileType::BlockDevice => 6,
        }
    }

    /// The inverse of the discriminant; `None` for a number that is no variant.
    #[must_use]
    pub const fn from_repr(repr: u8) -> Option<FileType> {
        match repr {
            1 => Some(FileType::Regular),
            2 => Some(FileType::Directory),
            3 => Some(FileType::Symlink),
            4 => Some(FileType::Fifo),
            5 => Some(FileType::Socket),
            6 => Some(FileType::CharDevice),
            7 => Some(FileType::BlockDevice),
            _ => None,
        }
    }
}

/// Permission bits with set-user-ID, set-group-ID and sticky (`07777`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mode(u16);

impl Mode {
    /// Keeps the twelve low bits.
    #[must_use]
    pub const fn new(bits: u32) -> Mode {
        // Twelve bits always fit.
        #[allow(clippy::cast_possible_truncation, reason = "masked to twelve bits")]
        Mode((bits & 0o7777) as u16)
    }

    /// Those of a new object that is asked for with these, in a process with this umask.
    #[must_use]
    pub const fn masked(self, umask: Mode) -> Mode {
        Mode(self.0 & !umask.0)
    }

    /// The twelve bits.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0 as u32
    }
}

/// What a backend knows of an object, from one `statx` or its equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Identity.
    pub key: InodeKey,
    /// Kind.
    pub file_type: FileType,
    /// Permission bits.
    pub mode: Mode,
    /// Number of names.
    pub nlink: u64,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Length in bytes; of a symlink the length of its target.
    pub size: u64,
    /// Blocks of 512 bytes in use.
    pub blocks: u64,
    /// Preferred transfer size in bytes.
    pub blksize: u32,
    /// Last access.
    pub atime: Timespec,
    /// Last change of the contents.
    pub mtime: Timespec,
    /// Last change of the inode.
    pub ctime: Timespec,
}

impl Stat {
    /// Attributes of nothing: what a place for an answer holds before there is one.
    pub const UNKNOWN: Stat = Stat {
        key: InodeKey { dev: 0, ino: 0, birth_ns: None },
        file_type: FileType::Regular,
        mode: Mode::new(0),
        nlink: 0,
        uid: 0,
        gid: 0,
        size: 0,
        blocks: 0,
        blksize: 0,
        atime: Timespec { secs: 0, nanos: 0 },
        mtime: Timespec { secs: 0, nanos: 0 },
        ctime: Timespec { secs: 0, nanos: 0 },
    };
}

/// A time to set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetTime {
    /// The backend's clock (`UTIME_NOW`).
    Now,
    /// This point.
    At(Timespec),
}

/// Attributes to change; `None` leaves one as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetStat {
    /// New permission bits.
    pub mode: Option<Mode>,
    /// New owner.
    pub uid: Option<u32>,
    /// New group.
    pub gid: Option<u32>,
    /// New length in bytes; growth reads as zeros.
    pub size: Option<u64>,
    /// New access time.
    pub atime: Option<SetTime>,
    /// New modification time.
    pub mtime: Option<SetTime>,
}

impl SetStat {
    /// Which attributes are named.
    #[must_use]
    pub fn mask(&self) -> SetStatMask {
        let mut mask = SetStatMask::empty();
        mask.set(SetStatMask::MODE, self.mode.is_some());
        mask.set(SetStatMask::UID, self.uid.is_some());
        mask.set(SetStatMask::GID, self.gid.is_some());
        mask.set(SetStatMask::SIZE, self.size.is_some());
        mask.set(SetStatMask::ATIME, self.atime.is_some());
        mask.set(SetStatMask::MTIME, self.mtime.is_some());
        mask
    }
}

/// What of a `SetStat` failed. A backend tries every named attribute, as lisafs's SetStat does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetStatReport {
    /// The attributes that were not set; empty when all were.
    pub failed: SetStatMask,
    /// The first failure.
    pub errno: Option<Errno>,
}

impl SetStatReport {
    /// Everything was set.
    pub const DONE: SetStatReport = SetStatReport { failed: SetStatMask::empty(), errno: None };

    /// Notes that `what` failed with `errno`; the first failure's number is kept.
    pub fn fail(&mut self, what: SetStatMask, errno: Errno) {
        self.failed |= what;
        self.errno.get_or_insert(errno);
    }
}

/// A directory entry as a backend lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dirent<'a> {
    /// The entry's name; `.` and `..` are not listed.
    pub name: super::Name<'a>,
    /// Inode number.
    pub ino: u64,
    /// Kind; `None` where the filesystem does not say without a stat.
    pub file_type: Option<FileType>,
    /// Where a later listing goes on behind this entry. Never 0.
    pub cookie: u64,
}

/// Figures of a filesystem (statfs(2)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatFs {
    /// Filesystem magic.
    pub magic: u64,
    /// Block size in bytes.
    pub block_size: u64,
    /// Blocks in all.
    pub blocks: u64,
    /// Blocks free.
    pub blocks_free: u64,
    /// Blocks free to the unprivileged.
    pub blocks_available: u64,
    /// Inodes in all.
    pub files: u64,
    /// Inodes free.
    pub files_free: u64,
    /// Longest name in bytes.
    pub name_max: u64,
}
