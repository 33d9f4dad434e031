//! Where listings stand, and those that are kept for whoever goes on.

use super::numbers::Number;
use crate::abi::{Dirent, Errno, FileType, InodeKey, Name, Result, Stat};
use crate::proto::lisafs::{Dirents, FdId, StatDirents, Statx};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::ops::Range;

/// Entries of one answer, and bytes of their names, at most: what 64 KiB of the host can hold, and some more
/// for servers that stop behind it. No answer takes more memory than this, nor a listing that is kept.
const ENTRIES_MAX: usize = 4_096;
const NAME_BYTES_MAX: usize = 96 * 1024;

/// Answers of one listing, without end otherwise: some 70 million entries.
const ANSWERS_MAX: usize = 65_536;

/// Listings that are kept, each with a directory that the server has open, and places at which one was stopped.
const KEPT_MAX: usize = 8;
const STOPS_MAX: usize = 64;

/// The cookie behind an entry for which a filesystem gave the offset 0, which would be taken for the start: the end.
pub(super) const COOKIE_END: u64 = u64::MAX;

/// Where listings were stopped, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Cursors(Mutex<VecDeque<Stop>>);

#[derive(Debug)]
struct Stop {
    dir: InodeKey,
    cookie: u64,
    /// The entry that the cookie was given with.
    last: Vec<u8>,
    /// The listing, unless somebody began a newer one.
    cursor: Option<Cursor>,
}

impl Cursors {
    /// The listing of `dir` that stands behind `cookie`, if it is kept, and the entry that the cookie was given with.
    pub(super) fn take(&self, dir: InodeKey, cookie: u64) -> (Option<Cursor>, Vec<u8>) {
        let mut stops = self.0.lock();
        let stop = stops.iter_mut().find(|stop| (stop.dir, stop.cookie) == (dir, cookie));
        stop.map_or_else(Default::default, |stop| (stop.cursor.take(), stop.last.clone()))
    }

    /// Lets go of every listing of `dir`: whoever reads it from the start must find what is there now, and not go on in
    /// what was there for somebody else.
    pub(super) fn forget(&self, dir: InodeKey) {
        let mut stops = self.0.lock();
        let gone: Vec<Cursor> =
            stops.iter_mut().filter(|stop| stop.dir == dir).filter_map(|stop| stop.cursor.take()).collect();
        drop(stops);
        drop(gone);
    }

    pub(super) fn keep(&self, dir: InodeKey, cursor: Cursor) {
        let mut stops = self.0.lock();
        let mut gone = Vec::new();
        stops.retain_mut(|stop| {
            let same = (stop.dir, stop.cookie) == (dir, cursor.behind);
            gone.extend(if same { stop.cursor.take() } else { None });
            !same
        });
        if stops.len() >= STOPS_MAX {
            gone.extend(stops.pop_front().and_then(|stop| stop.cursor));
        }
        if stops.iter().filter(|stop| stop.cursor.is_some()).count() >= KEPT_MAX {
            gone.extend(stops.iter_mut().find_map(|stop| stop.cursor.take()));
        }
        let (cookie, last) = (cursor.behind, cursor.last.clone());
        stops.push_back(Stop { dir, cookie, last, cursor: Some(cursor) });
        drop(stops);
        drop(gone);
    }
}

/// An open directory, and the entries of the last answer that nobody took yet.
#[derive(Debug)]
pub(super) struct Cursor {
    open: Number,
    entries: VecDeque<Entry>,
    /// What was told with the entries: one for each, or none at all for an answer that has no attributes.
    stats: VecDeque<Option<Stat>>,
    names: Vec<u8>,
    /// The last entry that was taken, and its cookie.
    last: Vec<u8>,
    behind: u64,
    answers: usize,
}

#[derive(Debug)]
struct Entry {
    ino: u64,
    cookie: u64,
    file_type: Option<FileType>,
    name: Range<usize>,
}

impl Cursor {
    /// At the start of an open directory.
    pub(super) fn new(open: Number) -> Cursor {
        let (entries, stats) = (VecDeque::new(), VecDeque::new());
        Cursor { open, entries, stats, names: Vec::new(), last: Vec::new(), behind: 0, answers: 0 }
    }

    /// The open directory.
    pub(super) fn open(&self) -> FdId {
        self.open.id()
    }

    /// The cookie of the last entry that was taken; 0 at the start.
    pub(super) fn behind(&self) -> u64 {
        self.behind
    }

    /// The same place, for a listing of its own: it may have as many answers as any. The attributes of what is left were told
    /// to the one before it, and may be old.
    pub(super) fn again(self) -> Cursor {
        Cursor { answers: 0, stats: VecDeque::new(), ..self }
    }

    /// Back to the start, for answers that begin there.
    pub(super) fn rewind(&mut self) {
        (self.entries, self.stats, self.behind) = (VecDeque::new(), VecDeque::new(), 0);
    }

    /// The next entry; `None` where the answer ends.
    pub(super) fn entry(&self) -> Option<Dirent<'_>> {
        let entry = self.entries.front()?;
        let name = Name::new(self.names.get(entry.name.clone())?).ok()?;
        Some(Dirent { name, ino: entry.ino, file_type: entry.file_type, cookie: entry.cookie })
    }

    /// The attributes of that entry, where the server told them.
    pub(super) fn stat(&self) -> Option<Stat> {
        self.stats.front().copied().flatten()
    }

    pub(super) fn advance(&mut self) {
        self.stats.pop_front();
        if let Some(entry) = self.entries.pop_front() {
            self.behind = entry.cookie;
            self.last.clear();
            self.last.extend_from_slice(self.names.get(entry.name).unwrap_or_default());
        }
    }

    /// Takes an answer in, behind the last entry. `EIO` for one that has more than was asked for, a name that is none, or no
    /// end to it.
    pub(super) fn take_in(&mut self, answer: Dirents<'_>) -> Result<()> {
        let last = self.begin(answer.len())?;
        for entry in answer.iter() {
            self.push(entry.raw_name.0, (entry.ino, entry.offset, entry.file_type()))?;
        }
        self.end(last)
    }

    /// As [`Cursor::take_in`], with attributes, of which `told` makes what they are, or nothing. Those of another type than
    /// the entry's, or of no inode, are nothing too: they are a lie, or of what came in its place meanwhile.
    pub(super) fn take_in_stats(
        &mut self,
        answer: StatDirents<'_>,
        told: impl Fn(&Statx) -> Option<Stat>,
    ) -> Result<()> {
        let last = self.begin(answer.len())?;
        for entry in answer.iter() {
            let numbers = (entry.stat.ino.get(), entry.offset, entry.file_type());
            if self.push(entry.raw_name.0, numbers)? {
                let fits = |file_type| entry.file_type().is_none_or(|listed| listed == file_type);
                self.stats.push_back(told(entry.stat).filter(|stat| stat.key.ino != 0 && fits(stat.file_type)));
            }
        }
        self.end(last)
    }

    fn begin(&mut self, count: usize) -> Result<u64> {
        self.answers = self.answers.saturating_add(1);
        if count > ENTRIES_MAX || self.answers > ANSWERS_MAX {
            return Err(Errno::Io.into());
        }
        self.names.clear();
        self.stats.clear();
        Ok(self.behind)
    }

    /// Takes an entry in; false for one that is left out.
    fn push(&mut self, raw: &[u8], (ino, offset, file_type): (u64, u64, Option<FileType>)) -> Result<bool> {
        if raw == b"." || raw == b".." {
            return Ok(false);
        }
        let name = Name::new(raw).map_err(|_| Errno::Io)?.as_bytes();
        let start = self.names.len();
        if start.saturating_add(name.len()) > NAME_BYTES_MAX {
            return Err(Errno::Io.into());
        }
        self.names.extend_from_slice(name);
        let cookie = if offset == 0 { COOKIE_END } else { offset };
        self.entries.push_back(Entry { ino, cookie, file_type, name: start..self.names.len() });
        Ok(true)
    }

    /// An answer that ends where the one before ended would be followed by itself.
    fn end(&self, last: u64) -> Result<()> {
        let stands_still = self.entries.back().is_some_and(|end| end.cookie == last && last != COOKIE_END);
        if stands_still { Err(Errno::Io.into()) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::lisafs::numbers::Doomed;
    use std::sync::Arc;

    fn key(ino: u64) -> InodeKey {
        InodeKey { dev: 1, ino, birth_ns: None }
    }

    #[test]
    fn keep_of_many_listings_holds_few_open_and_forgets_the_oldest() {
        let (cursors, doomed) = (Cursors::default(), Arc::new(Doomed::default()));
        for number in 1..=200u64 {
            let cursor = Cursor { behind: number, ..Cursor::new(Number::new(FdId::new(number), &doomed)) };
            cursors.keep(key(number % 3), cursor);
        }
        let stops = cursors.0.lock();
        assert_eq!((stops.len(), doomed.len()), (STOPS_MAX, 200 - KEPT_MAX));
        assert_eq!(stops.iter().filter(|stop| stop.cursor.is_some()).count(), KEPT_MAX);
        drop(stops);
        assert!(cursors.take(key(200 % 3), 200).0.is_some() && cursors.take(key(200 % 3), 200).0.is_none());
        assert!(cursors.take(key(1), 1).0.is_none());
        cursors.forget(key(199 % 3));
        assert!(cursors.take(key(199 % 3), 199).0.is_none() && cursors.take(key(198 % 3), 198).0.is_some());
    }
}
