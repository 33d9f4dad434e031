//! The guest's descriptors.

use super::errno::{Errno, Outcome};
use crate::vfs::{OpenDirectory, OpenFile};

/// What a descriptor stands for.
#[derive(Debug)]
pub(super) enum Entry {
    /// Standard input, output or error of the inner context, by its number there.
    Stdio(u32),
    /// A file, with those of its `fdflags` that only this ABI tells back: non-blocking and the sync flags.
    File(OpenFile, u32),
    /// A directory; with the name of its preopen, if it is one.
    Directory(Box<OpenDirectory>, Option<Box<str>>),
}

/// Descriptors by number; a new one gets the lowest that is free, as POSIX demands.
#[derive(Debug)]
pub(super) struct Table {
    entries: Vec<Option<Entry>>,
    /// No number below it is free.
    lowest_free: usize,
    open: usize,
    limit: usize,
}

impl Table {
    /// The descriptors that a guest starts with: the three of stdio.
    pub(super) fn new(limit: usize) -> Self {
        Table { entries: (0..3).map(|n| Some(Entry::Stdio(n))).collect(), lowest_free: 3, open: 3, limit }
    }

    /// The entry of `fd`: `EBADF` when there is none.
    #[inline]
    pub(super) fn get(&self, fd: u32) -> Outcome<&Entry> {
        match self.entries.get(fd as usize) {
            Some(Some(entry)) => Ok(entry),
            _ => Err(Errno::Badf.into()),
        }
    }

    /// A file: `EBADF` for anything else.
    #[inline]
    pub(super) fn file(&self, fd: u32) -> Outcome<&OpenFile> {
        match self.get(fd)? {
            Entry::File(file, _) => Ok(file),
            Entry::Directory(..) | Entry::Stdio(_) => Err(Errno::Badf.into()),
        }
    }

    /// A file and its flags, to be changed: `EBADF` for anything else.
    pub(super) fn file_mut(&mut self, fd: u32) -> Outcome<(&OpenFile, &mut u32)> {
        match self.entries.get_mut(fd as usize) {
            Some(Some(Entry::File(file, flags))) => Ok((file, flags)),
            _ => Err(Errno::Badf.into()),
        }
    }

    /// A directory: `EBADF` for anything else.
    #[inline]
    pub(super) fn directory(&self, fd: u32) -> Outcome<&OpenDirectory> {
        match self.get(fd)? {
            Entry::Directory(directory, _) => Ok(directory),
            Entry::File(..) | Entry::Stdio(_) => Err(Errno::Badf.into()),
        }
    }

    /// `EMFILE` when no further descriptor may be opened: asked before anything is opened for it.
    pub(super) fn check_room(&self) -> Outcome {
        if self.open < self.limit { Ok(()) } else { Err(Errno::Mfile.into()) }
    }

    /// Puts an entry at the lowest free number; hands it back when there is none.
    pub(super) fn insert(&mut self, entry: Entry) -> Result<u32, Entry> {
        if self.open >= self.limit {
            return Err(entry);
        }
        while self.entries.get(self.lowest_free).is_some_and(Option::is_some) {
            self.lowest_free += 1;
        }
        let Ok(fd) = u32::try_from(self.lowest_free) else { return Err(entry) };
        match self.entries.get_mut(self.lowest_free) {
            Some(slot) => *slot = Some(entry),
            None => self.entries.push(Some(entry)),
        }
        self.lowest_free += 1;
        self.open += 1;
        Ok(fd)
    }

    /// Takes an entry out.
    pub(super) fn remove(&mut self, fd: u32) -> Outcome<Entry> {
        let entry = self.entries.get_mut(fd as usize).and_then(Option::take).ok_or(Errno::Badf)?;
        self.lowest_free = self.lowest_free.min(fd as usize);
        self.open -= 1;
        Ok(entry)
    }

    /// Moves the entry of `from` over that of `to`, which is handed back. Both must be open; onto itself is nothing.
    pub(super) fn renumber(&mut self, from: u32, to: u32) -> Outcome<Option<Entry>> {
        self.get(from)?;
        self.get(to)?;
        if from == to {
            return Ok(None);
        }
        let moved = self.remove(from)?;
        match self.entries.get_mut(to as usize) {
            Some(slot) => Ok(slot.replace(moved)),
            None => Err(Errno::Badf.into()),
        }
    }

    /// Takes every entry out.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Entry> + '_ {
        self.open = 0;
        self.lowest_free = 0;
        self.entries.drain(..).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stdio(n: u32) -> Entry {
        Entry::Stdio(n)
    }

    #[test]
    fn insert_after_removals_takes_the_lowest_free_number() {
        let mut table = Table::new(16);
        for n in 3..8 {
            assert_eq!(table.insert(stdio(n)).expect("room"), n);
        }
        table.remove(6).expect("open");
        table.remove(4).expect("open");
        assert_eq!(table.insert(stdio(9)).expect("room"), 4);
        assert_eq!(table.insert(stdio(9)).expect("room"), 6);
        assert_eq!(table.insert(stdio(9)).expect("room"), 8);
    }

    #[test]
    fn insert_over_the_limit_hands_the_entry_back() {
        let mut table = Table::new(4);
        assert!(table.insert(stdio(1)).is_ok());
        assert!(table.insert(stdio(1)).is_err());
        table.remove(0).expect("open");
        assert_eq!(table.insert(stdio(1)).expect("room"), 0);
    }

    #[test]
    fn renumber_onto_itself_keeps_it_and_onto_a_closed_one_is_badf() {
        let mut table = Table::new(16);
        assert!(matches!(table.renumber(1, 1), Ok(None)));
        assert!(table.get(1).is_ok());
        assert!(table.renumber(1, 7).is_err());
        assert!(table.renumber(7, 1).is_err());
        assert!(matches!(table.renumber(1, 2), Ok(Some(Entry::Stdio(2)))));
        assert!(table.get(1).is_err());
    }
}
