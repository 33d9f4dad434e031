//! The types that `wasi:filesystem` has alike in all versions, from and to ours. They are written once, and not generated
//! for each version: wasmtime compares them with a guest's, name by name, when the guest is linked.

use super::descriptor::DescriptorFlags as Ours;
use super::open::OpenArgs;
use crate::backend::Advice as Hint;
use wasmtime::component::{ComponentType, Lift, Lower, flags};

/// `advice`.
#[allow(dead_code, reason = "made by `Lift`, out of a guest's discriminant")]
#[derive(Clone, Copy, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
pub(crate) enum Advice {
    #[component(name = "normal")]
    Normal,
    #[component(name = "sequential")]
    Sequential,
    #[component(name = "random")]
    Random,
    #[component(name = "will-need")]
    WillNeed,
    #[component(name = "dont-need")]
    DontNeed,
    #[component(name = "no-reuse")]
    NoReuse,
}

flags! {
    DescriptorFlags {
        #[component(name = "read")]
        const READ;
        #[component(name = "write")]
        const WRITE;
        #[component(name = "file-integrity-sync")]
        const FILE_INTEGRITY_SYNC;
        #[component(name = "data-integrity-sync")]
        const DATA_INTEGRITY_SYNC;
        #[component(name = "requested-write-sync")]
        const REQUESTED_WRITE_SYNC;
        #[component(name = "mutate-directory")]
        const MUTATE_DIRECTORY;
    }
}

flags! {
    PathFlags {
        #[component(name = "symlink-follow")]
        const SYMLINK_FOLLOW;
    }
}

flags! {
    OpenFlags {
        #[component(name = "create")]
        const CREATE;
        #[component(name = "directory")]
        const DIRECTORY;
        #[component(name = "exclusive")]
        const EXCLUSIVE;
        #[component(name = "truncate")]
        const TRUNCATE;
    }
}

/// `metadata-hash-value`.
#[derive(Clone, Copy, ComponentType, Lower)]
#[component(record)]
pub(crate) struct MetadataHashValue {
    lower: u64,
    upper: u64,
}

impl From<[u64; 2]> for MetadataHashValue {
    fn from([lower, upper]: [u64; 2]) -> Self {
        MetadataHashValue { lower, upper }
    }
}

/// Whether a symbolic link at the end of a path is followed.
#[inline]
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
const FLAGS: [(DescriptorFlags, Ours); 6] = [
    (DescriptorFlags::READ, Ours::READ),
    (DescriptorFlags::WRITE, Ours::WRITE),
    (DescriptorFlags::FILE_INTEGRITY_SYNC, Ours::FILE_INTEGRITY_SYNC),
    (DescriptorFlags::DATA_INTEGRITY_SYNC, Ours::DATA_INTEGRITY_SYNC),
    (DescriptorFlags::REQUESTED_WRITE_SYNC, Ours::REQUESTED_WRITE_SYNC),
    (DescriptorFlags::MUTATE_DIRECTORY, Ours::MUTATE_DIRECTORY),
];

/// `descriptor-flags`.
#[inline]
pub(super) fn descriptor_flags(ours: Ours) -> DescriptorFlags {
    let set = FLAGS.into_iter().filter(|(_, our)| ours.contains(*our));
    set.fold(DescriptorFlags::empty(), |flags, (theirs, _)| flags | theirs)
}

/// What `open-at` is given.
#[inline]
pub(super) fn open_args(path: PathFlags, open: OpenFlags, flags: DescriptorFlags) -> OpenArgs {
    let set = FLAGS.into_iter().filter(|(theirs, _)| flags.contains(*theirs));
    OpenArgs {
        follow: follow(path),
        create: open.contains(OpenFlags::CREATE),
        directory: open.contains(OpenFlags::DIRECTORY),
        exclusive: open.contains(OpenFlags::EXCLUSIVE),
        truncate: open.contains(OpenFlags::TRUNCATE),
        flags: set.fold(Ours::empty(), |flags, (_, our)| flags | our),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptor_flags_of_what_open_args_read_are_the_same() {
        for bits in 0..64u8 {
            let ours = Ours::from_bits_truncate(bits);
            let args = open_args(PathFlags::empty(), OpenFlags::empty(), descriptor_flags(ours));
            assert_eq!(args.flags, ours);
        }
    }
}
