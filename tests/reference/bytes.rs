//! Data that can be printed: what [`fill`] makes is told as that.

use std::ops::Deref;

/// Longest data that is shown as it is.
const SHOWN: usize = 64;

#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

/// `len` bytes without a zero, different at each place and for each seed.
pub(crate) fn fill(seed: u8, len: usize) -> Bytes {
    let byte = |at: usize| (at * 7 + at / 251 * 13 + usize::from(seed) * 31) % 255 + 1;
    Bytes((0..len).map(|at| u8::try_from(byte(at)).expect("below 256")).collect())
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Bytes {
        Bytes(bytes.to_vec())
    }
}

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.len() <= SHOWN {
            return write!(f, "b\"{}\".into()", self.escape_ascii());
        }
        match (0..=255).find(|seed| fill(*seed, SHOWN)[..] == self[..SHOWN]) {
            Some(seed) if fill(seed, self.len()) == *self => write!(f, "fill({seed}, {})", self.len()),
            _ => write!(f, "{} bytes that begin with \"{}\"", self.len(), self[..SHOWN].escape_ascii()),
        }
    }
}

/// Where two differ first.
pub(crate) fn differ(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).position(|(one, other)| one != other).unwrap_or(one.len().min(other.len()))
}
