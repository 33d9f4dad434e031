//! Arrays of strings: names of a walk, and names of extended attributes.

use super::wire::{Decode, DecodeError, Encode, EncodeError, Reader, Str, Writer, name};
use crate::abi::Name;

/// An array of strings, as it stands in a message. It was gone through when it was decoded, so going through it again
/// finds every item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Strings<'a> {
    count: u16,
    bytes: &'a [u8],
}

impl<'a> Strings<'a> {
    /// The strings in order.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut from = Reader::new(self.bytes);
        (0..self.count).map_while(move |_| Str::decode(&mut from).ok().map(|string| string.0))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count.into()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Appends an array of `strings` to a message.
    pub fn write<'s>(to: &mut Writer<'_>, strings: impl Iterator<Item = &'s [u8]>) -> Result<(), EncodeError> {
        let start = to.written();
        to.zeros(2)?;
        let mut count = 0u16;
        for string in strings {
            count = count.checked_add(1).ok_or(EncodeError)?;
            Str(string).encode(to)?;
        }
        to.patch(start, &count.to_le_bytes());
        Ok(())
    }

    /// Decodes `count` strings for each of which `check` holds.
    fn checked(
        from: &mut Reader<'a>,
        count: u16,
        check: impl Fn(Str<'a>) -> Result<(), DecodeError>,
    ) -> Result<Strings<'a>, DecodeError> {
        let all = from.rest();
        for _ in 0..count {
            check(Str::decode(from)?)?;
        }
        let used = all.len().saturating_sub(from.rest().len());
        Ok(Strings { count, bytes: all.get(..used).unwrap_or_default() })
    }
}

impl<'a> Decode<'a> for Strings<'a> {
    fn decode(from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let count = u16::decode(from)?;
        Strings::checked(from, count, |_| Ok(()))
    }
}

impl Encode for Strings<'_> {
    fn encode(&self, to: &mut Writer<'_>) -> Result<(), EncodeError> {
        self.count.encode(to)?;
        to.bytes(self.bytes)
    }
}

/// The names of a walk, each in the one before it: a caller's list, or an array of a message that was validated when it
/// was decoded.
#[derive(Clone, Copy, Debug)]
pub enum Names<'a> {
    /// A caller's.
    List(&'a [Name<'a>]),
    /// A message's.
    Wire(WireNames<'a>),
}

/// Validated names in a message.
#[derive(Clone, Copy, Debug)]
pub struct WireNames<'a>(Strings<'a>);

impl<'a> Names<'a> {
    /// The names in order.
    pub fn iter(&self) -> impl Iterator<Item = Name<'a>> + use<'a> {
        let (list, wire) = match self {
            Names::List(list) => (*list, Strings::default()),
            Names::Wire(wire) => (&[][..], wire.0),
        };
        list.iter().copied().chain(wire.iter().map_while(|string| Name::new(string).ok()))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Names::List(list) => list.len(),
            Names::Wire(wire) => wire.0.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn checked(from: &mut Reader<'a>, count: u16) -> Result<Names<'a>, DecodeError> {
        Strings::checked(from, count, |string| name(string).map(|_| ())).map(|strings| Names::Wire(WireNames(strings)))
    }
}

impl PartialEq for Names<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Names<'_> {}

impl<'a> Decode<'a> for Names<'a> {
    fn decode(from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let count = u16::decode(from)?;
        Names::checked(from, count)
    }
}

impl Encode for Names<'_> {
    fn encode(&self, to: &mut Writer<'_>) -> Result<(), EncodeError> {
        Strings::write(to, self.iter().map(Name::as_bytes))
    }
}

/// The path of a walk that asks for attributes: an empty first string asks for the start's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatPath<'a> {
    /// Whether the start's attributes come first.
    pub with_start: bool,
    /// The names behind it.
    pub names: Names<'a>,
}

impl<'a> Decode<'a> for StatPath<'a> {
    fn decode(from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let count = u16::decode(from)?;
        let mut first = from.clone();
        let with_start = count > 0 && Str::decode(&mut first)?.0.is_empty();
        if with_start {
            *from = first;
        }
        let names = Names::checked(from, count.saturating_sub(u16::from(with_start)))?;
        Ok(StatPath { with_start, names })
    }
}

impl Encode for StatPath<'_> {
    fn encode(&self, to: &mut Writer<'_>) -> Result<(), EncodeError> {
        let start = self.with_start.then_some(&b""[..]);
        Strings::write(to, start.into_iter().chain(self.names.iter().map(Name::as_bytes)))
    }
}
