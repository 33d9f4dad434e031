//! Numbers and structs of the ABI, written down anew: what they should be, not what the library thinks they are.

use std::fmt;

/// An `errno`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Errno(pub(crate) i32);

macro_rules! errnos {
    ($($name:ident = $value:literal,)*) => {
        impl Errno {
            $(pub(crate) const $name: Errno = Errno($value);)*
        }

        impl fmt::Debug for Errno {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match *self {
                    $(Errno::$name => f.write_str(stringify!($name)),)*
                    Errno(other) => write!(f, "errno {other}"),
                }
            }
        }
    };
}

errnos! {
    BADF = 8,
    BUSY = 10,
    EXIST = 20,
    FBIG = 22,
    ILSEQ = 25,
    INVAL = 28,
    IO = 29,
    ISDIR = 31,
    LOOP = 32,
    MFILE = 33,
    NAMETOOLONG = 37,
    NOENT = 44,
    NOMEM = 48,
    NOSPC = 51,
    NOTDIR = 54,
    NOTEMPTY = 55,
    NOTSOCK = 57,
    NOTSUP = 58,
    NXIO = 60,
    OVERFLOW = 61,
    PERM = 63,
    ROFS = 69,
    SPIPE = 70,
    STALE = 72,
    XDEV = 75,
}

pub(crate) mod rights {
    pub(crate) const FD_READ: u64 = 1 << 1;
    pub(crate) const FD_WRITE: u64 = 1 << 6;
    /// The highest right that exists is bit 29.
    pub(crate) const UNKNOWN: u64 = 1 << 30;
}

pub(crate) mod oflags {
    pub(crate) const CREAT: u32 = 1;
    pub(crate) const DIRECTORY: u32 = 1 << 1;
    pub(crate) const EXCL: u32 = 1 << 2;
    pub(crate) const TRUNC: u32 = 1 << 3;
}

pub(crate) mod fdflags {
    pub(crate) const APPEND: u32 = 1;
}

pub(crate) mod fstflags {
    pub(crate) const ATIM: u32 = 1;
    pub(crate) const ATIM_NOW: u32 = 1 << 1;
    pub(crate) const MTIM: u32 = 1 << 2;
}

/// A `filetype`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Filetype(pub(crate) u8);

impl Filetype {
    pub(crate) const UNKNOWN: Filetype = Filetype(0);
    pub(crate) const DIRECTORY: Filetype = Filetype(3);
    pub(crate) const REGULAR: Filetype = Filetype(4);
    pub(crate) const SYMLINK: Filetype = Filetype(7);
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

/// A `filestat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Filestat {
    pub(crate) ino: u64,
    pub(crate) filetype: Filetype,
    pub(crate) nlink: u64,
    pub(crate) size: u64,
    pub(crate) atim: u64,
    pub(crate) mtim: u64,
}

impl Filestat {
    pub(crate) const SIZE: usize = 64;

    pub(crate) fn parse(bytes: &[u8]) -> Filestat {
        Filestat {
            ino: u64_at(bytes, 8),
            filetype: Filetype(bytes[16]),
            nlink: u64_at(bytes, 24),
            size: u64_at(bytes, 32),
            atim: u64_at(bytes, 40),
            mtim: u64_at(bytes, 48),
        }
    }
}

/// A `dirent` with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dirent {
    pub(crate) next: u64,
    pub(crate) filetype: Filetype,
    pub(crate) name: String,
    /// The bytes behind the type, which no field has.
    pub(crate) padding: [u8; 3],
}

pub(crate) const DIRENT: usize = 24;

/// The whole entries of one `fd_readdir`.
pub(crate) fn dirents(mut bytes: &[u8]) -> Vec<Dirent> {
    let mut entries = Vec::new();
    while bytes.len() >= DIRENT {
        let len = u32_at(bytes, 16) as usize;
        let Some(name) = bytes.get(DIRENT..DIRENT + len) else { break };
        entries.push(Dirent {
            next: u64_at(bytes, 0),
            filetype: Filetype(bytes[20]),
            name: String::from_utf8(name.to_vec()).expect("names are UTF-8"),
            padding: [bytes[21], bytes[22], bytes[23]],
        });
        bytes = &bytes[DIRENT + len..];
    }
    entries
}

/// A `subscription`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subscription {
    pub(crate) userdata: u64,
    pub(crate) tag: u8,
    /// Clock or descriptor.
    pub(crate) subject: u32,
    pub(crate) timeout: u64,
    pub(crate) clock_flags: u16,
}

impl Subscription {
    pub(crate) const CLOCK: u8 = 0;
    pub(crate) const READ: u8 = 1;
    pub(crate) const WRITE: u8 = 2;

    /// The monotonic clock, from now on.
    pub(crate) fn after(userdata: u64, nanoseconds: u64) -> Self {
        Subscription { userdata, tag: Self::CLOCK, subject: 1, timeout: nanoseconds, clock_flags: 0 }
    }

    pub(crate) fn of(userdata: u64, tag: u8, fd: u32) -> Self {
        Subscription { userdata, tag, subject: fd, timeout: 0, clock_flags: 0 }
    }

    pub(crate) const SIZE: usize = 48;

    pub(crate) fn encode(&self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        bytes[..8].copy_from_slice(&self.userdata.to_le_bytes());
        bytes[8] = self.tag;
        bytes[16..20].copy_from_slice(&self.subject.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.timeout.to_le_bytes());
        bytes[40..42].copy_from_slice(&self.clock_flags.to_le_bytes());
        bytes
    }
}

/// An `event`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) userdata: u64,
    pub(crate) error: u16,
    pub(crate) tag: u8,
    pub(crate) flags: u16,
}

impl Event {
    pub(crate) const SIZE: usize = 32;

    pub(crate) fn parse(bytes: &[u8]) -> Event {
        Event {
            userdata: u64_at(bytes, 0),
            error: u16::from_le_bytes([bytes[8], bytes[9]]),
            tag: bytes[10],
            flags: u16::from_le_bytes([bytes[24], bytes[25]]),
        }
    }
}
