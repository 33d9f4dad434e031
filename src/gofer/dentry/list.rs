//! A directory's list, taken at one moment.

use crate::abi::{Dirent, FileType};

/// What an entry takes beside its name, in bytes.
const LIST_ENTRY_BYTES: usize = std::mem::size_of::<Entry>();

#[derive(Clone, Copy, Debug)]
struct Entry {
    ino: u64,
    name_start: u32,
    name_len: u8,
    /// [`FileType`] as its discriminant; 0 is unknown.
    file_type: u8,
}

/// The entries of a directory at one moment, without `.` and `..`. Open directories share one list; a reader's position
/// is an index into it, which stays valid while entries come and go.
#[derive(Debug, Default)]
pub struct DirList {
    names: Vec<u8>,
    entries: Vec<Entry>,
}

/// One entry of a [`DirList`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirEntry<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Its inode number.
    pub ino: u64,
    /// Its kind; `None` where only a stat can tell.
    pub file_type: Option<FileType>,
}

impl DirList {
    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the directory was empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entry at `index`.
    #[must_use]
    #[inline]
    pub fn get(&self, index: usize) -> Option<DirEntry<'_>> {
        let entry = self.entries.get(index)?;
        let start = entry.name_start as usize;
        let name = self.names.get(start..start + usize::from(entry.name_len))?;
        Some(DirEntry { name, ino: entry.ino, file_type: FileType::from_repr(entry.file_type) })
    }

    /// All entries in order.
    pub fn iter(&self) -> impl Iterator<Item = DirEntry<'_>> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// Bytes that it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.names.len() + self.entries.len() * LIST_ENTRY_BYTES
    }
}

/// A list in the making, with a cap.
#[derive(Debug)]
pub(crate) struct ListBuilder {
    list: DirList,
    limit_bytes: usize,
    /// The backend's cookie behind the last entry taken.
    pub(crate) cookie: u64,
}

impl ListBuilder {
    /// An empty list that takes at most `limit_bytes` (and always one entry).
    pub(crate) fn new(limit_bytes: usize) -> Self {
        // Offsets are 32 bits wide.
        ListBuilder { list: DirList::default(), limit_bytes: limit_bytes.min(u32::MAX as usize), cookie: 0 }
    }

    /// Takes an entry; false, and unchanged, when the list is full.
    pub(crate) fn push(&mut self, entry: &Dirent<'_>) -> bool {
        let name = entry.name.as_bytes();
        let full = self.list.bytes() + name.len() + LIST_ENTRY_BYTES > self.limit_bytes;
        if full && !self.list.is_empty() {
            return false;
        }
        self.push_always(entry)
    }

    /// Takes an entry whether or not the list is full; false when its offsets would not fit.
    pub(crate) fn push_always(&mut self, entry: &Dirent<'_>) -> bool {
        let name = entry.name.as_bytes();
        let (Ok(name_start), Ok(name_len)) = (u32::try_from(self.list.names.len()), u8::try_from(name.len())) else {
            return false;
        };
        self.list.names.extend_from_slice(name);
        self.list.entries.push(Entry {
            ino: entry.ino,
            name_start,
            name_len,
            file_type: entry.file_type.map_or(0, |file_type| file_type as u8),
        });
        self.cookie = entry.cookie;
        true
    }

    /// The finished list.
    pub(crate) fn finish(mut self) -> DirList {
        self.list.names.shrink_to_fit();
        self.list.entries.shrink_to_fit();
        self.list
    }
}
