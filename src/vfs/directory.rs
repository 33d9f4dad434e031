//! Open directories.

use super::namespace::{Namespace, Place};
use super::rights::Rights;
use crate::abi::{Call, Errno, Error, FileType, NameBuf, Result, SetStat, SetTime, Stat};
use crate::gofer::{DirList, KeptList, Listing, OpenDir};
use parking_lot::Mutex;
use std::sync::Arc;

/// An entry of an open directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its name, `.` and `..` included.
    pub name: &'a [u8],
    /// Its inode number.
    pub ino: u64,
    /// Its kind, where the listing tells.
    pub file_type: Option<FileType>,
    /// The cookie behind it: where a later call goes on.
    pub next: u64,
}

/// Cookies below this are those of `.` and `..`.
const DOTS: u64 = 2;

/// What an open directory remembers of its listing.
#[derive(Debug)]
struct Snapshot {
    /// The entries from index `first` on.
    list: Arc<DirList>,
    first: u64,
    /// Counts `list`, which lives as long as this.
    kept: KeptList,
    /// Where the part behind `list` starts; `None` at the end.
    next: Option<u64>,
    /// Where the parts before and with `list` start: (index, backend cookie). A part is 16 KiB at
    /// least, so this stays short.
    parts: Vec<(u64, u64)>,
    /// Names that are not shown in this mount.
    hidden: Vec<NameBuf>,
}

/// An open directory: where paths start, and a listing whose cookies stay valid while entries come and go.
#[derive(Debug)]
pub struct OpenDirectory {
    pub(super) ns: Arc<Namespace>,
    pub(super) place: Place,
    /// What its preopen grants; what may be done somewhere is that and what the mount there allows.
    pub(super) granted: Rights,
    /// Keeps the directory's control handle.
    _open: OpenDir,
    snapshot: Mutex<Option<Snapshot>>,
}

impl OpenDirectory {
    pub(super) fn new(ns: &Arc<Namespace>, place: Place, granted: Rights, open: OpenDir) -> Self {
        OpenDirectory { ns: Arc::clone(ns), place, granted, _open: open, snapshot: Mutex::new(None) }
    }

    /// What may be done with it.
    pub fn rights(&self) -> Result<Rights> {
        self.rights_at(&self.place)
    }

    /// `EROFS` unless names and attributes may be changed through it, as far as its own mount goes.
    pub fn require_change(&self) -> Result<()> {
        self.rights()?.require(Rights::CHANGE)
    }

    /// Opens the same directory once more, with the same rights and a listing of its own.
    pub fn reopen(&self, call: &Call) -> Result<OpenDirectory> {
        let open = self.unless_lost(Arc::clone(self.place.dentry.fs()).open_dir(call, &self.place.dentry))?;
        Ok(OpenDirectory::new(&self.ns, self.place.clone(), self.granted, open))
    }

    /// Attributes of the directory itself.
    pub fn stat(&self, call: &Call) -> Result<Stat> {
        self.unless_lost(self.place.dentry.fs().stat(call, &self.place.dentry))
    }

    /// What an operation on this directory, or from it, came to: `ENOENT` in place of `ESTALE` where it is out of reach,
    /// because others removed or moved it while nothing held it. Nothing is found in it then, as in one that was removed.
    pub(super) fn unless_lost<R>(&self, answer: Result<R>) -> Result<R> {
        match answer {
            Err(Error::Errno(Errno::Stale)) if self.place.dentry.fs().is_lost(&self.place.dentry) => {
                Err(Errno::Noent.into())
            }
            answer => answer,
        }
    }

    /// Sets its times. `EROFS` through a read-only mount.
    pub fn set_times(&self, call: &Call, atime: Option<SetTime>, mtime: Option<SetTime>) -> Result<()> {
        self.rights()?.require(Rights::CHANGE)?;
        let set = SetStat { atime, mtime, ..SetStat::default() };
        self.unless_lost(self.place.dentry.fs().set_attr(call, &self.place.dentry, &set))
    }

    /// Makes its entries reach the disk.
    pub fn sync(&self, call: &Call) -> Result<()> {
        self.unless_lost(self.place.dentry.fs().sync_dir(call, &self.place.dentry))
    }

    /// Lists from behind `cookie` until `visit` refuses an entry. Cookie 0 takes a fresh listing; any other goes on in
    /// the one that was taken, so that entries which come or go meanwhile shift nothing. A directory whose list would
    /// be too large is streamed part by part.
    pub fn read_dir(&self, call: &Call, cookie: u64, visit: &mut dyn FnMut(Entry<'_>) -> bool) -> Result<()> {
        let mut slot = self.snapshot.lock();
        if cookie == 0 || slot.is_none() {
            *slot = Some(self.take_snapshot(call)?);
        }
        let Some(snapshot) = slot.as_mut() else { return Err(Errno::Io.into()) };
        let mut at = cookie;
        if at < DOTS && !self.list_dots(&mut at, visit) {
            return Ok(());
        }
        loop {
            let index = at - DOTS;
            if !snapshot.covers(index) && !self.seek_part(call, snapshot, index)? {
                return Ok(());
            }
            let skip = usize::try_from(index - snapshot.first).map_err(|_| Errno::Overflow)?;
            for entry in (skip..snapshot.list.len()).filter_map(|index| snapshot.list.get(index)) {
                let next = at + 1;
                if snapshot.hidden.iter().any(|hidden| hidden.as_bytes() == entry.name) {
                    at = next;
                    continue;
                }
                if !visit(Entry { name: entry.name, ino: entry.ino, file_type: entry.file_type, next }) {
                    return Ok(());
                }
                at = next;
            }
            if snapshot.next.is_none() {
                return Ok(());
            }
        }
    }

    /// Lists `.` and `..`; false when one was refused. Both carry the directory's own inode number, as under wasmtime:
    /// what is above the start of a guest is none of its business.
    fn list_dots(&self, at: &mut u64, visit: &mut dyn FnMut(Entry<'_>) -> bool) -> bool {
        let ino = self.place.dentry.ino();
        for (cookie, name) in [(0, &b"."[..]), (1, b"..")] {
            if *at == cookie {
                let next = cookie + 1;
                if !visit(Entry { name, ino, file_type: Some(FileType::Directory), next }) {
                    return false;
                }
                *at = next;
            }
        }
        true
    }

    fn take_snapshot(&self, call: &Call) -> Result<Snapshot> {
        let (list, next) = match self.unless_lost(self.place.dentry.fs().list(call, &self.place.dentry))? {
            Listing::Whole(list) => (list, None),
            Listing::Part { list, next } => (list, next),
        };
        let kept = KeptList::new(self.place.dentry.fs(), &list);
        let hidden = self.ns.hidden_in(&self.place);
        Ok(Snapshot { list, first: 0, kept, next, parts: vec![(0, 0)], hidden })
    }

    /// Loads the part that has `index`; false behind the end.
    fn seek_part(&self, call: &Call, snapshot: &mut Snapshot, index: u64) -> Result<bool> {
        if index < snapshot.first {
            let known = snapshot.parts.iter().rev().find(|(first, _)| *first <= index).copied();
            let (first, cookie) = known.unwrap_or((0, 0));
            self.load_part(call, snapshot, first, cookie)?;
        }
        while !snapshot.covers(index) {
            let Some(cookie) = snapshot.next else { return Ok(false) };
            let first = snapshot.end();
            if snapshot.parts.last().is_some_and(|(last, _)| *last < first) {
                snapshot.parts.push((first, cookie));
            }
            self.load_part(call, snapshot, first, cookie)?;
            if snapshot.list.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn load_part(&self, call: &Call, snapshot: &mut Snapshot, first: u64, cookie: u64) -> Result<()> {
        let listed = self.place.dentry.fs().list_part(call, &self.place.dentry, cookie);
        if let Listing::Part { list, next } = self.unless_lost(listed)? {
            snapshot.kept = KeptList::new(self.place.dentry.fs(), &list);
            snapshot.list = list;
            snapshot.next = next;
            snapshot.first = first;
        }
        Ok(())
    }
}

impl Snapshot {
    fn end(&self) -> u64 {
        self.first.saturating_add(self.list.len() as u64)
    }

    fn covers(&self, index: u64) -> bool {
        (self.first..self.end()).contains(&index)
    }
}
