//! Values and linking of WASI 0.3, where they are not those of 0.2.

use super::abi::{Code, codes};
use super::guest::Host;
use wasi_gofer::abi::Errno;
use wasi_gofer::p3;
use wasmtime::component::Linker;

/// Which host functions a guest is linked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Front {
    Async,
}

impl Front {
    /// Every one; the first is that of guests that need no other.
    pub(crate) const ALL: [Front; 1] = [Front::Async];

    pub(crate) fn is_async(self) -> bool {
        self == Front::Async
    }

    pub(crate) fn link(self, linker: &mut Linker<Host>) -> wasmtime::Result<()> {
        match self {
            Front::Async => p3::add_all_to_linker(linker),
        }
    }
}

codes! {
    ACCESS ALREADY BAD_DESCRIPTOR BUSY DEADLOCK QUOTA EXIST FILE_TOO_LARGE ILLEGAL_BYTE_SEQUENCE IN_PROGRESS INTERRUPTED
    INVALID IO IS_DIRECTORY LOOP TOO_MANY_LINKS MESSAGE_SIZE NAME_TOO_LONG NO_DEVICE NO_ENTRY NO_LOCK
    INSUFFICIENT_MEMORY INSUFFICIENT_SPACE NOT_DIRECTORY NOT_EMPTY NOT_RECOVERABLE UNSUPPORTED NO_TTY NO_SUCH_DEVICE
    OVERFLOW NOT_PERMITTED PIPE READ_ONLY INVALID_SEEK TEXT_FILE_BUSY CROSS_DEVICE OTHER
}

/// Where the code is in a `result` that has no other payload: a code can have a text itself.
pub(crate) const CODE_AT: u32 = 4;

/// What a backend's failures are that 0.2 tells in another way.
pub(crate) const OWN_CODES: &[(Errno, Code)] = &[(Errno::Again, Code::OTHER), (Errno::Stale, Code::OTHER)];

/// `descriptor-type`, by its discriminant.
pub(crate) mod kind {
    pub(crate) const DIRECTORY: u8 = 2;
    pub(crate) const FIFO: u8 = 3;
    pub(crate) const SYMBOLIC_LINK: u8 = 4;
    pub(crate) const REGULAR_FILE: u8 = 5;
    pub(crate) const SOCKET: u8 = 6;
}

/// Where the number of links is in a `descriptor-stat`: behind the type, which can have a text.
pub(crate) const LINKS_AT: u8 = 16;

/// The seconds of an `instant`.
pub(crate) type Seconds = i64;

/// Seconds at the ends of their range, of what filesystems hold, and between.
pub(crate) const ENDS_OF_SECONDS: [Seconds; 8] = [i64::MIN, -1 << 34, -1, 0, 1, 1 << 34, 1 << 62, i64::MAX];

/// Seconds that are refused as `overflow`: a host's times have the same range.
pub(crate) const OVERFLOWING_SECONDS: &[Seconds] = &[];
