//! The primitives of the wire: integers, strings, arrays of fixed structs, and the two cursors.

use crate::abi::{Errno, Error, Name};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The user or group that a message leaves as it is, or leaves to the server.
pub const NO_ID: u32 = u32::MAX;

/// The server's number for something that the client refers to: a *control* file (a place in the tree), an *open* file,
/// or a *bound* socket. All three come from one row of numbers; 0 is none of them. Numbers belong to one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(transparent)]
pub struct FdId(zerocopy::little_endian::U64);

impl FdId {
    /// The number that refers to nothing.
    pub const NONE: FdId = FdId(zerocopy::little_endian::U64::ZERO);

    /// This number.
    #[must_use]
    pub const fn new(number: u64) -> FdId {
        FdId(zerocopy::little_endian::U64::new(number))
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0.get()
    }
}

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// They end before what their fields, lengths and counts say.
    Short,
    /// A name is none: the errno that the protocol has for it, `EINVAL` or `ENAMETOOLONG`.
    Name(Errno),
    /// A field has a value that nothing can have.
    Value,
}

impl DecodeError {
    /// What a server answers to a request like that.
    #[must_use]
    pub fn answer(self) -> Errno {
        match self {
            DecodeError::Short | DecodeError::Value => Errno::Io,
            DecodeError::Name(errno) => errno,
        }
    }
}

/// What a client makes of an answer like that: `EIO`, whatever is wrong with it.
impl From<DecodeError> for Error {
    fn from(_: DecodeError) -> Error {
        Error::Errno(Errno::Io)
    }
}

impl std::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            DecodeError::Short => f.write_str("the message ends before its last field"),
            DecodeError::Name(errno) => write!(f, "a name is none ({errno})"),
            DecodeError::Value => f.write_str("a field has a value that nothing can have"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// A message does not fit: into the limit, or a length or count into its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodeError;

/// `EOVERFLOW`.
impl From<EncodeError> for Error {
    fn from(_: EncodeError) -> Error {
        Error::Errno(Errno::Overflow)
    }
}

impl std::fmt::Display for EncodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the message is larger than the peer takes")
    }
}

impl std::error::Error for EncodeError {}

/// What can be read from a message.
pub trait Decode<'a>: Sized {
    /// Takes one off the front.
    fn decode(from: &mut Reader<'a>) -> Result<Self, DecodeError>;
}

/// What can be written into a message.
pub trait Encode {
    /// Appends it. What an error leaves behind in the buffer is the caller's to cut off.
    fn encode(&self, to: &mut Writer<'_>) -> Result<(), EncodeError>;
}

/// Decodes a whole payload. What is behind the last field is ignored.
pub fn decode<'a, T: Decode<'a>>(payload: &'a [u8]) -> Result<T, DecodeError> {
    T::decode(&mut Reader::new(payload))
}

/// A cursor over a payload. Everything that it hands out borrows from it.
#[derive(Clone, Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    #[must_use]
    pub fn new(payload: &'a [u8]) -> Reader<'a> {
        Reader(payload)
    }

    /// What was not read yet.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// The next `count` bytes.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(DecodeError::Short)?;
        self.0 = rest;
        Ok(taken)
    }

    /// As [`Reader::bytes`], with a count as it stands in a message.
    pub(super) fn counted(&mut self, count: impl TryInto<usize>) -> Result<&'a [u8], DecodeError> {
        self.bytes(count.try_into().map_err(|_| DecodeError::Short)?)
    }

    /// The next bytes as a fixed struct.
    pub(super) fn fixed<T>(&mut self) -> Result<&'a T, DecodeError>
    where
        T: FromBytes + KnownLayout + Immutable + Unaligned,
    {
        let (taken, rest) = T::ref_from_prefix(self.0).map_err(|_| DecodeError::Short)?;
        self.0 = rest;
        Ok(taken)
    }

    /// The next bytes as `count` fixed structs.
    fn array<T>(&mut self, count: u16) -> Result<&'a [T], DecodeError>
    where
        T: FromBytes + Immutable + Unaligned,
    {
        let taken = <[T]>::ref_from_prefix_with_elems(self.0, count.into());
        let (taken, rest) = taken.map_err(|_| DecodeError::Short)?;
        self.0 = rest;
        Ok(taken)
    }
}

/// Appends a message to a buffer, up to a limit.
#[derive(Debug)]
pub struct Writer<'b> {
    buffer: &'b mut Vec<u8>,
    start: usize,
    limit: usize,
}

impl<'b> Writer<'b> {
    /// Writes behind what `buffer` holds, `limit` bytes at most.
    #[must_use]
    pub fn new(buffer: &'b mut Vec<u8>, limit: usize) -> Writer<'b> {
        let start = buffer.len();
        Writer { buffer, start, limit }
    }

    /// Bytes that were written.
    #[must_use]
    pub fn written(&self) -> usize {
        self.buffer.len().saturating_sub(self.start)
    }

    /// Bytes that still fit.
    #[must_use]
    pub fn left(&self) -> usize {
        self.limit.saturating_sub(self.written())
    }

    /// Appends `bytes`.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        if bytes.len() > self.left() {
            return Err(EncodeError);
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Appends what `fill` puts into a room of `count` zeros; it answers how many bytes that were. More than there was
    /// room for counts as the room.
    pub(super) fn fill<E>(
        &mut self,
        count: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<Result<usize, E>, EncodeError> {
        if count > self.left() {
            return Err(EncodeError);
        }
        let start = self.buffer.len();
        self.buffer.resize(start.saturating_add(count), 0);
        let filled = fill(self.buffer.get_mut(start..).unwrap_or_default());
        let kept = filled.as_ref().map_or(0, |kept| (*kept).min(count));
        self.buffer.truncate(start.saturating_add(kept));
        Ok(filled.map(|_| kept))
    }

    /// Overwrites bytes that were written at `offset` from the message's start; nothing when they were not.
    pub(super) fn patch(&mut self, offset: usize, bytes: &[u8]) {
        let start = self.start.saturating_add(offset);
        let place = self.buffer.get_mut(start..start.saturating_add(bytes.len()));
        if let Some(place) = place {
            place.copy_from_slice(bytes);
        }
    }

    /// Takes back what was written behind the first `length` bytes of the message.
    pub(super) fn cut(&mut self, length: usize) {
        self.buffer.truncate(self.start.saturating_add(length));
    }

    pub(super) fn zeros(&mut self, count: usize) -> Result<(), EncodeError> {
        self.fill(count, |_| Ok::<_, std::convert::Infallible>(count)).map(|_| ())
    }

    fn count(&mut self, count: usize) -> Result<(), EncodeError> {
        u16::try_from(count).map_err(|_| EncodeError)?.encode(self)
    }
}

macro_rules! integers {
    ($($type:ident)*) => {$(
        impl Decode<'_> for $type {
            fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
                from.fixed().copied().map($type::from_le_bytes)
            }
        }

        impl Encode for $type {
            fn encode(&self, to: &mut Writer<'_>) -> Result<(), EncodeError> {
                to.bytes(&self.to_le_bytes())
            }
        }
    )*};
}

integers! { u8 u16 u32 i32 u64 i64 }

impl Decode<'_> for FdId {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        from.fixed().copied()
    }
}

impl Encode for FdId {
    fn encode(&self, to: &mut Writer<'_>) -> Result<(), EncodeError> {
        to.bytes(self.as_bytes())
    }
}

/// A string of the wire: any bytes, 65,535 at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Str<'a>(pub &'a [u8]);

impl<'a> Decode<'a> for Str<'a> {
    fn decode(from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let length = u16::decode(from)?;
        from.counted(length).map(Str)
    }
}

impl Encode for Str<'_> {
    fn encode(&self, to: &mut Writer<'_>) -> Result<(), EncodeError> {
        to.count(self.0.len())?;
        to.bytes(self.0)
    }
}

/// The name that a string is. The protocol's errno for the empty string is `EINVAL`, as for every other that is none.
pub(super) fn name<'a>(string: Str<'a>) -> Result<Name<'a>, DecodeError> {
    Name::new(string.0).map_err(|error| match error {
        Error::Errno(Errno::Nametoolong) => DecodeError::Name(Errno::Nametoolong),
        _ => DecodeError::Name(Errno::Inval),
    })
}

impl<'a> Decode<'a> for Name<'a> {
    fn decode(from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        name(Str::decode(from)?)
    }
}

impl Encode for Name<'_> {
    fn encode(&self, to: &mut Writer<'_>) -> Result<(), EncodeError> {
        Str(self.as_bytes()).encode(to)
    }
}

/// An array of fixed structs: a `u16` count and the structs.
impl<'a, T: FromBytes + Immutable + Unaligned> Decode<'a> for &'a [T] {
    fn decode(from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let count = u16::decode(from)?;
        from.array(count)
    }
}

impl<T: IntoBytes + Immutable> Encode for &[T] {
    fn encode(&self, to: &mut Writer<'_>) -> Result<(), EncodeError> {
        to.count(self.len())?;
        to.bytes(self.as_bytes())
    }
}

/// Declares messages: structs whose fields stand in the message one behind the other, with `pad N` zeros at the end.
macro_rules! messages {
    ($($(#[$doc:meta])* struct $name:ident $(<$life:lifetime>)? {
        $($(#[$field_doc:meta])* $field:ident: $type:ty,)*
    } $(pad $pad:literal)?)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name $(<$life>)? {
            $($(#[$field_doc])* pub $field: $type,)*
        }

        $crate::proto::lisafs::wire::messages!(@decode $name $($life)?, [$($field)*], $($pad)?);

        impl $(<$life>)? $crate::proto::lisafs::wire::Encode for $name $(<$life>)? {
            fn encode(
                &self,
                to: &mut $crate::proto::lisafs::wire::Writer<'_>,
            ) -> Result<(), $crate::proto::lisafs::wire::EncodeError> {
                $($crate::proto::lisafs::wire::Encode::encode(&self.$field, to)?;)*
                $(to.zeros($pad)?;)?
                let _ = to;
                Ok(())
            }
        }
    )*};
    (@decode $name:ident $life:lifetime, $fields:tt, $($pad:literal)?) => {
        impl<$life> $crate::proto::lisafs::wire::Decode<$life> for $name<$life> {
            $crate::proto::lisafs::wire::messages!(@body $life, $fields, $($pad)?);
        }
    };
    (@decode $name:ident, $fields:tt, $($pad:literal)?) => {
        impl<'any> $crate::proto::lisafs::wire::Decode<'any> for $name {
            $crate::proto::lisafs::wire::messages!(@body 'any, $fields, $($pad)?);
        }
    };
    (@body $life:lifetime, [$($field:ident)*], $($pad:literal)?) => {
        fn decode(
            from: &mut $crate::proto::lisafs::wire::Reader<$life>,
        ) -> Result<Self, $crate::proto::lisafs::wire::DecodeError> {
            $(let $field = $crate::proto::lisafs::wire::Decode::decode(from)?;)*
            $(from.bytes($pad)?;)?
            let _ = from;
            Ok(Self { $($field),* })
        }
    };
}
pub(super) use messages;
