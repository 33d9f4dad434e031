//! What one guest gets of the namespace.

use super::directory::OpenDirectory;
use super::namespace::{Namespace, Place};
use super::open_file::OpenFile;
use super::paths::{Descriptor, OpenHow};
use super::rights::Rights;
use crate::abi::{Call, Errno, Error, FileType, Result, Stat};
use std::io::IoSliceMut;
use std::sync::Arc;

/// A directory that a guest finds open when it starts.
#[derive(Clone, Debug)]
pub struct Preopen {
    path: String,
    place: Place,
    granted: Rights,
}

impl Preopen {
    /// A preopen that grants everything that the mounts allow.
    pub(super) fn new(path: String, place: Place) -> Self {
        Preopen { path, place, granted: Rights::all() }
    }

    /// The path under which the guest knows it, as the mount was given.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// One guest's view of a [`super::Gofer`]: its preopens and its limits. Cheap: made per guest.
#[derive(Clone, Debug)]
pub struct GoferCtx {
    ns: Arc<Namespace>,
    preopens: Vec<Preopen>,
    max_descriptors: usize,
}

/// Most descriptors that a guest may have open unless its context says otherwise.
const MAX_DESCRIPTORS: usize = 65_536;

impl GoferCtx {
    pub(super) fn new(ns: &Arc<Namespace>, preopens: Vec<Preopen>) -> Self {
        GoferCtx { ns: Arc::clone(ns), preopens, max_descriptors: MAX_DESCRIPTORS }
    }

    /// Keeps only the preopens with these paths, in this order; the others stay mounted, out of the guest's sight
    /// unless one of these leads to them. `ENOENT` for a path that no mount has.
    pub fn with_preopens(mut self, paths: &[&str]) -> Result<Self> {
        let pick = |path: &&str| self.preopens.iter().find(|preopen| preopen.path == **path).cloned();
        let picked: Option<Vec<_>> = paths.iter().map(pick).collect();
        self.preopens = picked.ok_or(Error::Errno(Errno::Noent))?;
        Ok(self)
    }

    /// Takes the right to change anything away from this guest.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        for preopen in &mut self.preopens {
            preopen.granted &= Rights::READ;
        }
        self
    }

    /// Sets how many descriptors the guest may have open at once (default 65,536), those that it starts with included; one
    /// more is `EMFILE`. It keeps those that it starts with, however low the limit.
    #[must_use]
    pub fn with_max_descriptors(mut self, limit: usize) -> Self {
        self.max_descriptors = limit;
        self
    }

    /// How many descriptors the guest may have open at once.
    #[must_use]
    pub fn max_descriptors(&self) -> usize {
        self.max_descriptors
    }

    /// The preopens, in the order of their descriptors.
    #[must_use]
    pub fn preopens(&self) -> &[Preopen] {
        &self.preopens
    }

    /// Opens a preopen.
    pub fn open_preopen(&self, call: &Call, preopen: &Preopen) -> Result<OpenDirectory> {
        self.open_place(call, preopen.place.clone(), preopen.granted)
    }

    fn open_place(&self, call: &Call, place: Place, granted: Rights) -> Result<OpenDirectory> {
        let open = Arc::clone(place.dentry.fs()).open_dir(call, &place.dentry)?;
        Ok(OpenDirectory::new(&self.ns, place, granted, open))
    }

    /// Does the after-work of dropped references, if there is any; front ends call it behind each operation.
    #[inline]
    pub fn after(&self, call: &Call) {
        for mount in self.ns.mounts() {
            mount.root.fs().after(call);
        }
    }

    /// The namespace's root as an open directory that may only read: for looking at mounts without a guest.
    pub fn open_root(&self, call: &Call) -> Result<OpenDirectory> {
        self.open_place(call, self.ns.root()?, Rights::READ)
    }

    /// Attributes of a path from the namespace's root; a leading `/` is allowed here.
    pub fn lookup_stat(&self, call: &Call, path: &str, follow: bool) -> Result<Stat> {
        self.open_root(call)?.stat_at(call, from_root(path), follow)
    }

    /// The entries of a directory by its path from the namespace's root, without `.` and `..`.
    pub fn read_dir_path(&self, call: &Call, path: &str) -> Result<Vec<DirEntryInfo>> {
        let how = OpenHow { follow: true, directory: true, read: true, ..OpenHow::default() };
        let Descriptor::Directory(dir) = self.open_root(call)?.open_at(call, from_root(path), how)? else {
            return Err(Errno::Notdir.into());
        };
        let mut entries = Vec::new();
        dir.read_dir(call, 2, &mut |entry| {
            entries.push(DirEntryInfo { name: entry.name.to_vec(), file_type: entry.file_type, ino: entry.ino });
            true
        })?;
        Ok(entries)
    }

    /// The contents of a symbolic link by its path from the namespace's root.
    pub fn read_link_path(&self, call: &Call, path: &str) -> Result<Vec<u8>> {
        self.open_root(call)?.readlink_at(call, from_root(path))
    }

    /// Opens a file for reading by its path from the namespace's root.
    pub fn open_read_path(&self, call: &Call, path: &str) -> Result<PathReader> {
        let how = OpenHow { follow: true, read: true, ..OpenHow::default() };
        match self.open_root(call)?.open_at(call, from_root(path), how)? {
            Descriptor::File(file) => Ok(PathReader(file)),
            Descriptor::Directory(_) => Err(Errno::Isdir.into()),
        }
    }
}

/// A path from the root as one relative to it.
fn from_root(path: &str) -> &[u8] {
    match path.trim_start_matches('/') {
        "" => b".",
        relative => relative.as_bytes(),
    }
}

/// A directory entry, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntryInfo {
    /// Its name; any bytes but `/` and NUL.
    pub name: Vec<u8>,
    /// Its kind, where the listing tells.
    pub file_type: Option<FileType>,
    /// Its inode number.
    pub ino: u64,
}

/// A file open for reading, without a guest.
#[derive(Debug)]
pub struct PathReader(OpenFile);

impl PathReader {
    /// Reads at `offset`; 0 is the end.
    pub fn read_at(&self, call: &Call, buf: &mut [u8], offset: u64) -> Result<usize> {
        self.0.read_at(call, &mut [IoSliceMut::new(buf)], offset)
    }
}
