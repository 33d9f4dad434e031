//! The types of the interface, from and to ours.

use super::bindings::{
    Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, MetadataHashValue, NewTimestamp,
    OpenFlags, PathFlags,
};
use crate::abi::{Errno, FileType, SetTime, Stat, Timespec};
use crate::backend::Advice as Hint;
use crate::wasi::component::{self, OpenArgs, Outcome};
use wasmtime_wasi::p3::bindings::clocks::system_clock::Instant;

/// `descriptor-type`; what nobody could tell is another one without a name.
pub(super) fn descriptor_type(file_type: Option<FileType>) -> DescriptorType {
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

/// A time as the interface has it: seconds before 1970 are negative, and nanoseconds count forward from them.
fn instant(time: Timespec) -> Instant {
    Instant { seconds: time.secs, nanoseconds: time.nanos }
}

/// `descriptor-stat`.
#[inline]
pub(super) fn descriptor_stat(stat: &Stat) -> DescriptorStat {
    DescriptorStat {
        type_: descriptor_type(Some(stat.file_type)),
        link_count: stat.nlink,
        size: stat.size,
        data_access_timestamp: Some(instant(stat.atime)),
        data_modification_timestamp: Some(instant(stat.mtime)),
        status_change_timestamp: Some(instant(stat.ctime)),
    }
}

/// `directory-entry`.
pub(super) fn directory_entry(entry: component::DirectoryEntry) -> DirectoryEntry {
    DirectoryEntry { type_: descriptor_type(entry.file_type), name: entry.name }
}

/// `metadata-hash-value`.
pub(super) fn metadata_hash_value([lower, upper]: [u64; 2]) -> MetadataHashValue {
    MetadataHashValue { lower, upper }
}

/// A time to set: `EINVAL` for nanoseconds that are a second or more, as utimensat(2) answers. What the storage cannot
/// hold is its own answer.
pub(super) fn set_time(time: NewTimestamp) -> Outcome<Option<SetTime>> {
    match time {
        NewTimestamp::NoChange => Ok(None),
        NewTimestamp::Now => Ok(Some(SetTime::Now)),
        NewTimestamp::Timestamp(Instant { nanoseconds: 1_000_000_000.., .. }) => Err(Errno::Inval.into()),
        NewTimestamp::Timestamp(Instant { seconds: secs, nanoseconds: nanos }) => {
            Ok(Some(SetTime::At(Timespec { secs, nanos })))
        }
    }
}

/// Whether a symbolic link at the end of a path is followed.
pub(super) fn follow(flags: PathFlags) -> bool {
    flags.contains(PathFlags::SYMLINK_FOLLOW)
}

/// `advice`.
pub(super) fn advice(advice: Advice) -> Hint {
    match advice {
        Advice::Normal => Hint::Normal,
        Advice::Sequential => Hint::Sequential,
        Advice::Random => Hint::Random,
        Advice::WillNeed => Hint::WillNeed,
        Advice::DontNeed => Hint::DontNeed,
        Advice::NoReuse => Hint::NoReuse,
    }
}

/// The flags of the interface beside ours.
const FLAGS: [(DescriptorFlags, component::DescriptorFlags); 6] = [
    (DescriptorFlags::READ, component::DescriptorFlags::READ),
    (DescriptorFlags::WRITE, component::DescriptorFlags::WRITE),
    (DescriptorFlags::FILE_INTEGRITY_SYNC, component::DescriptorFlags::FILE_INTEGRITY_SYNC),
    (DescriptorFlags::DATA_INTEGRITY_SYNC, component::DescriptorFlags::DATA_INTEGRITY_SYNC),
    (DescriptorFlags::REQUESTED_WRITE_SYNC, component::DescriptorFlags::REQUESTED_WRITE_SYNC),
    (DescriptorFlags::MUTATE_DIRECTORY, component::DescriptorFlags::MUTATE_DIRECTORY),
];

/// `descriptor-flags`.
pub(super) fn descriptor_flags(ours: component::DescriptorFlags) -> DescriptorFlags {
    let set = FLAGS.into_iter().filter(|(_, our)| ours.contains(*our));
    set.fold(DescriptorFlags::empty(), |flags, (theirs, _)| flags | theirs)
}

/// What `open-at` is given.
pub(super) fn open_args(path: PathFlags, open: OpenFlags, flags: DescriptorFlags) -> OpenArgs {
    let set = FLAGS.into_iter().filter(|(theirs, _)| flags.contains(*theirs));
    OpenArgs {
        follow: follow(path),
        create: open.contains(OpenFlags::CREATE),
        directory: open.contains(OpenFlags::DIRECTORY),
        exclusive: open.contains(OpenFlags::EXCLUSIVE),
        truncate: open.contains(OpenFlags::TRUNCATE),
        flags: set.fold(component::DescriptorFlags::empty(), |flags, (_, our)| flags | our),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasi::component::Fail;

    #[test]
    fn instant_before_1970_has_negative_seconds() {
        let before = instant(Timespec { secs: -1, nanos: 999_999_999 });
        assert_eq!((before.seconds, before.nanoseconds), (-1, 999_999_999));
    }

    #[test]
    fn set_time_takes_any_second_and_refuses_a_second_of_nanoseconds() {
        let set = |seconds, nanoseconds| set_time(NewTimestamp::Timestamp(Instant { seconds, nanoseconds }));
        for secs in [i64::MIN, -1, 0, i64::MAX] {
            let Ok(Some(SetTime::At(time))) = set(secs, 999_999_999) else { panic!("{secs}") };
            assert_eq!((time.secs, time.nanos), (secs, 999_999_999));
            assert!(matches!(set(secs, 1_000_000_000), Err(Fail::Errno(Errno::Inval))));
        }
    }

    #[test]
    fn descriptor_flags_of_what_open_args_read_are_the_same() {
        for bits in 0..64u8 {
            let ours = component::DescriptorFlags::from_bits_truncate(bits);
            let args = open_args(PathFlags::empty(), OpenFlags::empty(), descriptor_flags(ours));
            assert_eq!(args.flags, ours);
        }
    }
}
