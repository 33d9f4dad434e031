//! Changing attributes.

use super::connection::Connection;
use crate::abi::{Call, Errno, FileType, Mode, Result, SetStat, SetStatMask, SetStatReport, SetTime};
use crate::proto::lisafs::{FdId, SetStatRequest};

/// Both halves of a utimensat(2).
const TIMES: SetStatMask = SetStatMask::ATIME.union(SetStatMask::MTIME);

/// Both halves of a chown(2).
const OWNER: SetStatMask = SetStatMask::UID.union(SetStatMask::GID);

/// The bits that a new owner takes away.
const SET_ID: u32 = 0o6000;

/// Asks for what is left of `set` behind what is refused here, and reports both. The owner is asked for first where the
/// mode has bits that a new owner takes away: servers differ in their order.
pub(super) fn set_stat(
    connection: &Connection,
    call: &Call,
    control: FdId,
    set: &SetStat,
    mut report: SetStatReport,
) -> Result<SetStatReport> {
    let mut rest = without(set, report.failed);
    let owner_first = rest.mode.is_some_and(|mode| mode.bits() & SET_ID != 0) && rest.mask().intersects(OWNER);
    if owner_first {
        let owner = SetStat { uid: rest.uid, gid: rest.gid, ..SetStat::default() };
        ask(connection, call, control, &owner, &mut report)?;
        (rest.uid, rest.gid) = (None, None);
    }
    ask(connection, call, control, &rest, &mut report)?;
    Ok(report)
}

fn ask(connection: &Connection, call: &Call, control: FdId, set: &SetStat, report: &mut SetStatReport) -> Result<()> {
    let asked = set.mask();
    if asked.is_empty() {
        return Ok(());
    }
    let told = connection.ask(call, &SetStatRequest::new(control, set), |reply, _| Ok(reply.to_report()?))?;
    if !asked.contains(told.failed) {
        return Err(Errno::Io.into());
    }
    match told.errno {
        // No attribute that cannot be set: the object is no more where its control file says.
        Some(errno @ (Errno::Stale | Errno::Noent)) if told.failed == asked => return Err(errno.into()),
        Some(errno) => report.fail(told.failed, errno),
        None => {}
    }
    Ok(())
}

/// What of `set` no server need be asked for: values that mean something else on the way, the mode of an object that has
/// none of its own, and a length without an open file. `size` is what a length fails with, if it does.
pub(super) fn refused(set: &SetStat, file_type: FileType, size: Option<Errno>) -> SetStatReport {
    let mut report = SetStatReport::DONE;
    let mask = set.mask();
    let mut refuse = |what: SetStatMask, errno| {
        if !(mask & what).is_empty() {
            report.fail(mask & what, errno);
        }
    };
    // The number that means "leave it".
    if set.uid == Some(u32::MAX) || set.gid == Some(u32::MAX) {
        refuse(OWNER, Errno::Inval);
    }
    if !matches!(file_type, FileType::Regular | FileType::Directory) {
        refuse(SetStatMask::MODE, Errno::Opnotsupp);
    }
    if let Some(errno) = size {
        refuse(SetStatMask::SIZE, errno);
    }
    let out_of_range = |time: Option<SetTime>| matches!(time, Some(SetTime::At(time)) if time.nanos > 999_999_999);
    if out_of_range(set.atime) || out_of_range(set.mtime) {
        refuse(TIMES, Errno::Inval);
    }
    report
}

pub(super) fn without(set: &SetStat, failed: SetStatMask) -> SetStat {
    fn keep<T>(value: Option<T>, failed: SetStatMask, bit: SetStatMask) -> Option<T> {
        value.filter(|_| !failed.contains(bit))
    }
    SetStat {
        mode: keep::<Mode>(set.mode, failed, SetStatMask::MODE),
        uid: keep(set.uid, failed, SetStatMask::UID),
        gid: keep(set.gid, failed, SetStatMask::GID),
        size: keep(set.size, failed, SetStatMask::SIZE),
        atime: keep(set.atime, failed, SetStatMask::ATIME),
        mtime: keep(set.mtime, failed, SetStatMask::MTIME),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::Timespec;

    #[test]
    fn refused_of_values_that_mean_something_else_names_each() {
        let far = SetTime::At(Timespec { secs: 0, nanos: 1_000_000_000 });
        let set = SetStat {
            mode: Some(Mode::new(0o600)),
            uid: Some(u32::MAX),
            gid: Some(1),
            size: Some(1),
            atime: Some(far),
            mtime: None,
        };
        let all = refused(&set, FileType::Symlink, Some(Errno::Inval));
        assert_eq!((all.failed, all.errno), (set.mask(), Some(Errno::Inval)));
        assert!(without(&set, all.failed).mask().is_empty());
        let fine = SetStat { uid: Some(1), atime: Some(SetTime::Now), ..set };
        assert_eq!(refused(&fine, FileType::Regular, None), SetStatReport::DONE);
        let mode_alone = refused(&fine, FileType::Fifo, None);
        assert_eq!((mode_alone.failed, mode_alone.errno), (SetStatMask::MODE, Some(Errno::Opnotsupp)));
        assert_eq!(without(&fine, mode_alone.failed), SetStat { mode: None, ..fine });
    }
}
