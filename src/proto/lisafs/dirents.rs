//! Listing directories.

use super::attr::{Statx, join_dev};
use super::wire::{Decode, DecodeError, Encode, EncodeError, FdId, Reader, Str, Writer, messages};
use crate::abi::{FileType, Name};
use std::marker::PhantomData;

messages! {
    /// Lists an open directory from where it stands; answered by [`Dirents`]. An answer without entries is the end.
    struct Getdents64 {
        /// The open directory.
        fd: FdId,
        /// Bytes of the host's own entries at most; negative starts anew, with as many.
        count: i32,
    } pad 4

    /// An entry. The name is what the server sent: [`WireDirent::name`] says whether it is one.
    struct WireDirent<'a> {
        /// Inode number.
        ino: u64,
        /// Of the filesystem's device, the minor half.
        dev_minor: u32,
        /// Of the filesystem's device, the major half.
        dev_major: u32,
        /// Where a listing goes on behind this entry, as the host's filesystem numbers it.
        offset: u64,
        /// Type (`DT_*`).
        kind: u8,
        /// Name.
        raw_name: Str<'a>,
    }

    /// As [`Getdents64`], answered by [`StatDirents`]: a listing with the attributes of each entry, so that who looks at
    /// them all asks once. A message of ours.
    struct ReadDirStat {
        /// The open directory.
        fd: FdId,
        /// As in [`Getdents64`].
        count: i32,
    } pad 4

    /// An entry with the attributes of what it leads to, or of itself, where it is a symbolic link.
    struct StatDirent<'a> {
        /// Where a listing goes on behind this entry, as the host's filesystem numbers it.
        offset: u64,
        /// The attributes; where the server could not tell them, all of it is zero but the inode number.
        stat: &'a Statx,
        /// Type (`DT_*`).
        kind: u8,
        /// Name: [`StatDirent::name`] says whether it is one.
        raw_name: Str<'a>,
    }
}

impl<'a> StatDirent<'a> {
    /// As [`WireDirent::name`].
    pub fn name(&self) -> Result<Name<'a>, DecodeError> {
        super::wire::name(self.raw_name)
    }

    /// As [`WireDirent::file_type`].
    #[must_use]
    pub fn file_type(&self) -> Option<FileType> {
        FileType::from_dirent_type(self.kind)
    }
}

impl<'a> WireDirent<'a> {
    /// The entry's name, if it can be one: `.`, `..` and what could lead elsewhere are not.
    pub fn name(&self) -> Result<Name<'a>, DecodeError> {
        super::wire::name(self.raw_name)
    }

    /// The entry's type; `None` where the filesystem does not say.
    #[must_use]
    pub fn file_type(&self) -> Option<FileType> {
        FileType::from_dirent_type(self.kind)
    }

    /// The filesystem's device, as in an [`crate::abi::InodeKey`].
    #[must_use]
    pub fn dev(&self) -> u64 {
        join_dev(self.dev_major, self.dev_minor)
    }
}

/// The entries of an answer, in the server's order. They were gone through when they were decoded, so going through them
/// again finds each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entries<'a, E> {
    count: u16,
    bytes: &'a [u8],
    of: PhantomData<E>,
}

/// The entries of a listing.
pub type Dirents<'a> = Entries<'a, WireDirent<'a>>;

/// The entries of a listing with attributes.
pub type StatDirents<'a> = Entries<'a, StatDirent<'a>>;

impl<'a, E: Decode<'a>> Entries<'a, E> {
    /// The entries.
    pub fn iter(&self) -> impl Iterator<Item = E> + use<'a, E> {
        let mut from = Reader::new(self.bytes);
        (0..self.count).map_while(move |_| E::decode(&mut from).ok())
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count.into()
    }

    /// Whether there is none: the end of the directory.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl<'a, E: Decode<'a>> Decode<'a> for Entries<'a, E> {
    fn decode(from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let count = u16::decode(from)?;
        let all = from.rest();
        for _ in 0..count {
            E::decode(from)?;
        }
        let used = all.len().saturating_sub(from.rest().len());
        Ok(Entries { count, bytes: all.get(..used).unwrap_or_default(), of: PhantomData })
    }
}

impl<E> Encode for Entries<'_, E> {
    fn encode(&self, to: &mut Writer<'_>) -> Result<(), EncodeError> {
        self.count.encode(to)?;
        to.bytes(self.bytes)
    }
}

/// Writes an answer entry by entry.
#[derive(Debug)]
pub struct DirentsWriter<'w, 'b> {
    to: &'w mut Writer<'b>,
    start: usize,
    count: u16,
}

impl<'w, 'b> DirentsWriter<'w, 'b> {
    /// Starts an answer without entries.
    pub fn new(to: &'w mut Writer<'b>) -> Result<Self, EncodeError> {
        let start = to.written();
        to.zeros(size_of::<u16>())?;
        Ok(DirentsWriter { to, start, count: 0 })
    }

    /// Adds an entry, of the kind that the answer has; false, and the answer as it was, when there is no room for it.
    pub fn push(&mut self, entry: &impl Encode) -> bool {
        let length = self.to.written();
        let count = self.count.checked_add(1).filter(|_| entry.encode(self.to).is_ok());
        match count {
            Some(count) => {
                self.count = count;
                self.to.patch(self.start, &count.to_le_bytes());
            }
            None => self.to.cut(length),
        }
        count.is_some()
    }
}
