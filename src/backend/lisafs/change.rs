//! Making, removing and moving names.

use super::LisaFs;
use super::node::LisaNode;
use super::told::{self, Told};
use crate::abi::{Call, Errno, Error, FileType, Mode, Name, PATH_MAX, Result, SocketKind, Stat};
use crate::backend::{Found, Location, NodeKind, Object};
use crate::proto::lisafs::{
    FdId, Inode, LinkAt, Mid, MkdirAt, MknodAt, NO_ID, ReadLinkAt, RenameAt, RenameAt2, Request, Str, SymlinkAt,
    UNLINK_DIRECTORY, UnlinkAt,
};

impl LisaFs {
    /// Makes something in `dir` by a request that is answered by it.
    fn make<R>(&self, call: &Call, dir: FdId, request: &R, file_type: FileType) -> Result<Found<LisaNode>>
    where
        R: for<'r> Request<Reply<'r> = &'r Inode>,
    {
        let made = self.connection().ask(call, request, |wire, _| self.made(wire, file_type));
        made.map(|told| self.found(told)).map_err(|error| self.instead_of_inval_in(call, error, dir))
    }

    pub(super) fn made(&self, wire: &Inode, file_type: FileType) -> Result<Told> {
        told::inode_as(self.connection(), self.shared.keys, wire, file_type)
    }

    pub(super) fn make_dir(&self, call: &Call, dir: &LisaNode, name: Name<'_>, mode: Mode) -> Result<Found<LisaNode>> {
        let dir = self.directory(dir)?;
        let common = self.common(dir.id(), None, mode);
        self.make(call, dir.id(), &MkdirAt { common, name }, FileType::Directory)
    }

    /// Makes a pipe, a socket or an empty file. A server that makes no unbound socket is asked for a bound one, which is
    /// let go of at once: the node stays.
    pub(super) fn make_node(
        &self,
        call: &Call,
        dir: &LisaNode,
        name: Name<'_>,
        kind: NodeKind,
        mode: Mode,
    ) -> Result<Found<LisaNode>> {
        let dir = self.directory(dir)?;
        let file_type = match kind {
            NodeKind::Fifo => FileType::Fifo,
            NodeKind::Socket => FileType::Socket,
            NodeKind::Regular => FileType::Regular,
        };
        let common = self.common(dir.id(), Some(file_type), mode);
        let made = self.make(call, dir.id(), &MknodAt { common, minor: 0, major: 0, name }, file_type);
        let Err(Error::Errno(refusal @ (Errno::Perm | Errno::Inval | Errno::Opnotsupp))) = made else { return made };
        if kind == NodeKind::Regular {
            return made;
        }
        // A server that never makes such a thing says so before it looks at the name.
        if self.stat_name(call, dir.id(), name).is_ok() {
            return Err(Errno::Exist.into());
        }
        if kind == NodeKind::Socket && self.connection().offers(Mid::BIND_AT) {
            return match self.bind_in(call, dir.id(), name, SocketKind::Stream, mode) {
                // Nor bound ones.
                Err(Error::Errno(Errno::Perm)) => Err(refusal.into()),
                other => other.map(|(found, _)| found),
            };
        }
        Err(refusal.into())
    }

    /// `ENOENT` for empty contents, `ENAMETOOLONG` over 4095 bytes, `EINVAL` for a NUL, as Linux.
    pub(super) fn make_symlink(
        &self,
        call: &Call,
        dir: &LisaNode,
        name: Name<'_>,
        target: &[u8],
    ) -> Result<Found<LisaNode>> {
        let refused = match target {
            [] => Some(Errno::Noent),
            target if target.len() > PATH_MAX => Some(Errno::Nametoolong),
            target if target.contains(&0) => Some(Errno::Inval),
            _ => None,
        };
        let dir = self.directory(dir)?;
        if let Some(errno) = refused {
            return Err(errno.into());
        }
        let request = SymlinkAt { dir: dir.id(), uid: NO_ID, gid: NO_ID, name, target: Str(target) };
        self.make(call, dir.id(), &request, FileType::Symlink)
    }

    /// Makes a further name; one that proves another object's goes again.
    pub(super) fn make_link(
        &self,
        call: &Call,
        object: &Object<'_, LisaNode>,
        dir: &LisaNode,
        name: Name<'_>,
    ) -> Result<Stat> {
        if object.file_type == FileType::Directory {
            return Err(Errno::Perm.into());
        }
        let dir = self.directory(dir)?;
        let linked = self.on_object(call, object, |target| {
            let request = LinkAt { dir: dir.id(), target: target.id(), name };
            self.connection().ask(call, &request, |wire, _| told::inode(self.connection(), self.shared.keys, wire))
        });
        let stat = linked.map_err(|error| self.instead_of_inval_in(call, error, dir.id()))?.stat;
        if (stat.key, stat.file_type) != (object.key, object.file_type) {
            self.unlink_as(call, dir.id(), name, stat.key);
            return Err(Errno::Stale.into());
        }
        Ok(stat)
    }

    pub(super) fn remove(&self, call: &Call, dir: &LisaNode, name: Name<'_>, file_type: FileType) -> Result<()> {
        let dir = self.directory(dir)?;
        let flags = if file_type == FileType::Directory { UNLINK_DIRECTORY } else { 0 };
        self.unlink_in(call, dir.id(), flags, name).map_err(|error| self.instead_of_inval_in(call, error, dir.id()))
    }

    pub(super) fn unlink_in(&self, call: &Call, dir: FdId, flags: u32, name: Name<'_>) -> Result<()> {
        self.connection().ask(call, &UnlinkAt { dir, flags, name }, |(), _| Ok(()))?;
        // What had the name keeps its blocks for as long as the server has it open for us.
        self.connection().doomed().hurry();
        Ok(())
    }

    pub(super) fn rename_name(
        &self,
        call: &Call,
        from: Location<'_, LisaNode>,
        to: Location<'_, LisaNode>,
    ) -> Result<()> {
        let (old_dir, new_dir) = (self.directory(from.dir)?, self.directory(to.dir)?);
        if from.dir.key == to.dir.key && from.name == to.name {
            // Nothing happens to what is there; gVisor's server does not look whether anything is.
            return self.stat_name(call, old_dir.id(), from.name).map(|_| ());
        }
        let names = RenameAt { old_dir: old_dir.id(), new_dir: new_dir.id(), old_name: from.name, new_name: to.name };
        let connection = self.connection();
        let renamed = if !connection.offers(Mid::RENAME_AT) && connection.offers(Mid::RENAME_AT2) {
            connection.ask(call, &RenameAt2 { names, flags: 0 }, |(), _| Ok(()))
        } else {
            connection.ask(call, &names, |(), _| Ok(()))
        };
        renamed.map_err(|error| {
            let error = self.instead_of_inval_in(call, error, old_dir.id());
            self.instead_of_inval_in(call, error, new_dir.id())
        })?;
        connection.doomed().hurry();
        Ok(())
    }

    /// The contents of a symbolic link. `EIO` for contents that no link can have.
    pub(super) fn read_link(&self, call: &Call, object: &Object<'_, LisaNode>) -> Result<Vec<u8>> {
        if object.file_type != FileType::Symlink {
            return Err(Errno::Inval.into());
        }
        let mut asked = false;
        self.on_object(call, object, |control| {
            let again = std::mem::replace(&mut asked, true);
            self.connection().ask(call, &ReadLinkAt { fd: control.id() }, |target, _| match target.0 {
                // gVisor's gofer says so of a name that was removed: the link may have another one.
                [] if !again => Err(Errno::Stale.into()),
                target if target.is_empty() || target.len() > PATH_MAX || target.contains(&0) => Err(Errno::Io.into()),
                target => Ok(target.to_vec()),
            })
        })
    }
}
