//! Changing attributes. Every attribute that is named is tried, and the report says which failed.
//!
//! The order is owner, mode, length, times: a new owner clears set-user-ID bits that the mode may ask for, and a new
//! length sets the modification time.

use super::Host;
use super::errno::{from_os, retry};
use super::open::open_file;
use super::walk::hold;
use crate::abi::{
    Errno, Error, FileType, InodeKey, Mode, Name, OpenFlags, Result, SetStat, SetStatMask, SetStatReport, SetTime,
};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{
    AtFlags, Gid, Mode as OsMode, Timespec as OsTime, Timestamps, UTIME_NOW, UTIME_OMIT, Uid, chmodat, chownat, fchmod,
    ftruncate, futimens, utimensat,
};
use rustix::io;

/// Both halves of a chown(2).
const OWNER: SetStatMask = SetStatMask::UID.union(SetStatMask::GID);

/// Both halves of a utimensat(2).
const TIMES: SetStatMask = SetStatMask::ATIME.union(SetStatMask::MTIME);

/// Changes attributes of a file that is open with an access.
pub(crate) fn set_stat_open(fd: BorrowedFd<'_>, set: &SetStat) -> SetStatReport {
    let mut report = SetStatReport::DONE;
    attempt(&mut report, set, OWNER, || set_owner(fd, set));
    attempt(&mut report, set, SetStatMask::MODE, || retry(|| fchmod(fd, mode(set))));
    attempt(&mut report, set, SetStatMask::SIZE, || retry(|| ftruncate(fd, set.size.unwrap_or(0))));
    attempt(&mut report, set, TIMES, || times(set).and_then(|times| retry(|| futimens(fd, &times))));
    report
}

/// Changes attributes of a directory that is held by a control handle. A length is `EISDIR`.
pub(crate) fn set_stat_dir(dir: BorrowedFd<'_>, set: &SetStat) -> SetStatReport {
    let mut report = SetStatReport::DONE;
    attempt(&mut report, set, OWNER, || set_owner(dir, set));
    // fchmod(2) refuses O_PATH descriptors, and "." is no symbolic link that could be followed.
    attempt(&mut report, set, SetStatMask::MODE, || retry(|| chmodat(dir, c".", mode(set), AtFlags::empty())));
    attempt(&mut report, set, SetStatMask::SIZE, || Err(Errno::Isdir.into()));
    attempt(&mut report, set, TIMES, || set_times(dir, set, || (dir, b".", AtFlags::empty())));
    report
}

/// Changes attributes of what `name` in `dir` is; `ESTALE`, with nothing changed, when that is not the object with
/// `key`. A length is `EINVAL`: it is set through an open file. The mode of anything but a regular file or directory
/// is `EOPNOTSUPP`: it would have to be opened for that.
pub(crate) fn set_stat_named(
    host: &Host,
    dir: BorrowedFd<'_>,
    name: Name<'_>,
    (key, file_type): (InodeKey, FileType),
    set: &SetStat,
) -> Result<SetStatReport> {
    let held = hold(host, dir, name, key)?;
    if file_type == FileType::Directory {
        return Ok(set_stat_dir(held.as_fd(), set));
    }
    let mut report = SetStatReport::DONE;
    attempt(&mut report, set, OWNER, || set_owner(held.as_fd(), set));
    attempt(&mut report, set, SetStatMask::MODE, || match file_type {
        FileType::Regular => chmod_named(host, dir, name, key, mode(set)),
        _ => Err(Errno::Opnotsupp.into()),
    });
    attempt(&mut report, set, SetStatMask::SIZE, || Err(Errno::Inval.into()));
    attempt(&mut report, set, TIMES, || {
        set_times(held.as_fd(), set, || (dir, name.as_bytes(), AtFlags::SYMLINK_NOFOLLOW))
    });
    Ok(report)
}

/// Sets the length of the regular file `name` in `dir`, which is opened for it. Errors as [`open_file`].
#[cfg(feature = "sidecar")]
pub(crate) fn truncate_named(
    host: &Host,
    dir: BorrowedFd<'_>,
    name: Name<'_>,
    is: (InodeKey, FileType),
    size: u64,
) -> Result<()> {
    if is.1 != FileType::Regular {
        return Err(if is.1 == FileType::Directory { Errno::Isdir } else { Errno::Inval }.into());
    }
    let fd = open_file(host, dir, name, is, OpenFlags::WRITE)?;
    retry(|| ftruncate(&fd, size))
}

/// Changes attributes of what is held by an `O_PATH` descriptor and has no name any more. Mode and length are
/// `EOPNOTSUPP`: it would have to be opened for them.
#[cfg(feature = "sidecar")]
pub(crate) fn set_stat_held(held: BorrowedFd<'_>, set: &SetStat) -> SetStatReport {
    let mut report = SetStatReport::DONE;
    attempt(&mut report, set, OWNER, || set_owner(held, set));
    attempt(&mut report, set, SetStatMask::MODE | SetStatMask::SIZE, || Err(Errno::Opnotsupp.into()));
    attempt(&mut report, set, TIMES, || {
        let times = times(set)?;
        retry(|| utimensat(held, c"", &times, AtFlags::EMPTY_PATH))
    });
    report
}

/// Opens the regular file for the change, with whichever access its present mode allows.
fn chmod_named(host: &Host, dir: BorrowedFd<'_>, name: Name<'_>, key: InodeKey, mode: OsMode) -> Result<()> {
    let file = (key, FileType::Regular);
    let fd = match open_file(host, dir, name, file, OpenFlags::READ) {
        Err(Error::Errno(Errno::Acces)) => open_file(host, dir, name, file, OpenFlags::WRITE),
        other => other,
    }?;
    retry(|| fchmod(&fd, mode))
}

fn set_owner(held: BorrowedFd<'_>, set: &SetStat) -> Result<()> {
    let (uid, gid) = owner(set)?;
    retry(|| chownat(held, c"", uid, gid, AtFlags::EMPTY_PATH))
}

/// By the descriptor that is held; where the kernel is older than 5.8 by the name, whose key was compared just before.
fn set_times<'a>(
    held: BorrowedFd<'_>,
    set: &SetStat,
    by_name: impl FnOnce() -> (BorrowedFd<'a>, &'a [u8], AtFlags),
) -> Result<()> {
    let times = times(set)?;
    match io::retry_on_intr(|| utimensat(held, c"", &times, AtFlags::EMPTY_PATH)) {
        Err(io::Errno::INVAL) => {
            let (dir, name, flags) = by_name();
            retry(|| utimensat(dir, name, &times, flags))
        }
        other => other.map_err(from_os),
    }
}

/// Makes `change` if `set` names anything of `group`, and notes in `report` what of it failed. A change that nobody
/// asked for is not made even where it would change nothing: it would set the inode's change time.
fn attempt(report: &mut SetStatReport, set: &SetStat, group: SetStatMask, change: impl FnOnce() -> Result<()>) {
    let what = set.mask() & group;
    if what.is_empty() {
        return;
    }
    if let Err(error) = change() {
        report.fail(what, error.errno());
    }
}

/// `EINVAL` for the number that chown(2) reads as "leave it".
fn owner(set: &SetStat) -> Result<(Option<Uid>, Option<Gid>)> {
    if set.uid == Some(u32::MAX) || set.gid == Some(u32::MAX) {
        return Err(Errno::Inval.into());
    }
    Ok((set.uid.map(Uid::from_raw), set.gid.map(Gid::from_raw)))
}

/// Only asked where `set` names a mode.
fn mode(set: &SetStat) -> OsMode {
    OsMode::from_raw_mode(set.mode.map_or(0, Mode::bits))
}

fn times(set: &SetStat) -> Result<Timestamps> {
    Ok(Timestamps { last_access: time(set.atime)?, last_modification: time(set.mtime)? })
}

/// `EINVAL` for a nanosecond part out of range, among which are the numbers that utimensat(2) reads as "now" and
/// "leave it".
fn time(set: Option<SetTime>) -> Result<OsTime> {
    match set {
        None => Ok(OsTime { tv_sec: 0, tv_nsec: UTIME_OMIT }),
        Some(SetTime::Now) => Ok(OsTime { tv_sec: 0, tv_nsec: UTIME_NOW }),
        Some(SetTime::At(time)) if time.nanos > 999_999_999 => Err(Errno::Inval.into()),
        Some(SetTime::At(time)) => Ok(OsTime { tv_sec: time.secs, tv_nsec: time.nanos.into() }),
    }
}
