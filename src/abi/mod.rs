//! The vocabulary of the house: plain types that every layer speaks, none of which performs an operation.

mod attr;
mod call;
mod errno;
mod error;
mod flags;
mod key;
mod name;
mod socket;
mod time;

pub use attr::{Dirent, FileType, Mode, SetStat, SetStatReport, SetTime, Stat, StatFs};
pub use call::{Call, CancelToken};
pub use errno::Errno;
pub use error::{Error, Result};
pub use flags::{OpenFlags, SetStatMask};
pub use key::InodeKey;
pub use name::{NAME_MAX, Name, NameBuf};
pub use socket::SocketKind;
pub use time::Timespec;

/// Longest path that resolution accepts, in bytes without the terminating NUL (Linux `PATH_MAX` less one).
pub const PATH_MAX: usize = 4095;

/// Most symbolic links that one resolution expands (path_resolution(7)); the next one is `ELOOP`.
pub const SYMLINKS_MAX: usize = 40;
