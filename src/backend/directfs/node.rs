//! What stands for an object of a host directory.

use super::DirectFs;
use crate::abi::{Errno, Error, FileType, Name, Result, Stat};
use crate::backend::{Found, Location, Object};
use crate::hostfs::ControlSlot;
use cap_std::fs::Dir;
use rustix::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

/// An object of a [`DirectFs`].
#[derive(Debug)]
pub struct DirectNode(Shape);

#[derive(Debug)]
enum Shape {
    /// The source itself. A directory is always held and counts in no budget; a file is reached by the backend's own
    /// record of where it is.
    Root(FileType),
    /// A directory, held or not.
    Directory(ControlSlot),
    /// Anything else; reached by name only.
    Leaf,
}

/// A directory that stays open for the length of an operation.
pub(super) enum HeldDir<'a> {
    /// The source's, which the backend holds for good.
    Root(&'a Dir),
    /// One that may be given back meanwhile, and is closed when the last such operation lets go.
    Budgeted(Arc<Dir>),
}

impl HeldDir<'_> {
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        match self {
            HeldDir::Root(dir) => dir.as_fd(),
            HeldDir::Budgeted(dir) => dir.as_fd(),
        }
    }
}

/// A name in a held directory.
pub(super) struct HeldName<'a> {
    dir: HeldDir<'a>,
    name: Name<'a>,
}

impl HeldName<'_> {
    pub(super) fn dir(&self) -> BorrowedFd<'_> {
        self.dir.fd()
    }

    pub(super) fn name(&self) -> Name<'_> {
        self.name
    }
}

/// How an operation reaches its object.
pub(super) enum Reach<'a> {
    /// By its own descriptor: a directory.
    Held(HeldDir<'a>),
    /// By its name: its key must be compared.
    Named(HeldName<'a>),
}

impl DirectNode {
    pub(super) fn root(file_type: FileType) -> DirectNode {
        DirectNode(Shape::Root(file_type))
    }

    fn slot(&self) -> Option<&ControlSlot> {
        match &self.0 {
            Shape::Directory(slot) => Some(slot),
            Shape::Root(_) | Shape::Leaf => None,
        }
    }

    /// The directory that it is, held, where `root` is the source's: as [`DirectFs::held_dir`].
    pub(super) fn hold<'a>(&self, root: &'a Dir) -> Result<HeldDir<'a>> {
        match &self.0 {
            Shape::Root(FileType::Directory) => Ok(HeldDir::Root(root)),
            Shape::Directory(slot) => slot.get().map(HeldDir::Budgeted),
            Shape::Root(_) | Shape::Leaf => Err(Errno::Notdir.into()),
        }
    }

    /// Marks a directory's control handle, present or future, as one that may not be given back.
    pub(super) fn pin(&self, pinned: bool) {
        if let Some(slot) = self.slot() {
            slot.set_pinned(pinned);
        }
    }

    /// The slot of a directory that holds nothing; `None` for nodes that need no binding.
    pub(super) fn unbound_slot(&self) -> Option<&ControlSlot> {
        self.slot().filter(|slot| !slot.is_bound())
    }
}

impl DirectFs {
    /// A node for what was found by name.
    pub(super) fn found(&self, stat: Stat) -> Found<DirectNode> {
        let shape = match stat.file_type {
            FileType::Directory => Shape::Directory(ControlSlot::new(self.host.budget())),
            _ => Shape::Leaf,
        };
        Found { node: DirectNode(shape), stat }
    }

    /// A node for a directory that was crossed.
    pub(super) fn found_held(&self, dir: Arc<Dir>, stat: Stat) -> Found<DirectNode> {
        Found { node: DirectNode(Shape::Directory(ControlSlot::holding(self.host.budget(), dir))), stat }
    }

    /// The directory that `node` is, held. `ENOTDIR` when it is none, [`Error::Unbound`] when it was given back.
    pub(super) fn held_dir<'a>(&'a self, node: &DirectNode) -> Result<HeldDir<'a>> {
        node.hold(&self.dir)
    }

    /// A location, its directory held.
    pub(super) fn held_name<'a>(&'a self, at: Location<'a, DirectNode>) -> Result<HeldName<'a>> {
        Ok(HeldName { dir: self.held_dir(at.dir)?, name: at.name })
    }

    /// The shortest way to `object`. A directory that is not held is reached by its location, and without one it is
    /// [`Error::Unbound`]; anything else without a location is `ESTALE`, as there is no way to it.
    pub(super) fn reach<'a>(&'a self, object: &Object<'a, DirectNode>) -> Result<Reach<'a>> {
        match &object.node.0 {
            Shape::Root(FileType::Directory) => Ok(Reach::Held(HeldDir::Root(&self.dir))),
            Shape::Root(_) => self.named(object).map(Reach::Named),
            Shape::Directory(slot) => match (slot.get(), object.location) {
                (Ok(dir), _) => Ok(Reach::Held(HeldDir::Budgeted(dir))),
                (Err(_), Some(at)) => self.held_name(at).map(Reach::Named),
                (Err(error), None) => Err(error),
            },
            Shape::Leaf => self.named(object).map(Reach::Named),
        }
    }

    /// The name of `object`, whose directory is held; a single file as the source has its own.
    pub(super) fn named<'a>(&'a self, object: &Object<'a, DirectNode>) -> Result<HeldName<'a>> {
        match (&object.node.0, &self.file, object.location) {
            (Shape::Root(_), Some(file), _) => Ok(HeldName { dir: HeldDir::Root(&self.dir), name: file.as_name() }),
            (_, _, Some(at)) => self.held_name(at),
            (_, _, None) => Err(Error::Errno(Errno::Stale)),
        }
    }
}
