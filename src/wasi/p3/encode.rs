//! The types of the interface that only this version has so, from and to ours.

use super::bindings::{DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode, NewTimestamp};
use super::errors::code;
use crate::abi::{Errno, FileType, SetTime, Stat, Timespec};
use crate::wasi::component::{self, Outcome, Version};
use wasmtime_wasi::p3::bindings::clocks::system_clock::Instant;

/// WASI 0.3.
pub(super) enum P3 {}

impl Version for P3 {
    type NewTimestamp = NewTimestamp;
    type DescriptorType = DescriptorType;
    type DescriptorStat = DescriptorStat;
    type ErrorCode = ErrorCode;

    /// What nobody could tell is another one without a name.
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
            None => DescriptorType::Other(None),
        }
    }

    #[inline]
    fn descriptor_stat(stat: &Stat) -> DescriptorStat {
        DescriptorStat {
            type_: Self::descriptor_type(Some(stat.file_type)),
            link_count: stat.nlink,
            size: stat.size,
            data_access_timestamp: Some(instant(stat.atime)),
            data_modification_timestamp: Some(instant(stat.mtime)),
            status_change_timestamp: Some(instant(stat.ctime)),
        }
    }

    /// `EINVAL` for nanoseconds that are a second or more, as utimensat(2) answers. What the storage cannot hold is its
    /// own answer.
    fn set_time(time: NewTimestamp) -> Outcome<Option<SetTime>> {
        match time {
            NewTimestamp::NoChange => Ok(None),
            NewTimestamp::Now => Ok(Some(SetTime::Now)),
            NewTimestamp::Timestamp(Instant { nanoseconds: 1_000_000_000.., .. }) => Err(Errno::Inval.into()),
            NewTimestamp::Timestamp(Instant { seconds: secs, nanoseconds: nanos }) => {
                Ok(Some(SetTime::At(Timespec { secs, nanos })))
            }
        }
    }

    #[inline]
    fn failure(call: &'static str, errno: Errno) -> ErrorCode {
        tracing::debug!(target: "wasi_gofer::p3", call, ?errno);
        code(errno)
    }
}

/// A time as the interface has it: seconds before 1970 are negative, and nanoseconds count forward from them.
#[inline]
fn instant(time: Timespec) -> Instant {
    Instant { seconds: time.secs, nanoseconds: time.nanos }
}

/// `directory-entry`.
pub(super) fn directory_entry(entry: component::DirectoryEntry) -> DirectoryEntry {
    DirectoryEntry { type_: P3::descriptor_type(entry.file_type), name: entry.name }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasi::component::Fail;

    #[test]
    fn descriptor_type_of_what_nobody_knows_is_another_one() {
        assert!(matches!(P3::descriptor_type(None), DescriptorType::Other(None)));
        assert!(matches!(P3::descriptor_type(Some(FileType::Socket)), DescriptorType::Socket));
    }

    #[test]
    fn instant_before_1970_has_negative_seconds() {
        let before = instant(Timespec { secs: -1, nanos: 999_999_999 });
        assert_eq!((before.seconds, before.nanoseconds), (-1, 999_999_999));
    }

    #[test]
    fn set_time_takes_any_second_and_refuses_a_second_of_nanoseconds() {
        let set = |seconds, nanoseconds| P3::set_time(NewTimestamp::Timestamp(Instant { seconds, nanoseconds }));
        for secs in [i64::MIN, -1, 0, i64::MAX] {
            let Ok(Some(SetTime::At(time))) = set(secs, 999_999_999) else { panic!("{secs}") };
            assert_eq!((time.secs, time.nanos), (secs, 999_999_999));
            assert!(matches!(set(secs, 1_000_000_000), Err(Fail::Errno(Errno::Inval))));
        }
    }
}
