//! What the interface's values look like in a guest's memory.

use std::fmt;

/// `error-code`, by its discriminant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Code(pub(crate) u8);

macro_rules! codes {
    ($($name:ident)*) => {
        impl Code {
            const NAMES: &[&str] = &[$(stringify!($name),)*];
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

codes! {
    ACCESS ALREADY BAD_DESCRIPTOR BUSY DEADLOCK QUOTA EXIST FILE_TOO_LARGE ILLEGAL_BYTE_SEQUENCE IN_PROGRESS INTERRUPTED
    INVALID IO IS_DIRECTORY LOOP TOO_MANY_LINKS MESSAGE_SIZE NAME_TOO_LONG NO_DEVICE NO_ENTRY NO_LOCK
    INSUFFICIENT_MEMORY INSUFFICIENT_SPACE NOT_DIRECTORY NOT_EMPTY NOT_RECOVERABLE UNSUPPORTED NO_TTY NO_SUCH_DEVICE
    OVERFLOW NOT_PERMITTED PIPE READ_ONLY INVALID_SEEK TEXT_FILE_BUSY CROSS_DEVICE OTHER
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Code::NAMES.get(usize::from(self.0)).unwrap_or(&"no code"))
    }
}

/// `descriptor-type`, by its discriminant.
pub(crate) mod kind {
    pub(crate) const DIRECTORY: u8 = 2;
    pub(crate) const FIFO: u8 = 3;
    pub(crate) const SYMBOLIC_LINK: u8 = 4;
    pub(crate) const REGULAR_FILE: u8 = 5;
    pub(crate) const SOCKET: u8 = 6;
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

/// An `instant`: seconds since 1970 and nanoseconds.
pub(crate) type Instant = (i64, u32);

/// `descriptor-stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DescriptorStat {
    pub(crate) kind: u8,
    pub(crate) links: u64,
    pub(crate) size: u64,
    pub(crate) accessed: Option<Instant>,
    pub(crate) modified: Option<Instant>,
    pub(crate) changed: Option<Instant>,
}

impl DescriptorStat {
    pub(crate) const SIZE: u32 = 104;

    pub(crate) fn read(bytes: &[u8]) -> DescriptorStat {
        let time = |at: usize| {
            let instant = (u64_at(bytes, at + 8).cast_signed(), u32_at(bytes, at + 16));
            (bytes[at] == 1).then_some(instant)
        };
        DescriptorStat {
            kind: bytes[0],
            links: u64_at(bytes, 16),
            size: u64_at(bytes, 24),
            accessed: time(32),
            modified: time(56),
            changed: time(80),
        }
    }
}

/// `new-timestamp`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NewTime {
    Keep,
    Now,
    At(i64, u32),
}
