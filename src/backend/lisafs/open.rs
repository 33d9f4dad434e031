//! Opening and making files.

use super::LisaFs;
use super::connection::{Failed, Fds};
use super::donated::{self, Donated};
use super::fs::Shared;
use super::handle::LisaHandle;
use super::node::LisaNode;
use super::numbers::Number;
use super::told;
use crate::abi::{Call, Errno, Error, FileType, Mode, Name, OpenFlags, Result, SetStat, Stat};
use crate::backend::{Created, Handle, Object};
use crate::proto::lisafs::{FdId, OpenAt, OpenCreateAt, open_bits};
use std::sync::Arc;

impl Shared {
    /// The descriptor among those that came with an answer, checked; none where there is none, or none is wanted.
    fn donated(&self, fds: Fds, meant: &Stat, access: OpenFlags) -> Result<Option<Donated>> {
        let fd = fds.into_iter().next().filter(|_| self.host_fds);
        fd.map(|fd| donated::check(fd, meant, self.keys, access)).transpose()
    }
}

impl LisaFs {
    /// Opens a regular file. It is emptied behind the comparison of what was opened with what was meant.
    pub(super) fn open_file(
        &self,
        call: &Call,
        object: &Object<'_, LisaNode>,
        flags: OpenFlags,
    ) -> Result<Arc<LisaHandle>> {
        check_flags(flags)?;
        match object.file_type {
            FileType::Directory => return Err(Errno::Isdir.into()),
            FileType::Symlink => return Err(Errno::Loop.into()),
            FileType::Fifo | FileType::Socket | FileType::CharDevice | FileType::BlockDevice => {
                return Err(Errno::Nxio.into());
            }
            FileType::Regular => {}
        }
        let (uid, gid) = object.node.owner;
        let meant = Stat { key: object.key, file_type: object.file_type, uid, gid, ..Stat::UNKNOWN };
        let (control, open, donated) = self.on_object(call, object, |control| {
            let request = OpenAt { fd: control.id(), flags: open_bits(flags - OpenFlags::TRUNC) };
            self.connection().ask(call, &request, |reply, fds| {
                let open = self.own_open(reply.fd)?;
                Ok((Arc::clone(control), open, self.shared.donated(fds, &meant, flags)?))
            })
        })?;
        let handle = Arc::new(LisaHandle::new(&self.shared, (control, open, donated), &meant, flags));
        if flags.contains(OpenFlags::TRUNC) {
            let report = handle.set_stat(call, &SetStat { size: Some(0), ..SetStat::default() })?;
            report.errno.map_or(Ok(()), |errno| Err(Error::Errno(errno)))?;
        }
        Ok(handle)
    }

    /// Makes a file and opens it; when it cannot be used, it is removed again.
    pub(super) fn create_file(
        &self,
        call: &Call,
        dir: &LisaNode,
        name: Name<'_>,
        flags: OpenFlags,
        mode: Mode,
    ) -> Result<Created<LisaNode, LisaHandle>> {
        check_flags(flags)?;
        let dir = self.directory(dir)?;
        let common = self.common(dir.id(), None, mode);
        let request = OpenCreateAt { common, flags: open_bits(flags - OpenFlags::TRUNC), name };
        let made = self.connection().ask_with(call, &request, &[], |reply, fds| {
            let open = self.own_open(reply.fd);
            let told = told::inode_as(self.connection(), self.shared.keys, reply.inode, FileType::Regular)?;
            Ok((open?, told, fds))
        });
        let (open, told, fds) = match made {
            Ok(made) => made,
            Err(Failed { error, orphans, .. }) => {
                self.take_back(call, dir.id(), name, &orphans);
                return Err(self.instead_of_inval_in(call, error, dir.id()));
            }
        };
        let stat = told.stat;
        let donated = match self.shared.donated(fds, &stat, flags) {
            Ok(donated) => donated,
            Err(error) => {
                self.unlink_as(call, dir.id(), name, stat.key);
                return Err(error);
            }
        };
        let (found, control) = self.found_and_held(told);
        let handle = Arc::new(LisaHandle::new(&self.shared, (control, open, donated), &stat, flags));
        Ok(Created { found, handle })
    }

    /// Takes an open file over. `EIO` for the number that refers to nothing.
    fn own_open(&self, id: FdId) -> Result<Number> {
        if id == FdId::NONE { Err(Errno::Io.into()) } else { Ok(self.connection().own(id)) }
    }

    /// Removes a file that was made by a request whose answer could not be taken, because this process had no room for
    /// its descriptor: if what the answer gave is what has the name now.
    fn take_back(&self, call: &Call, dir: FdId, name: Name<'_>, orphans: &[Number]) {
        let Ok(there) = self.stat_name_if_any(call, dir, name, orphans) else { return };
        let ours = orphans.iter().filter_map(|orphan| self.stat_file(call, orphan.id()).ok());
        if ours.into_iter().any(|stat| stat.key == there.key) {
            self.unlink_as(call, dir, name, there.key);
        }
    }

    fn stat_name_if_any(&self, call: &Call, dir: FdId, name: Name<'_>, orphans: &[Number]) -> Result<Stat> {
        if orphans.is_empty() { Err(Errno::Noent.into()) } else { self.stat_name(call, dir, name) }
    }
}

/// `EINVAL` for flags without an access, or that empty a file without the right to write.
fn check_flags(flags: OpenFlags) -> Result<()> {
    let none = !flags.intersects(OpenFlags::READ | OpenFlags::WRITE);
    if none || (flags.contains(OpenFlags::TRUNC) && !flags.contains(OpenFlags::WRITE)) {
        return Err(Errno::Inval.into());
    }
    Ok(())
}
