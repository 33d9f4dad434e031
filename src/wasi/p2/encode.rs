//! The types of the interface that only this version has so, from and to ours.

use super::bindings::{DescriptorStat, DescriptorType, ErrorCode, NewTimestamp};
use super::errors::code;
use crate::abi::{Errno, FileType, SetTime, Stat, Timespec};
use crate::wasi::component::{Outcome, Version};
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;

/// WASI 0.2.
pub(super) enum P2 {}

impl Version for P2 {
    type NewTimestamp = NewTimestamp;
    type DescriptorType = DescriptorType;
    type DescriptorStat = DescriptorStat;
    type ErrorCode = ErrorCode;

    /// What nobody could tell is unknown.
    #[inline]
    fn descriptor_type(file_type: Option<FileType>) -> DescriptorType {
        match file_type {
            Some(FileType::Regular) => DescriptorType::RegularFile,
            Some(FileType::Directory) => DescriptorType::Directory,
            Some(FileType::Symlink) => DescriptorType::SymbolicLink,
            Some(FileType::Fifo) => DescriptorType::Fifo,
            Some(FileType::Socket) => DescriptorType::Socket,
            Some(FileType::CharDevice) => DescriptorType::CharacterDevice,
            Some(FileType::BlockDevice) => DescriptorType::BlockDevice,
            None => DescriptorType::Unknown,
        }
    }

    #[inline]
    fn descriptor_stat(stat: &Stat) -> DescriptorStat {
        DescriptorStat {
            type_: Self::descriptor_type(Some(stat.file_type)),
            link_count: stat.nlink,
            size: stat.size,
            data_access_timestamp: datetime(stat.atime),
            data_modification_timestamp: datetime(stat.mtime),
            status_change_timestamp: datetime(stat.ctime),
        }
    }

    /// `EINVAL` for nanoseconds that are a second or more, as utimensat(2) answers; `EOVERFLOW` for seconds beyond
    /// 2^63 - 1.
    fn set_time(time: NewTimestamp) -> Outcome<Option<SetTime>> {
        match time {
            NewTimestamp::NoChange => Ok(None),
            NewTimestamp::Now => Ok(Some(SetTime::Now)),
            NewTimestamp::Timestamp(Datetime { nanoseconds: 1_000_000_000.., .. }) => Err(Errno::Inval.into()),
            NewTimestamp::Timestamp(Datetime { seconds, nanoseconds: nanos }) => {
                let secs = i64::try_from(seconds).map_err(|_| Errno::Overflow)?;
                Ok(Some(SetTime::At(Timespec { secs, nanos })))
            }
        }
    }

    #[inline]
    fn failure(call: &'static str, errno: Errno) -> ErrorCode {
        tracing::debug!(target: "wasi_gofer::p2", call, ?errno);
        code(errno)
    }
}

/// A time as the interface has it: none before 1970, which it cannot express.
#[inline]
fn datetime(time: Timespec) -> Option<Datetime> {
    Some(Datetime { seconds: u64::try_from(time.secs).ok()?, nanoseconds: time.nanos })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasi::component::Fail;

    #[test]
    fn datetime_before_1970_is_none_and_the_far_future_is_kept() {
        assert!(datetime(Timespec { secs: -1, nanos: 999_999_999 }).is_none());
        let far = datetime(Timespec { secs: i64::MAX, nanos: 1 }).expect("after 1970");
        assert_eq!((far.seconds, far.nanoseconds), (i64::MAX.cast_unsigned(), 1));
    }

    #[test]
    fn set_time_out_of_range_is_an_errno() {
        let set = |seconds, nanoseconds| P2::set_time(NewTimestamp::Timestamp(Datetime { seconds, nanoseconds }));
        assert!(matches!(set(0, 1_000_000_000), Err(Fail::Errno(Errno::Inval))));
        assert!(matches!(set(u64::MAX, 0), Err(Fail::Errno(Errno::Overflow))));
        assert!(matches!(set(i64::MAX.cast_unsigned(), 999_999_999), Ok(Some(SetTime::At(_)))));
    }
}
