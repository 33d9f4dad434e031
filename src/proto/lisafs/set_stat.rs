//! Changes of attributes, and what of them failed.

use super::wire::{DecodeError, FdId, NO_ID, messages};
use crate::abi::{Errno, Mode, SetStat, SetStatMask, SetStatReport, SetTime, Timespec};

/// `STATX_*` bits of the mask, with ours. The order is that of the fields.
const BITS: [(u32, SetStatMask); 6] = [
    (0x2, SetStatMask::MODE),
    (0x8, SetStatMask::UID),
    (0x10, SetStatMask::GID),
    (0x200, SetStatMask::SIZE),
    (0x20, SetStatMask::ATIME),
    (0x40, SetStatMask::MTIME),
];

/// The nanoseconds that mean the server's clock.
const UTIME_NOW: i64 = 0x3fff_ffff;
/// The nanoseconds that leave a time as it is.
const UTIME_OMIT: i64 = 0x3fff_fffe;

messages! {
    /// Changes attributes of a control file. Every attribute in the mask is tried.
    struct SetStatRequest {
        /// The control file.
        fd: FdId,
        /// Which of the fields are meant (`STATX_*`).
        mask: u32,
        /// Permission bits.
        mode: u32,
        /// Owner.
        uid: u32,
        /// Group.
        gid: u32,
        /// Length in bytes.
        size: u64,
        /// Access time, seconds since 1970.
        atime_secs: i64,
        /// Access time, nanoseconds or one of utimensat(2)'s two special values.
        atime_nanos: i64,
        /// Modification time, seconds since 1970.
        mtime_secs: i64,
        /// Modification time, nanoseconds or one of utimensat(2)'s two special values.
        mtime_nanos: i64,
    }

    /// What failed of a [`SetStatRequest`].
    struct SetStatReply {
        /// The attributes that were not set (`STATX_*`).
        failed: u32,
        /// One errno for all of them; 0 when all were set.
        errno: u32,
    }
}

impl SetStatRequest {
    /// The message that asks for `set`.
    #[must_use]
    pub fn new(fd: FdId, set: &SetStat) -> SetStatRequest {
        let (atime_secs, atime_nanos) = wire_time(set.atime);
        let (mtime_secs, mtime_nanos) = wire_time(set.mtime);
        SetStatRequest {
            fd,
            mask: to_wire(set.mask()),
            mode: set.mode.map_or(0, Mode::bits),
            uid: set.uid.unwrap_or(NO_ID),
            gid: set.gid.unwrap_or(NO_ID),
            size: set.size.unwrap_or(0),
            atime_secs,
            atime_nanos,
            mtime_secs,
            mtime_nanos,
        }
    }

    /// What is asked for. `EPERM` for a bit of the mask that is no attribute which can be set, `EINVAL` for nanoseconds
    /// out of range. An owner or a time that the values leave as they are is not asked for, whatever the mask says.
    pub fn to_set_stat(&self) -> Result<SetStat, Errno> {
        let Some(mask) = from_wire(self.mask) else { return Err(Errno::Perm) };
        let wanted = |bit: SetStatMask| mask.contains(bit);
        let time = |bit, secs, nanos| if wanted(bit) { set_time(secs, nanos) } else { Ok(None) };
        Ok(SetStat {
            mode: wanted(SetStatMask::MODE).then(|| Mode::new(self.mode)),
            uid: Some(self.uid).filter(|uid| wanted(SetStatMask::UID) && *uid != NO_ID),
            gid: Some(self.gid).filter(|gid| wanted(SetStatMask::GID) && *gid != NO_ID),
            size: wanted(SetStatMask::SIZE).then_some(self.size),
            atime: time(SetStatMask::ATIME, self.atime_secs, self.atime_nanos)?,
            mtime: time(SetStatMask::MTIME, self.mtime_secs, self.mtime_nanos)?,
        })
    }
}

impl SetStatReply {
    /// The message for a report.
    #[must_use]
    pub fn from_report(report: &SetStatReport) -> SetStatReply {
        let errno = report.errno.map_or(0, |errno| u32::from(errno as u16));
        SetStatReply { failed: to_wire(report.failed), errno }
    }

    /// The report. Failures without an errno, and with a number that is none, are `EIO`; an errno without a failure is
    /// none. [`DecodeError::Value`] for a bit that is no attribute which can be set.
    pub fn to_report(&self) -> Result<SetStatReport, DecodeError> {
        let failed = from_wire(self.failed).ok_or(DecodeError::Value)?;
        let errno = i32::try_from(self.errno).map_or(Errno::Io, Errno::from_raw);
        Ok(SetStatReport { failed, errno: (!failed.is_empty()).then_some(errno) })
    }
}

fn to_wire(mask: SetStatMask) -> u32 {
    BITS.iter().filter(|(_, ours)| mask.contains(*ours)).fold(0, |bits, (theirs, _)| bits | theirs)
}

/// `None` for a mask with an unknown bit.
fn from_wire(bits: u32) -> Option<SetStatMask> {
    let known = BITS.iter().fold(0, |bits, (theirs, _)| bits | theirs);
    let named = BITS.iter().filter(|(theirs, _)| bits & theirs != 0).map(|(_, ours)| *ours);
    (bits & !known == 0).then(|| named.collect())
}

fn wire_time(time: Option<SetTime>) -> (i64, i64) {
    match time {
        None => (0, UTIME_OMIT),
        Some(SetTime::Now) => (0, UTIME_NOW),
        Some(SetTime::At(time)) => (time.secs, time.nanos.into()),
    }
}

fn set_time(secs: i64, nanos: i64) -> Result<Option<SetTime>, Errno> {
    match nanos {
        UTIME_OMIT => Ok(None),
        UTIME_NOW => Ok(Some(SetTime::Now)),
        nanos => match u32::try_from(nanos) {
            Ok(nanos @ 0..=999_999_999) => Ok(Some(SetTime::At(Timespec { secs, nanos }))),
            _ => Err(Errno::Inval),
        },
    }
}
