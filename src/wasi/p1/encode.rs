//! The ABI's structs, flags and enums, as bytes. Little-endian; padding is zero, so that no host memory shows through.

use super::errno::{Errno, Fail, Outcome};
use crate::abi::{FileType, SetTime, Stat, Timespec};
use crate::backend::Advice;
use crate::vfs::{OpenHow, SeekFrom};

pub(super) const FDFLAGS_APPEND: u32 = 1;
const FDFLAGS_DSYNC: u32 = 1 << 1;
pub(super) const FDFLAGS_NONBLOCK: u32 = 1 << 2;
const FDFLAGS_RSYNC: u32 = 1 << 3;
const FDFLAGS_SYNC: u32 = 1 << 4;
/// The flags that are fixed at open.
pub(super) const FDFLAGS_SYNCS: u32 = FDFLAGS_DSYNC | FDFLAGS_RSYNC | FDFLAGS_SYNC;
const FDFLAGS_ALL: u32 = 0x1f;

const OFLAGS_CREAT: u32 = 1;
const OFLAGS_DIRECTORY: u32 = 1 << 1;
const OFLAGS_EXCL: u32 = 1 << 2;
const OFLAGS_TRUNC: u32 = 1 << 3;
const OFLAGS_ALL: u32 = 0xf;

const FSTFLAGS_ATIM: u32 = 1;
const FSTFLAGS_ATIM_NOW: u32 = 1 << 1;
const FSTFLAGS_MTIM: u32 = 1 << 2;
const FSTFLAGS_MTIM_NOW: u32 = 1 << 3;
const FSTFLAGS_ALL: u32 = 0xf;

/// Rights, by their bits in the ABI.
pub(super) mod rights {
    pub(in crate::wasi::p1) const FD_DATASYNC: u64 = 1;
    pub(in crate::wasi::p1) const FD_READ: u64 = 1 << 1;
    pub(in crate::wasi::p1) const FD_SEEK: u64 = 1 << 2;
    pub(in crate::wasi::p1) const FD_FDSTAT_SET_FLAGS: u64 = 1 << 3;
    pub(in crate::wasi::p1) const FD_SYNC: u64 = 1 << 4;
    pub(in crate::wasi::p1) const FD_TELL: u64 = 1 << 5;
    pub(in crate::wasi::p1) const FD_WRITE: u64 = 1 << 6;
    pub(in crate::wasi::p1) const FD_ADVISE: u64 = 1 << 7;
    pub(in crate::wasi::p1) const FD_ALLOCATE: u64 = 1 << 8;
    pub(in crate::wasi::p1) const PATH_CREATE_DIRECTORY: u64 = 1 << 9;
    pub(in crate::wasi::p1) const PATH_CREATE_FILE: u64 = 1 << 10;
    pub(in crate::wasi::p1) const PATH_LINK_SOURCE: u64 = 1 << 11;
    pub(in crate::wasi::p1) const PATH_LINK_TARGET: u64 = 1 << 12;
    pub(in crate::wasi::p1) const PATH_OPEN: u64 = 1 << 13;
    pub(in crate::wasi::p1) const FD_READDIR: u64 = 1 << 14;
    pub(in crate::wasi::p1) const PATH_READLINK: u64 = 1 << 15;
    pub(in crate::wasi::p1) const PATH_RENAME_SOURCE: u64 = 1 << 16;
    pub(in crate::wasi::p1) const PATH_RENAME_TARGET: u64 = 1 << 17;
    pub(in crate::wasi::p1) const PATH_FILESTAT_GET: u64 = 1 << 18;
    pub(in crate::wasi::p1) const PATH_FILESTAT_SET_SIZE: u64 = 1 << 19;
    pub(in crate::wasi::p1) const PATH_FILESTAT_SET_TIMES: u64 = 1 << 20;
    pub(in crate::wasi::p1) const FD_FILESTAT_GET: u64 = 1 << 21;
    pub(in crate::wasi::p1) const FD_FILESTAT_SET_SIZE: u64 = 1 << 22;
    pub(in crate::wasi::p1) const FD_FILESTAT_SET_TIMES: u64 = 1 << 23;
    pub(in crate::wasi::p1) const PATH_SYMLINK: u64 = 1 << 24;
    pub(in crate::wasi::p1) const PATH_REMOVE_DIRECTORY: u64 = 1 << 25;
    pub(in crate::wasi::p1) const PATH_UNLINK_FILE: u64 = 1 << 26;
    pub(in crate::wasi::p1) const POLL_FD_READWRITE: u64 = 1 << 27;
    pub(in crate::wasi::p1) const ALL: u64 = (1 << 30) - 1;

    /// What wasmtime reports for a preopen: what guests' C libraries were written against.
    pub(in crate::wasi::p1) const PREOPEN: u64 = PATH_CREATE_DIRECTORY
        | PATH_CREATE_FILE
        | PATH_LINK_SOURCE
        | PATH_LINK_TARGET
        | PATH_OPEN
        | FD_READDIR
        | PATH_READLINK
        | PATH_RENAME_SOURCE
        | PATH_RENAME_TARGET
        | PATH_SYMLINK
        | PATH_REMOVE_DIRECTORY
        | PATH_UNLINK_FILE
        | PATH_FILESTAT_GET
        | PATH_FILESTAT_SET_TIMES
        | FD_FILESTAT_GET
        | FD_FILESTAT_SET_TIMES;

    /// And for what is opened through it.
    pub(in crate::wasi::p1) const PREOPEN_INHERITING: u64 = PREOPEN
        | FD_DATASYNC
        | FD_READ
        | FD_SEEK
        | FD_FDSTAT_SET_FLAGS
        | FD_SYNC
        | FD_TELL
        | FD_WRITE
        | FD_ADVISE
        | FD_ALLOCATE
        | FD_FILESTAT_SET_SIZE
        | POLL_FD_READWRITE;
}

/// `filetype`. Pipes have no code, and of a socket's name nobody can say which of the two kinds it is.
pub(super) fn filetype(file_type: FileType) -> u8 {
    match file_type {
        FileType::BlockDevice => 1,
        FileType::CharDevice => 2,
        FileType::Directory => 3,
        FileType::Regular => 4,
        FileType::Symlink => 7,
        FileType::Fifo | FileType::Socket => 0,
    }
}

/// A time as the ABI's nanoseconds: 0 for what is before 1970, the largest value for what is beyond 2554.
fn timestamp(time: Timespec) -> u64 {
    time.to_nanos().unwrap_or(0)
}

fn concat<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut bytes = [0; N];
    let mut rest = bytes.as_mut_slice();
    for part in parts {
        let (now, later) = rest.split_at_mut(part.len().min(rest.len()));
        now.copy_from_slice(part.get(..now.len()).unwrap_or_default());
        rest = later;
    }
    bytes
}

/// `filestat`: eight words.
#[inline]
pub(super) fn filestat(stat: &Stat) -> [u8; 64] {
    let words = [
        stat.key.dev,
        stat.key.ino,
        u64::from(filetype(stat.file_type)),
        stat.nlink,
        stat.size,
        timestamp(stat.atime),
        timestamp(stat.mtime),
        timestamp(stat.ctime),
    ];
    let mut bytes = [0; 64];
    for (place, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(words) {
        *place = word.to_le_bytes();
    }
    bytes
}

/// `fdstat`.
pub(super) fn fdstat(file_type: FileType, flags: u32, base: u64, inheriting: u64) -> [u8; 24] {
    let flags = u16::try_from(flags).unwrap_or(0);
    let head = [filetype(file_type), 0];
    concat(&[&head, &flags.to_le_bytes(), &[0; 4], &base.to_le_bytes(), &inheriting.to_le_bytes()])
}

/// `dirent`, without the name.
pub(super) fn dirent(next: u64, ino: u64, name_len: u32, file_type: Option<FileType>) -> [u8; 24] {
    let d_type = file_type.map_or(0, filetype);
    concat(&[&next.to_le_bytes(), &ino.to_le_bytes(), &name_len.to_le_bytes(), &[d_type, 0, 0, 0]])
}

/// A flag set of which `all` are known; any other bit is `EINVAL`.
pub(super) fn flags(raw: i32, all: u32) -> Outcome<u32> {
    let raw = raw.cast_unsigned();
    if raw & !all == 0 { Ok(raw) } else { Err(Errno::Inval.into()) }
}

/// `lookupflags`: whether a symbolic link at the end is followed.
pub(super) fn lookup_follow(raw: i32) -> Outcome<bool> {
    Ok(flags(raw, 1)? == 1)
}

/// `fdflags`.
pub(super) fn fdflags(raw: i32) -> Outcome<u32> {
    flags(raw, FDFLAGS_ALL)
}

/// `whence`.
pub(super) fn whence(raw: i32) -> Outcome<SeekFrom> {
    match raw {
        0 => Ok(SeekFrom::Start),
        1 => Ok(SeekFrom::Current),
        2 => Ok(SeekFrom::End),
        _ => Err(Errno::Inval.into()),
    }
}

/// `clockid`: `EINVAL` for one that the ABI does not have.
pub(super) fn clock(raw: i32) -> Outcome {
    if (0..=3).contains(&raw) { Ok(()) } else { Err(Errno::Inval.into()) }
}

/// `advice`.
pub(super) fn advice(raw: i32) -> Outcome<Advice> {
    match raw {
        0 => Ok(Advice::Normal),
        1 => Ok(Advice::Sequential),
        2 => Ok(Advice::Random),
        3 => Ok(Advice::WillNeed),
        4 => Ok(Advice::DontNeed),
        5 => Ok(Advice::NoReuse),
        _ => Err(Errno::Inval.into()),
    }
}

/// The flags of a `path_open`.
pub(super) fn open_how(lookup: i32, oflags: i32, base: i64, fdflags_raw: i32) -> Outcome<OpenHow> {
    let oflags = flags(oflags, OFLAGS_ALL)?;
    let fdflags = fdflags(fdflags_raw)?;
    let base = base.cast_unsigned();
    if base & !rights::ALL != 0 {
        return Err(Fail::Errno(Errno::Inval));
    }
    Ok(OpenHow {
        follow: lookup_follow(lookup)?,
        create: oflags & OFLAGS_CREAT != 0,
        exclusive: oflags & OFLAGS_EXCL != 0,
        truncate: oflags & OFLAGS_TRUNC != 0,
        directory: oflags & OFLAGS_DIRECTORY != 0,
        read: base & rights::FD_READ != 0,
        write: base & rights::FD_WRITE != 0,
        append: fdflags & FDFLAGS_APPEND != 0,
        sync: fdflags & (FDFLAGS_SYNC | FDFLAGS_RSYNC) != 0,
        dsync: fdflags & FDFLAGS_DSYNC != 0,
    })
}

/// The two times of a `*_set_times`: `EINVAL` when a time and "now" are both asked for.
pub(super) fn set_times(atim: i64, mtim: i64, raw: i32) -> Outcome<(Option<SetTime>, Option<SetTime>)> {
    let flags = flags(raw, FSTFLAGS_ALL)?;
    let one = |time: i64, set: u32, now: u32| match (flags & set != 0, flags & now != 0) {
        (true, true) => Err(Fail::Errno(Errno::Inval)),
        (true, false) => Ok(Some(SetTime::At(Timespec::from_nanos(time.cast_unsigned())))),
        (false, true) => Ok(Some(SetTime::Now)),
        (false, false) => Ok(None),
    };
    Ok((one(atim, FSTFLAGS_ATIM, FSTFLAGS_ATIM_NOW)?, one(mtim, FSTFLAGS_MTIM, FSTFLAGS_MTIM_NOW)?))
}
