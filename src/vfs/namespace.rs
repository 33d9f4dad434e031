//! Mounts, and the way between them.

use super::mount::Mount;
use crate::abi::{Call, Errno, Error, FileType, Name, NameBuf, Result};
use crate::gofer::{DentryRef, Stop};
use std::collections::{HashMap, HashSet};

/// A dentry as a mount shows it. The same dentry in two mounts is two places.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) mount: usize,
    pub(crate) dentry: DentryRef,
}

/// Mounts at guest paths. The first is at `/`; every other is mounted on a place of one before it.
#[derive(Debug)]
pub(crate) struct Namespace {
    mounts: Vec<Mount>,
    /// What is mounted on a place: (mount, dentry) to mount.
    on: HashMap<(usize, (usize, u32)), usize>,
    /// Mount points, which keep their places.
    points: Vec<Place>,
    /// Places that were made up for a mount on them or below them: (mount, dentry). Mounts that share a filesystem share
    /// its dentries too, but none shows what was made up in another one.
    made_up: HashSet<(usize, (usize, u32))>,
}

impl Namespace {
    /// A namespace of a root mount.
    pub(crate) fn new(root: Mount) -> Self {
        Namespace { mounts: vec![root], on: HashMap::new(), points: Vec::new(), made_up: HashSet::new() }
    }

    /// The mount that a place belongs to.
    pub(crate) fn mount(&self, index: usize) -> Result<&Mount> {
        self.mounts.get(index).ok_or(Error::Errno(Errno::Io))
    }

    /// Every mount, the one at `/` first.
    pub(crate) fn mounts(&self) -> &[Mount] {
        &self.mounts
    }

    /// The root.
    pub(crate) fn root(&self) -> Result<Place> {
        self.root_of(0)
    }

    /// The root of a mount.
    pub(crate) fn root_of(&self, mount: usize) -> Result<Place> {
        Ok(Place { mount, dentry: self.mount(mount)?.root.clone() })
    }

    /// What is mounted on `place`, if anything is.
    pub(crate) fn mounted_on(&self, place: &Place) -> Option<Result<Place>> {
        let mount = self.on.get(&(place.mount, place.dentry.token()))?;
        Some(self.root_of(*mount))
    }

    /// Mounts `mount` at `path`, whose components must be directories; those that are missing are made synthetic.
    /// `ENOTDIR` when the way leads through something else (a symbolic link too), `EBUSY` when something is mounted
    /// there.
    pub(crate) fn add(&mut self, call: &Call, path: &[Name<'_>], mount: Mount) -> Result<usize> {
        let root_type = mount.root.file_type();
        let mut at = self.root()?;
        for (depth, name) in path.iter().enumerate() {
            let last = depth + 1 == path.len();
            let file_type = if last { root_type } else { FileType::Directory };
            at = Self::step(call, &at, *name, file_type)?;
            if at.dentry.is_synthetic() {
                self.made_up.insert((at.mount, at.dentry.token()));
            }
            if !last && let Some(over) = self.mounted_on(&at) {
                at = over?;
            }
        }
        if self.on.contains_key(&(at.mount, at.dentry.token())) || path.is_empty() {
            return Err(Errno::Busy.into());
        }
        if (at.dentry.file_type() == FileType::Directory) != (root_type == FileType::Directory) {
            return Err(Errno::Notdir.into());
        }
        let index = self.mounts.len();
        at.dentry.fs().set_mounted(&at.dentry, true);
        self.on.insert((at.mount, at.dentry.token()), index);
        self.points.push(at);
        self.mounts.push(mount);
        Ok(index)
    }

    /// The directory at `path`, mounts crossed; for paths that [`Namespace::add`] made sure of.
    pub(crate) fn directory(&self, call: &Call, path: &[Name<'_>]) -> Result<Place> {
        let mut at = self.root()?;
        for name in path {
            at = Self::step(call, &at, *name, FileType::Directory)?;
            if let Some(over) = self.mounted_on(&at) {
                at = over?;
            }
        }
        Ok(at)
    }

    /// Whether a place, other than a mount's root, was made up in another mount of the same filesystem, and is not shown
    /// in its own.
    pub(crate) fn hides(&self, place: &Place) -> bool {
        place.dentry.is_synthetic() && !self.made_up.contains(&(place.mount, place.dentry.token()))
    }

    /// The names in a directory that are kept for other mounts of its filesystem: nothing is shown under them, and nothing
    /// can be made.
    pub(crate) fn hidden_in(&self, dir: &Place) -> Vec<NameBuf> {
        if self.made_up.is_empty() {
            return Vec::new();
        }
        let names = dir.dentry.fs().synthetic_names(&dir.dentry);
        let hidden = |token| !self.made_up.contains(&(dir.mount, token));
        names.into_iter().filter(|(_, token)| hidden(*token)).map(|(name, _)| name).collect()
    }

    fn step(call: &Call, dir: &Place, name: Name<'_>, file_type: FileType) -> Result<Place> {
        let walked = dir.dentry.fs().walk(call, &dir.dentry, &[name], true)?;
        let dentry = match walked.stop {
            Stop::End | Stop::Mount => walked.reached,
            Stop::Symlink(_) | Stop::NotDirectory => return Err(Errno::Notdir.into()),
            Stop::Missing => walked.reached.fs().add_synthetic(&walked.reached, name, file_type).ok_or(Errno::Nomem)?,
        };
        Ok(Place { mount: dir.mount, dentry })
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        for place in &self.points {
            place.dentry.fs().set_mounted(&place.dentry, false);
        }
    }
}
