//! Objects of a filesystem in memory.

use super::content::Content;
use super::limits::Limits;
use crate::abi::{
    Errno, FileType, InodeKey, Mode, Result, SetStat, SetStatMask, SetStatReport, SetTime, Stat, Timespec,
};
use parking_lot::{Mutex, RwLock};
use std::sync::Arc;

/// The size that a directory shows, whatever it holds (as on ext4).
const DIRECTORY_SIZE: u64 = 4096;

/// One object. It lives as long as a name, a node or an open file refers to it, and then gives back what it took.
#[derive(Debug)]
pub(super) struct Inode {
    pub(super) key: InodeKey,
    pub(super) body: Body,
    /// Locked after the contents.
    attrs: Mutex<Attrs>,
    limits: Arc<Limits>,
}

/// What an object holds beside its attributes.
#[derive(Debug)]
pub(super) enum Body {
    File(RwLock<Content>),
    /// Its entries are in `Names`.
    Directory,
    Symlink(Box<[u8]>),
    Fifo,
    Socket,
}

impl Body {
    /// Bytes taken from the limits for what is fixed when an object is made; a file takes its own as it grows.
    pub(super) fn own_bytes(&self) -> u64 {
        match self {
            Body::Symlink(target) => target.len() as u64,
            Body::File(_) | Body::Directory | Body::Fifo | Body::Socket => 0,
        }
    }
}

#[derive(Debug)]
struct Attrs {
    mode: Mode,
    nlink: u64,
    uid: u32,
    gid: u32,
    atime: Timespec,
    mtime: Timespec,
    ctime: Timespec,
}

impl Inode {
    /// An object with the number of names that it will have once it has its first; a directory counts its own `.`.
    /// The caller has taken its place from `limits`, and a symbolic link's bytes.
    pub(super) fn new(key: InodeKey, body: Body, mode: Mode, now: Timespec, limits: Arc<Limits>) -> Arc<Inode> {
        let nlink = if matches!(body, Body::Directory) { 2 } else { 1 };
        let attrs = Attrs { mode, nlink, uid: 0, gid: 0, atime: now, mtime: now, ctime: now };
        Arc::new(Inode { key, body, attrs: Mutex::new(attrs), limits })
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn file_type(&self) -> FileType {
        match self.body {
            Body::File(_) => FileType::Regular,
            Body::Directory => FileType::Directory,
            Body::Symlink(_) => FileType::Symlink,
            Body::Fifo => FileType::Fifo,
            Body::Socket => FileType::Socket,
        }
    }

    pub(super) fn is_dir(&self) -> bool {
        matches!(self.body, Body::Directory)
    }

    /// Attributes, those of the contents and those of the inode as of one moment.
    pub(super) fn stat(&self) -> Stat {
        let content = match &self.body {
            Body::File(content) => Some(content.read()),
            _ => None,
        };
        let (size, taken) = match (&self.body, &content) {
            (_, Some(content)) => (content.size(), content.taken()),
            (Body::Directory, None) => (DIRECTORY_SIZE, DIRECTORY_SIZE),
            (Body::Symlink(target), None) => (target.len() as u64, 0),
            (Body::File(_) | Body::Fifo | Body::Socket, None) => (0, 0),
        };
        let attrs = self.attrs.lock();
        Stat {
            key: self.key,
            file_type: self.file_type(),
            mode: attrs.mode,
            nlink: attrs.nlink,
            uid: attrs.uid,
            gid: attrs.gid,
            size,
            blocks: taken.div_ceil(512),
            blksize: 4096,
            atime: attrs.atime,
            mtime: attrs.mtime,
            ctime: attrs.ctime,
        }
    }

    pub(super) fn nlink(&self) -> u64 {
        self.attrs.lock().nlink
    }

    pub(super) fn add_link(&self, now: Timespec) {
        let mut attrs = self.attrs.lock();
        // The bound of inodes, which counts names too, is far below 2^64.
        attrs.nlink = attrs.nlink.saturating_add(1);
        attrs.ctime = now;
    }

    pub(super) fn drop_link(&self, now: Timespec) {
        let mut attrs = self.attrs.lock();
        attrs.nlink = attrs.nlink.saturating_sub(1);
        attrs.ctime = now;
    }

    /// A directory that was removed has neither its name nor its `.`.
    pub(super) fn drop_all_links(&self, now: Timespec) {
        let mut attrs = self.attrs.lock();
        attrs.nlink = 0;
        attrs.ctime = now;
    }

    /// The contents, or a directory's entries, changed.
    pub(super) fn touch_modified(&self, now: Timespec) {
        let mut attrs = self.attrs.lock();
        attrs.mtime = now;
        attrs.ctime = now;
    }

    /// The inode changed.
    pub(super) fn touch_changed(&self, now: Timespec) {
        self.attrs.lock().ctime = now;
    }

    /// The contents were read: noted as `relatime` does, once after each change.
    pub(super) fn touch_accessed(&self, now: Timespec) {
        let mut attrs = self.attrs.lock();
        if attrs.atime <= attrs.mtime || attrs.atime <= attrs.ctime {
            attrs.atime = now;
        }
    }

    pub(super) fn set_all_times(&self, now: Timespec) {
        let mut attrs = self.attrs.lock();
        (attrs.atime, attrs.mtime, attrs.ctime) = (now, now, now);
    }

    /// What an object inherits from a directory with the set-group-ID bit: its group, and a directory the bit too.
    pub(super) fn inherit(&self, dir: &Inode) {
        let (mode, gid) = {
            let dir = dir.attrs.lock();
            (dir.mode.bits(), dir.gid)
        };
        if mode & 0o2000 == 0 {
            return;
        }
        let mut attrs = self.attrs.lock();
        attrs.gid = gid;
        if self.is_dir() {
            attrs.mode = Mode::new(attrs.mode.bits() | 0o2000);
        }
    }

    /// Changes owner, mode and times, and notes in `report` what of them failed.
    pub(super) fn set_attrs(&self, set: &SetStat, now: Timespec, report: &mut SetStatReport) {
        let mut attrs = self.attrs.lock();
        let mask = set.mask();
        let owner = mask & (SetStatMask::UID | SetStatMask::GID);
        if !owner.is_empty() {
            match attrs.set_owner(set, self.is_dir()) {
                Ok(()) => attrs.ctime = now,
                Err(errno) => report.fail(owner, errno),
            }
        }
        match (set.mode, &self.body) {
            (None, _) => {}
            (Some(_), Body::Symlink(_)) => report.fail(SetStatMask::MODE, Errno::Opnotsupp),
            (Some(mode), _) => {
                attrs.mode = mode;
                attrs.ctime = now;
            }
        }
        let times = mask & (SetStatMask::ATIME | SetStatMask::MTIME);
        if times.is_empty() {
            return;
        }
        match (time(set.atime, attrs.atime, now), time(set.mtime, attrs.mtime, now)) {
            (Ok(atime), Ok(mtime)) => (attrs.atime, attrs.mtime, attrs.ctime) = (atime, mtime, now),
            (Err(errno), _) | (_, Err(errno)) => report.fail(times, errno),
        }
    }
}

impl Attrs {
    /// `EINVAL` for the number that chown(2) reads as "leave it". A new owner takes a file's set-ID bits away.
    fn set_owner(&mut self, set: &SetStat, is_dir: bool) -> Result<(), Errno> {
        if set.uid == Some(u32::MAX) || set.gid == Some(u32::MAX) {
            return Err(Errno::Inval);
        }
        self.uid = set.uid.unwrap_or(self.uid);
        self.gid = set.gid.unwrap_or(self.gid);
        if !is_dir {
            let mode = self.mode.bits();
            // Set-group-ID without group execution once meant mandatory locking, and stays.
            let cleared = if mode & 0o010 == 0 { 0o4000 } else { 0o6000 };
            self.mode = Mode::new(mode & !cleared);
        }
        Ok(())
    }
}

fn time(set: Option<SetTime>, old: Timespec, now: Timespec) -> Result<Timespec, Errno> {
    match set {
        None => Ok(old),
        Some(SetTime::Now) => Ok(now),
        Some(SetTime::At(time)) if time.nanos > 999_999_999 => Err(Errno::Inval),
        Some(SetTime::At(time)) => Ok(time),
    }
}

impl Drop for Inode {
    fn drop(&mut self) {
        if let Body::File(content) = &mut self.body {
            self.limits.give_bytes(content.get_mut().taken());
        }
        self.limits.give_bytes(self.body.own_bytes());
        self.limits.give_inode();
    }
}
