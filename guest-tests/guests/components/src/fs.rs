//! What the two versions of `wasi:filesystem` have in common, as the shared behaviours use it. `p2/binding.rs` and
//! `p3/binding.rs` have the same functions over it.

#[cfg(feature = "p2")]
pub use crate::p2::binding::*;
#[cfg(feature = "p3")]
pub use crate::p3::binding::*;

pub type Result<T> = std::result::Result<T, Code>;

macro_rules! codes {
    ($($name:ident)*) => {
        /// An error code of either version.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[allow(dead_code, reason = "each version lacks one")]
        pub enum Code {
            $($name,)*
            /// Of 0.2 alone.
            WouldBlock,
            /// Of 0.3 alone; its text is left out.
            Other,
        }

        impl From<ErrorCode> for Code {
            fn from(code: ErrorCode) -> Code {
                match code {
                    $(ErrorCode::$name => Code::$name,)*
                    #[cfg(feature = "p2")]
                    ErrorCode::WouldBlock => Code::WouldBlock,
                    #[cfg(feature = "p3")]
                    ErrorCode::Other(_) => Code::Other,
                }
            }
        }
    };
}

codes! {
    Access Already BadDescriptor Busy Deadlock Quota Exist FileTooLarge IllegalByteSequence InProgress Interrupted
    Invalid Io IsDirectory Loop TooManyLinks MessageSize NameTooLong NoDevice NoEntry NoLock InsufficientMemory
    InsufficientSpace NotDirectory NotEmpty NotRecoverable Unsupported NoTty NoSuchDevice Overflow NotPermitted Pipe
    ReadOnly InvalidSeek TextFileBusy CrossDevice
}

/// What an object is; both versions know more, of which no behaviour makes any.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    Directory,
    File,
    Symlink,
    Socket,
    Else,
}

impl From<DescriptorType> for Kind {
    fn from(kind: DescriptorType) -> Kind {
        match kind {
            DescriptorType::Directory => Kind::Directory,
            DescriptorType::RegularFile => Kind::File,
            DescriptorType::SymbolicLink => Kind::Symlink,
            DescriptorType::Socket => Kind::Socket,
            _ => Kind::Else,
        }
    }
}

/// Nanoseconds since 1970, or before.
pub type Nanos = i128;

pub const SECOND: Nanos = 1_000_000_000;

/// Attributes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stat {
    pub kind: Kind,
    pub links: u64,
    pub size: u64,
    pub accessed: Nanos,
    pub modified: Nanos,
    pub changed: Nanos,
}

impl From<DescriptorStat> for Stat {
    fn from(stat: DescriptorStat) -> Stat {
        let time = |time: Option<Instant>, name| {
            let time = time.unwrap_or_else(|| panic!("the stat has no time of {name}"));
            assert!(time.nanoseconds < 1_000_000_000, "{time:?}: nanoseconds are a part of a second");
            Nanos::from(time.seconds) * SECOND + Nanos::from(time.nanoseconds)
        };
        Stat {
            kind: stat.type_.into(),
            links: stat.link_count,
            size: stat.size,
            accessed: time(stat.data_access_timestamp, "access"),
            modified: time(stat.data_modification_timestamp, "modification"),
            changed: time(stat.status_change_timestamp, "status change"),
        }
    }
}

/// What a time is set to.
#[derive(Clone, Copy, Debug)]
pub enum Time {
    Keep,
    Now,
    At(Nanos),
}

impl From<Time> for NewTimestamp {
    fn from(time: Time) -> NewTimestamp {
        match time {
            Time::Keep => NewTimestamp::NoChange,
            Time::Now => NewTimestamp::Now,
            Time::At(nanos) => NewTimestamp::Timestamp(instant(nanos)),
        }
    }
}

fn instant(nanos: Nanos) -> Instant {
    Instant {
        seconds: nanos.div_euclid(SECOND).try_into().expect("this version has such a time"),
        nanoseconds: nanos.rem_euclid(SECOND) as u32,
    }
}

/// An entry of a directory.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Entry {
    pub name: String,
    pub kind: Kind,
}

impl From<DirectoryEntry> for Entry {
    fn from(entry: DirectoryEntry) -> Entry {
        Entry { name: entry.name, kind: entry.type_.into() }
    }
}

impl From<MetadataHashValue> for Hash {
    fn from(hash: MetadataHashValue) -> Hash {
        Hash(hash.upper, hash.lower)
    }
}

/// A hash of metadata.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hash(u64, u64);
