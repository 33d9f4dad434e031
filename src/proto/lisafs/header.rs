//! The header of a frame.

use super::mid::Mid;
use super::wire::{DecodeError, Reader};
use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Bytes of a header.
pub const HEADER_BYTES: usize = size_of::<Header>();

/// What every frame begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Header {
    length: U32,
    mid: U16,
    zero: U16,
}

impl Header {
    /// The header of a message with `payload` bytes; `None` for more than the field can tell.
    #[must_use]
    pub fn new(mid: Mid, payload: usize) -> Option<Header> {
        let length = u32::try_from(payload).ok()?;
        Some(Header { length: U32::new(length), mid: U16::new(mid.0), zero: U16::ZERO })
    }

    /// The header at the start of `bytes`.
    pub fn from_prefix(bytes: &[u8]) -> Result<Header, DecodeError> {
        Reader::new(bytes).fixed().copied()
    }

    /// The message's number.
    #[must_use]
    pub fn mid(&self) -> Mid {
        Mid(self.mid.get())
    }

    /// Bytes behind the header. Nothing was compared with it yet: a peer can write anything.
    #[must_use]
    pub fn payload(&self) -> u32 {
        self.length.get()
    }

    /// The bytes that go over the wire.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; HEADER_BYTES] {
        zerocopy::transmute!(*self)
    }
}
