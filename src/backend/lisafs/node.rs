//! What stands for an object of the server's tree.

use super::LisaFs;
use super::numbers::Number;
use super::told::Told;
use crate::abi::{Call, Errno, Error, FileType, InodeKey, Name, Result, Stat};
use crate::backend::{Found, Location, Object};
use crate::hostfs::ControlSlot;
use crate::proto::lisafs::{FStat, FdId};
use std::sync::Arc;

/// An object of a [`LisaFs`].
#[derive(Debug)]
pub struct LisaNode {
    pub(super) key: InodeKey,
    pub(super) file_type: FileType,
    /// User and group as the server told them when it was found.
    pub(super) owner: (u32, u32),
    shape: Shape,
}

#[derive(Debug)]
enum Shape {
    /// The root, whose control file is never given back.
    Root(Arc<Number>),
    /// Anything else, with a control file or without.
    Other(ControlSlot<Number>),
}

impl LisaNode {
    /// Its control file; [`Error::Unbound`] when there is none.
    pub(super) fn control(&self) -> Result<Arc<Number>> {
        match &self.shape {
            Shape::Root(control) => Ok(Arc::clone(control)),
            Shape::Other(slot) => slot.get(),
        }
    }

    fn slot(&self) -> Option<&ControlSlot<Number>> {
        match &self.shape {
            Shape::Root(_) => None,
            Shape::Other(slot) => Some(slot),
        }
    }

    /// Whether an operation on it as a directory has what it needs. Anything else is found by its name.
    pub(super) fn is_bound(&self) -> bool {
        self.file_type != FileType::Directory || self.slot().is_none_or(ControlSlot::is_bound)
    }

    pub(super) fn pin(&self, pinned: bool) {
        if let Some(slot) = self.slot() {
            slot.set_pinned(pinned);
        }
    }
}

impl LisaFs {
    pub(super) fn root_node(&self, stat: Stat) -> LisaNode {
        let shape = Shape::Root(Arc::clone(&self.root));
        LisaNode { key: stat.key, file_type: stat.file_type, owner: (stat.uid, stat.gid), shape }
    }

    /// A node for what an answer told of, and its control file, which the node may lose at any time.
    pub(super) fn found_and_held(&self, told: Told) -> (Found<LisaNode>, Arc<Number>) {
        let Told { control, stat } = told;
        let control = Arc::new(control);
        let shape = Shape::Other(ControlSlot::holding(&self.controls, Arc::clone(&control)));
        let node = LisaNode { key: stat.key, file_type: stat.file_type, owner: (stat.uid, stat.gid), shape };
        (Found { node, stat }, control)
    }

    pub(super) fn found(&self, told: Told) -> Found<LisaNode> {
        self.found_and_held(told).0
    }

    /// The control file of a directory: `ENOTDIR` for anything else, [`Error::Unbound`] when it has none.
    pub(super) fn directory(&self, node: &LisaNode) -> Result<Arc<Number>> {
        if node.file_type == FileType::Directory { node.control() } else { Err(Errno::Notdir.into()) }
    }

    /// The control file of an object; one without is found by its location, and keeps what was found. `ESTALE` when
    /// another object is there by now, or there is no location, `ENOENT` when nothing is there.
    pub(super) fn reach(&self, call: &Call, object: &Object<'_, LisaNode>) -> Result<Arc<Number>> {
        let node = object.node;
        if (node.key, node.file_type) != (object.key, object.file_type) {
            return Err(Errno::Stale.into());
        }
        match (node.control(), object.location) {
            (Err(Error::Unbound), Some(at)) => self.bind(call, node, at),
            (Err(Error::Unbound), None) if node.file_type != FileType::Directory => Err(Errno::Stale.into()),
            (control, _) => control,
        }
    }

    /// Binds a node to what is at `at`, if that is its object: else `ESTALE`, or `ENOENT` when nothing is there.
    pub(super) fn bind(&self, call: &Call, node: &LisaNode, at: Location<'_, LisaNode>) -> Result<Arc<Number>> {
        let dir = self.directory(at.dir)?;
        let told = self.walk_one(call, dir.id(), at.name)?;
        if (told.stat.key, told.stat.file_type) != (node.key, node.file_type) {
            return Err(Errno::Stale.into());
        }
        let control = Arc::new(told.control);
        if let Some(slot) = node.slot() {
            slot.bind(Arc::clone(&control));
        }
        Ok(control)
    }

    /// Attributes of an object, by whichever way takes one message.
    pub(super) fn stat_object(&self, call: &Call, object: &Object<'_, LisaNode>) -> Result<Stat> {
        let unbound = matches!(object.node.control(), Err(Error::Unbound));
        match object.location {
            Some(at) if unbound && object.node.key == object.key => {
                let dir = self.directory(at.dir)?;
                let stat = self.stat_name(call, dir.id(), at.name)?;
                expect(stat, object.key, object.file_type)
            }
            _ => {
                let control = self.reach(call, object)?;
                expect(self.stat_file(call, control.id())?, object.key, object.file_type)
            }
        }
    }

    /// Attributes of a file of the server's.
    pub(super) fn stat_file(&self, call: &Call, fd: FdId) -> Result<Stat> {
        self.connection().ask(call, &FStat { fd }, |stat, _| self.stat_told(stat))
    }

    /// What an operation that failed with `EINVAL` fails with, when that only says that the object of its control file
    /// has no name any more: `ENOENT`, or `ESTALE` when its name is another's.
    pub(super) fn instead_of_inval(&self, call: &Call, error: Error, object: &Object<'_, LisaNode>) -> Error {
        let Some(at) = object.location.filter(|_| error.is(Errno::Inval)) else { return error };
        let found = self.directory(at.dir).and_then(|dir| self.stat_name(call, dir.id(), at.name));
        match found {
            Err(gone) if gone.is(Errno::Noent) => gone,
            Ok(stat) if stat.key != object.key => Errno::Stale.into(),
            _ => error,
        }
    }

    /// As [`LisaFs::instead_of_inval`], of a directory in which something was to be made.
    pub(super) fn instead_of_inval_in(&self, call: &Call, error: Error, dir: FdId) -> Error {
        let removed = error.is(Errno::Inval) && self.stat_file(call, dir).is_ok_and(|stat| stat.nlink == 0);
        if removed { Errno::Noent.into() } else { error }
    }

    /// Takes a name back that an operation made and that failed later on, if it still is the object with `key`. The
    /// operation's own failure is what the caller hears of.
    pub(super) fn unlink_as(&self, call: &Call, dir: FdId, name: Name<'_>, key: InodeKey) {
        if self.stat_name(call, dir, name).is_ok_and(|stat| stat.key == key) {
            let _ = self.unlink_in(call, dir, 0, name);
        }
    }
}

/// `stat` if it is of the object that was meant, else `ESTALE`.
fn expect(stat: Stat, key: InodeKey, file_type: FileType) -> Result<Stat> {
    if (stat.key, stat.file_type) == (key, file_type) { Ok(stat) } else { Err(Errno::Stale.into()) }
}
