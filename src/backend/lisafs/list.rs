//! Listing directories.
//!
//! The protocol lists an open directory from where it stands, and has no message that goes to a place in it. So a
//! listing that is stopped is kept for a while, with what the last answer had left, and whoever goes on behind its last
//! entry goes on in it. Somebody else's cookie is looked for from the start.

use super::LisaFs;
use super::node::LisaNode;
use super::numbers::Number;
use crate::abi::{Call, Dirent, Errno, Error, FileType, InodeKey, Name, Result};
use crate::backend::DirentSink;
use crate::proto::lisafs::{Dirents, FdId, Getdents64};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::ops::Range;

/// Bytes of the host's own entries that one answer is asked for.
const COUNT: i32 = 64 * 1024;

/// Entries of one answer, and bytes of their names, at most: what [`COUNT`] bytes of the host can hold, and some more
/// for servers that stop behind it. No answer takes more memory than this, nor a listing that is kept.
const ENTRIES_MAX: usize = 4_096;
const NAME_BYTES_MAX: usize = 96 * 1024;

/// Answers of one listing, without end otherwise: some 70 million entries.
const ANSWERS_MAX: usize = 65_536;

/// Listings that are kept, each with a directory that the server has open, and places at which one was stopped.
const KEPT_MAX: usize = 8;
const STOPS_MAX: usize = 64;

/// The cookie behind an entry for which a filesystem gave the offset 0, which would be taken for the start: the end.
const COOKIE_END: u64 = u64::MAX;

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
    fn take(&self, dir: InodeKey, cookie: u64) -> (Option<Cursor>, Vec<u8>) {
        let mut stops = self.0.lock();
        let stop = stops.iter_mut().find(|stop| (stop.dir, stop.cookie) == (dir, cookie));
        stop.map_or_else(Default::default, |stop| (stop.cursor.take(), stop.last.clone()))
    }

    /// Lets go of every listing of `dir`: whoever reads it from the start must find what is there now, and not go on in
    /// what was there for somebody else.
    fn forget(&self, dir: InodeKey) {
        let mut stops = self.0.lock();
        let gone: Vec<Cursor> =
            stops.iter_mut().filter(|stop| stop.dir == dir).filter_map(|stop| stop.cursor.take()).collect();
        drop(stops);
        drop(gone);
    }

    fn keep(&self, dir: InodeKey, cursor: Cursor) {
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
struct Cursor {
    open: Number,
    entries: VecDeque<Entry>,
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
    /// The next entry; `None` where the answer ends.
    fn entry(&self) -> Option<Dirent<'_>> {
        let entry = self.entries.front()?;
        let name = Name::new(self.names.get(entry.name.clone())?).ok()?;
        Some(Dirent { name, ino: entry.ino, file_type: entry.file_type, cookie: entry.cookie })
    }

    fn advance(&mut self) {
        if let Some(entry) = self.entries.pop_front() {
            self.behind = entry.cookie;
            self.last.clear();
            self.last.extend_from_slice(self.names.get(entry.name).unwrap_or_default());
        }
    }

    /// Takes an answer in. `EIO` for one that has more than was asked for, a name that is none, or no end to it.
    fn take_in(&mut self, answer: Dirents<'_>) -> Result<()> {
        self.answers = self.answers.saturating_add(1);
        if answer.len() > ENTRIES_MAX || self.answers > ANSWERS_MAX {
            return Err(Errno::Io.into());
        }
        self.names.clear();
        let last = self.behind;
        for entry in answer.iter() {
            let raw = entry.raw_name.0;
            if raw == b"." || raw == b".." {
                continue;
            }
            let name = entry.name()?.as_bytes();
            let start = self.names.len();
            if start.saturating_add(name.len()) > NAME_BYTES_MAX {
                return Err(Errno::Io.into());
            }
            self.names.extend_from_slice(name);
            let cookie = if entry.offset == 0 { COOKIE_END } else { entry.offset };
            let name = start..self.names.len();
            self.entries.push_back(Entry { ino: entry.ino, cookie, file_type: entry.file_type(), name });
        }
        // An answer that ends where the one before ended would be followed by itself.
        let stands_still = self.entries.back().is_some_and(|end| end.cookie == last && last != COOKIE_END);
        if stands_still { Err(Errno::Io.into()) } else { Ok(()) }
    }
}

impl LisaFs {
    /// Lists from behind `cookie` until the end, which answers true, or until `sink` refuses an entry.
    pub(super) fn list(&self, call: &Call, dir: &LisaNode, cookie: u64, sink: &mut DirentSink<'_>) -> Result<bool> {
        if !call.may_wait {
            return Err(Error::WouldWait);
        }
        let control = self.directory(dir)?;
        if cookie == COOKIE_END {
            return Ok(true);
        }
        let (kept, last) = if cookie == 0 {
            self.cursors.forget(dir.key);
            Default::default()
        } else {
            self.cursors.take(dir.key, cookie)
        };
        let mut cursor = match kept {
            Some(cursor) => Cursor { answers: 0, ..cursor },
            None => {
                let open = self.open_dir(call, control.id());
                let mut cursor = Cursor {
                    open: open.or_else(|error| self.removed(call, error, control.id()))?,
                    entries: VecDeque::new(),
                    names: Vec::new(),
                    last: Vec::new(),
                    behind: 0,
                    answers: 0,
                };
                if cookie != 0 && !self.seek(call, &mut cursor, cookie, &last)? {
                    return Ok(true);
                }
                cursor
            }
        };
        loop {
            while let Some(entry) = cursor.entry() {
                if !sink(entry) {
                    if cursor.behind != 0 {
                        self.cursors.keep(dir.key, cursor);
                    }
                    return Ok(false);
                }
                cursor.advance();
            }
            if !self.fetch(call, &mut cursor)? {
                return Ok(true);
            }
        }
    }

    /// A directory without a name cannot be opened with all servers, and is empty: a number that refers to nothing stands
    /// for it.
    fn removed(&self, call: &Call, error: Error, dir: FdId) -> Result<Number> {
        match self.instead_of_inval_in(call, error, dir) {
            gone if gone.is(Errno::Noent) => Ok(self.connection().own(FdId::NONE)),
            error => Err(error),
        }
    }

    /// Fetches the next entries; false at the end.
    fn fetch(&self, call: &Call, cursor: &mut Cursor) -> Result<bool> {
        let fd = cursor.open.id();
        if fd == FdId::NONE {
            return Ok(false);
        }
        loop {
            let more = self.connection().ask(call, &Getdents64 { fd, count: COUNT }, |answer, _| {
                cursor.take_in(answer).map(|()| !answer.is_empty())
            })?;
            // An answer may have nothing but what is left out.
            if !more || cursor.entry().is_some() {
                return Ok(more);
            }
        }
    }

    /// Goes to the place behind `cookie`, which was given with the entry `last`; false when that is the end. A cookie
    /// names the place of the entry behind. Where both entries are gone there may be none with this cookie: then it goes
    /// on with the first that ends behind it, by the order of most filesystems, unless that is the entry itself.
    fn seek(&self, call: &Call, cursor: &mut Cursor, cookie: u64, last: &[u8]) -> Result<bool> {
        if self.find(call, cursor, |entry| entry.cookie == cookie)? {
            cursor.advance();
            return Ok(true);
        }
        let rewound = Getdents64 { fd: cursor.open.id(), count: -COUNT };
        (cursor.entries, cursor.behind) = (VecDeque::new(), 0);
        if cursor.open.id() == FdId::NONE {
            return Ok(false);
        }
        self.connection().ask(call, &rewound, |answer, _| cursor.take_in(answer))?;
        if !self.find(call, cursor, |entry| entry.cookie > cookie)? {
            return Ok(false);
        }
        if cursor.entry().is_some_and(|entry| entry.name.as_bytes() == last) {
            cursor.advance();
        }
        Ok(true)
    }

    /// Goes on to the first entry for which `wanted` holds; false when there is none.
    fn find(&self, call: &Call, cursor: &mut Cursor, wanted: impl Fn(&Dirent<'_>) -> bool) -> Result<bool> {
        loop {
            while let Some(entry) = cursor.entry() {
                if wanted(&entry) {
                    return Ok(true);
                }
                cursor.advance();
            }
            if !self.fetch(call, cursor)? {
                return Ok(false);
            }
        }
    }
}
