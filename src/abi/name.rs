//! One path component.

use super::{Errno, Error, Result};
use smallvec::SmallVec;
use std::fmt;

/// Longest component in bytes (Linux `NAME_MAX`).
pub const NAME_MAX: usize = 255;

/// One validated path component, borrowed: never empty, `.` or `..`, without `/` and NUL, at most [`NAME_MAX`] bytes.
/// Nothing below `vfs/resolve` sees a path; this type is why a backend need not look for separators.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name<'a>(&'a [u8]);

impl<'a> Name<'a> {
    /// Validates `bytes`. `ENOENT` for the empty name, `ENAMETOOLONG` over 255 bytes, `EINVAL` for `.`, `..`, a `/` or a
    /// NUL.
    pub fn new(bytes: &'a [u8]) -> Result<Self> {
        if bytes.is_empty() {
            return Err(Error::Errno(Errno::Noent));
        }
        if bytes.len() > NAME_MAX {
            return Err(Error::Errno(Errno::Nametoolong));
        }
        if bytes == b"." || bytes == b".." || bytes.iter().any(|&b| b == b'/' || b == 0) {
            return Err(Error::Errno(Errno::Inval));
        }
        Ok(Name(bytes))
    }

    /// The component's bytes.
    #[must_use]
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// An owned copy.
    #[must_use]
    pub fn to_buf(self) -> NameBuf {
        NameBuf(SmallVec::from_slice(self.0))
    }
}

impl fmt::Debug for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

/// An owned [`Name`]; up to 16 bytes are held without an allocation.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NameBuf(SmallVec<[u8; 16]>);

impl NameBuf {
    /// The borrowed form.
    #[must_use]
    pub fn as_name(&self) -> Name<'_> {
        Name(&self.0)
    }

    /// The component's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Bytes held outside the value itself, for cache budgets.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        if self.0.spilled() { self.0.capacity() } else { 0 }
    }
}

/// So that a table of names is asked without a copy. Bytes compare and hash as the name does.
impl std::borrow::Borrow<[u8]> for NameBuf {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for NameBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_name().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_of_dots_separators_and_nul_is_inval() {
        for bad in [&b"."[..], b"..", b"a/b", b"/", b"a\0", b"\0"] {
            assert_eq!(Name::new(bad), Err(Error::Errno(Errno::Inval)), "{bad:?}");
        }
    }

    #[test]
    fn new_of_the_empty_name_is_noent() {
        assert_eq!(Name::new(b""), Err(Error::Errno(Errno::Noent)));
    }

    #[test]
    fn new_of_256_bytes_is_nametoolong_and_of_255_is_a_name() {
        assert_eq!(Name::new(&[b'a'; 256]), Err(Error::Errno(Errno::Nametoolong)));
        assert!(Name::new(&[b'a'; 255]).is_ok());
    }

    #[test]
    fn new_of_three_dots_and_of_non_utf8_is_a_name() {
        assert!(Name::new(b"...").is_ok());
        assert!(Name::new(b"\xff\xfe").is_ok());
    }
}
