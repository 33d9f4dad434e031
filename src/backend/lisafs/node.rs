//! What stands for an object of the server's tree.

use super::LisaFs;
use super::numbers::Number;
use super::told::Told;
use crate::abi::{Call, Errno, Error, FileType, InodeKey, Name, Result, Stat};
use crate::backend::{Found, Location, Object};
use crate::hostfs::ControlSlot;
use crate::proto::lisafs::{FStat, FdId, OpenAt};
use parking_lot::Mutex;
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
    Other {
        slot: ControlSlot<Number>,
        /// Of a directory that a guest has open: an open file of the server's, without which a server that finds
        /// directories by name would lose one that is moved or removed.
        open: Mutex<Option<Number>>,
    },
}

impl LisaNode {
    /// Its control file; [`Error::Unbound`] when there is none.
    pub(super) fn control(&self) -> Result<Arc<Number>> {
        match &self.shape {
            Shape::Root(control) => Ok(Arc::clone(control)),
            Shape::Other { slot, .. } => slot.get(),
        }
    }

    fn slot(&self) -> Option<&ControlSlot<Number>> {
        match &self.shape {
            Shape::Root(_) => None,
            Shape::Other { slot, .. } => Some(slot),
        }
    }

    /// Whether an operation on it as a directory has what it needs. Anything else is found by its name.
    pub(super) fn is_bound(&self) -> bool {
        self.file_type != FileType::Directory || self.slot().is_none_or(ControlSlot::is_bound)
    }

    pub(super) fn unbind(&self) {
        if let Some(slot) = self.slot() {
            slot.unbind();
        }
    }

    pub(super) fn pin(&self, pinned: bool) {
        if let Shape::Other { slot, open } = &self.shape {
            slot.set_pinned(pinned);
            let closing = if pinned { None } else { open.lock().take() };
            drop(closing);
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
        let slot = ControlSlot::holding(&self.controls, Arc::clone(&control));
        let shape = Shape::Other { slot, open: Mutex::new(None) };
        let node = LisaNode { key: stat.key, file_type: stat.file_type, owner: (stat.uid, stat.gid), shape };
        (Found { node, stat }, control)
    }

    pub(super) fn found(&self, told: Told) -> Found<LisaNode> {
        self.found_and_held(told).0
    }

    /// A node for what a listing told of, which has no control file yet.
    pub(super) fn listed(&self, stat: Stat) -> Found<LisaNode> {
        let shape = Shape::Other { slot: ControlSlot::new(&self.controls), open: Mutex::new(None) };
        Found { node: LisaNode { key: stat.key, file_type: stat.file_type, owner: (stat.uid, stat.gid), shape }, stat }
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

    /// Has the server keep hold of a directory that is bound, until it is unpinned. One that cannot be opened is bound all
    /// the same.
    pub(super) fn hold_open(&self, call: &Call, node: &LisaNode) -> Result<()> {
        let Shape::Other { slot, open } = &node.shape else { return Ok(()) };
        if node.file_type != FileType::Directory || open.lock().is_some() {
            return Ok(());
        }
        match self.open_dir(call, slot.get()?.id()) {
            Ok(opened) => {
                open.lock().get_or_insert(opened);
                Ok(())
            }
            Err(error @ (Error::WouldWait | Error::Errno(Errno::Stale | Errno::Noent))) => Err(error),
            Err(_) => Ok(()),
        }
    }

    /// Opens a directory for listing and syncing.
    pub(super) fn open_dir(&self, call: &Call, dir: FdId) -> Result<Number> {
        let connection = self.connection();
        connection.ask(call, &OpenAt { fd: dir, flags: 0 }, |reply, _| Ok(connection.own(reply.fd)))
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
            _ => self.on_object(call, object, |control| {
                expect(self.stat_file(call, control.id())?, object.key, object.file_type)
            }),
        }
    }

    /// Attributes of a file of the server's.
    pub(super) fn stat_file(&self, call: &Call, fd: FdId) -> Result<Stat> {
        self.connection().ask(call, &FStat { fd }, |stat, _| self.stat_told(stat))
    }

    /// Asks about an object, by its control file. That may stand for a place in the server's tree where the object is no
    /// more: its name was removed, and it has another, or somebody moved it. Then it is found anew by its location, and
    /// asked about once more; `ENOENT` and `ESTALE` where it is not there either.
    pub(super) fn on_object<T>(
        &self,
        call: &Call,
        object: &Object<'_, LisaNode>,
        mut ask: impl FnMut(&Arc<Number>) -> Result<T>,
    ) -> Result<T> {
        let control = self.reach(call, object)?;
        let answer = ask(&control);
        let Err(Error::Errno(Errno::Inval | Errno::Stale | Errno::Noent)) = answer else { return answer };
        let Some(at) = object.location else { return answer };
        object.node.unbind();
        match self.bind(call, object.node, at) {
            Ok(control) => ask(&control),
            Err(gone @ Error::Errno(Errno::Noent | Errno::Stale)) => Err(gone),
            Err(_) => answer,
        }
    }

    /// Passes an answer about names in `dirs` on. `ESTALE` may say of a directory's control file that the directory is no
    /// more at its place: then it has none any more, and is to be restored.
    pub(super) fn in_place<T>(&self, call: &Call, dirs: &[&LisaNode], answer: Result<T>) -> Result<T> {
        if !matches!(&answer, Err(Error::Errno(Errno::Stale))) {
            return answer;
        }
        let mut moved = false;
        for dir in dirs {
            let Some(Ok(control)) = dir.slot().map(ControlSlot::get) else { continue };
            match self.stat_file(call, control.id()) {
                Ok(stat) if stat.key == dir.key => {}
                Ok(_) | Err(Error::Errno(Errno::Stale | Errno::Noent)) => {
                    dir.unbind();
                    moved = true;
                }
                Err(_) => {}
            }
        }
        if moved { Err(Error::Unbound) } else { answer }
    }

    /// What an operation in a directory that failed with `EINVAL` fails with, when that only says that the directory has
    /// no name any more: `ENOENT`.
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
