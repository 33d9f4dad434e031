//! Values and linking of WASI 0.2, where they are not those of 0.3.

use super::abi::{Code, codes};
use super::guest::Host;
use wasi_gofer::abi::Errno;
use wasi_gofer::p2;
use wasmtime::component::Linker;

/// Which host functions a guest is linked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Front {
    Sync,
    Async,
}

impl Front {
    /// Every one; the first is that of guests that need no other.
    pub(crate) const ALL: [Front; 2] = [Front::Sync, Front::Async];

    pub(crate) fn is_async(self) -> bool {
        self == Front::Async
    }

    pub(crate) fn link(self, linker: &mut Linker<Host>) -> wasmtime::Result<()> {
        match self {
            Front::Sync => p2::add_all_to_linker_sync(linker),
            Front::Async => p2::add_all_to_linker_async(linker),
        }
    }
}

codes! {
    ACCESS WOULD_BLOCK ALREADY BAD_DESCRIPTOR BUSY DEADLOCK QUOTA EXIST FILE_TOO_LARGE ILLEGAL_BYTE_SEQUENCE IN_PROGRESS
    INTERRUPTED INVALID IO IS_DIRECTORY LOOP TOO_MANY_LINKS MESSAGE_SIZE NAME_TOO_LONG NO_DEVICE NO_ENTRY NO_LOCK
    INSUFFICIENT_MEMORY INSUFFICIENT_SPACE NOT_DIRECTORY NOT_EMPTY NOT_RECOVERABLE UNSUPPORTED NO_TTY NO_SUCH_DEVICE
    OVERFLOW NOT_PERMITTED PIPE READ_ONLY INVALID_SEEK TEXT_FILE_BUSY CROSS_DEVICE
}

/// Where the code is in a `result` that has no other payload.
pub(crate) const CODE_AT: u32 = 1;

/// What a backend's failures are that 0.3 tells in another way.
pub(crate) const OWN_CODES: &[(Errno, Code)] = &[(Errno::Again, Code::WOULD_BLOCK)];

/// `descriptor-type`, by its discriminant.
pub(crate) mod kind {
    pub(crate) const DIRECTORY: u8 = 3;
    pub(crate) const FIFO: u8 = 4;
    pub(crate) const SYMBOLIC_LINK: u8 = 5;
    pub(crate) const REGULAR_FILE: u8 = 6;
    pub(crate) const SOCKET: u8 = 7;
}

/// Where the number of links is in a `descriptor-stat`: behind the type.
pub(crate) const LINKS_AT: u8 = 8;

/// The seconds of a `datetime`.
pub(crate) type Seconds = u64;

/// Seconds at the ends of their range, of what filesystems hold, and between.
pub(crate) const ENDS_OF_SECONDS: [Seconds; 7] = [0, 1, 1 << 34, 1 << 62, (1 << 63) - 1, 1 << 63, u64::MAX];

/// Seconds that are refused as `overflow`.
pub(crate) const OVERFLOWING_SECONDS: &[Seconds] = &[u64::MAX];
