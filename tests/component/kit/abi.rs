//! What the interface's values look like in a guest's memory.

use crate::kit::version::{LINKS_AT, Seconds};
use std::fmt;

pub(crate) use crate::kit::version::kind;

/// `error-code`, by its discriminant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Code(pub(crate) u8);

/// The cases of the version's `error-code`, in its order.
macro_rules! codes {
    ($($name:ident)*) => {
        impl Code {
            pub(super) const NAMES: &[&str] = &[$(stringify!($name),)*];
            codes!(@ 0u8; $($name)*);
        }
    };
    (@ $n:expr; $name:ident $($rest:ident)*) => {
        #[allow(dead_code, reason = "the list is the interface's")]
        pub(crate) const $name: Code = Code($n);
        codes!(@ $n + 1; $($rest)*);
    };
    (@ $n:expr;) => {};
}

pub(crate) use codes;

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Code::NAMES.get(usize::from(self.0)).unwrap_or(&"no code"))
    }
}

/// `descriptor-flags`.
pub(crate) mod flags {
    pub(crate) const READ: u32 = 1;
    pub(crate) const WRITE: u32 = 1 << 1;
    pub(crate) const FILE_INTEGRITY_SYNC: u32 = 1 << 2;
    pub(crate) const DATA_INTEGRITY_SYNC: u32 = 1 << 3;
    pub(crate) const REQUESTED_WRITE_SYNC: u32 = 1 << 4;
    pub(crate) const MUTATE_DIRECTORY: u32 = 1 << 5;
}

/// `open-flags`.
pub(crate) mod open {
    pub(crate) const CREATE: u32 = 1;
    pub(crate) const DIRECTORY: u32 = 1 << 1;
    pub(crate) const EXCLUSIVE: u32 = 1 << 2;
    pub(crate) const TRUNCATE: u32 = 1 << 3;
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

/// A `datetime` or `instant`: seconds since 1970 and nanoseconds.
pub(crate) type Time = (Seconds, u32);

/// The 64 bits of seconds, which have a sign in one version and none in another.
pub(crate) fn bits(seconds: Seconds) -> u64 {
    u64::from_le_bytes(seconds.to_le_bytes())
}

/// `descriptor-stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DescriptorStat {
    pub(crate) kind: u8,
    pub(crate) links: u64,
    pub(crate) size: u64,
    pub(crate) accessed: Option<Time>,
    pub(crate) modified: Option<Time>,
    pub(crate) changed: Option<Time>,
}

impl DescriptorStat {
    pub(crate) const SIZE: u32 = LINKS_AT as u32 + 88;

    pub(crate) fn read(bytes: &[u8]) -> DescriptorStat {
        let links = usize::from(LINKS_AT);
        let time = |at: usize| {
            let seconds = Seconds::from_le_bytes(u64_at(bytes, at + 8).to_le_bytes());
            (bytes[at] == 1).then_some((seconds, u32_at(bytes, at + 16)))
        };
        DescriptorStat {
            kind: bytes[0],
            links: u64_at(bytes, links),
            size: u64_at(bytes, links + 8),
            accessed: time(links + 16),
            modified: time(links + 40),
            changed: time(links + 64),
        }
    }
}

/// `new-timestamp`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NewTime {
    Keep,
    Now,
    At(Seconds, u32),
}
