//! Open files. What is done to one needs no guarantee of the tree: the kernel orders it.

use super::open_file::{Donation, OpenFile};
use super::session::{Donations, Session, write};
use crate::abi::{Errno, Error, FileType, Mode, OpenFlags, Result};
use crate::hostfs::{create, data, open, remove, set_stat, stat, sync, walk};
use crate::proto::lisafs::{
    Append, AppendReply, FAllocate, FSync, Flush, Inode, OpenAt, OpenCreateAt, OpenCreateAtReply, OpenReply, PRead,
    PReadReply, PWrite, PWriteReply, Statx, Writer, open_flags,
};
use crate::sidecar::quota::Permit;
use crate::sidecar::tree::{Node, Reach};
use rustix::fd::{AsFd, OwnedFd};
use smallvec::smallvec;
use std::io::{IoSlice, IoSliceMut};
use std::sync::Arc;

fn donations(file: &Arc<OpenFile>) -> Donations {
    if file.is_donated() { smallvec![Donation::File(Arc::clone(file))] } else { Donations::new() }
}

impl Session {
    /// Room for one more open file, and for as many control files: `EMFILE` when this connection has none, `ENFILE` when
    /// all together have as many files as there may be.
    pub(super) fn room_to_open(&self, controls: usize) -> Result<Permit> {
        self.ids.lock().room(controls, 1)?;
        self.shared.opens.take().ok_or(Error::Errno(Errno::Nfile))
    }

    pub(super) fn open_at(&self, request: &OpenAt, to: &mut Writer<'_>) -> Result<Donations> {
        let node = self.ids.lock().control(request.fd)?;
        let flags = open_flags(request.flags).ok_or(Errno::Inval)?;
        if flags.intersects(OpenFlags::WRITE | OpenFlags::TRUNC) {
            self.writable()?;
        }
        let permit = self.room_to_open(0)?;
        let fd = {
            let _guard = self.shared.tree.reading(&node);
            let fd = self.open_node(&node, flags)?;
            node.opened(flags);
            fd
        };
        let file = Arc::new(OpenFile::new(fd, node, permit));
        let donations = donations(&file);
        let fd = self.ids.lock().add_open(file);
        write(to, &OpenReply { fd })?;
        Ok(donations)
    }

    /// The types come first: nothing is opened by accident.
    fn open_node(&self, node: &Arc<Node>, flags: OpenFlags) -> Result<OwnedFd> {
        let tree = &self.shared.tree;
        if node.is_deleted() {
            return Err(Errno::Inval.into());
        }
        match node.file_type {
            FileType::Directory if flags != OpenFlags::READ => Err(Errno::Isdir.into()),
            FileType::Directory => walk::readable(tree.host(), tree.dir(node)?.as_fd()),
            FileType::Symlink => Err(Errno::Inval.into()),
            FileType::Socket => Err(Errno::Nxio.into()),
            // What a device does when it is opened, and how long that takes, is no file's business.
            FileType::CharDevice | FileType::BlockDevice => Err(Errno::Perm.into()),
            FileType::Regular | FileType::Fifo => {
                let Reach::Named(dir, name) = tree.reach(node)? else { return Err(Errno::Inval.into()) };
                open::open_file(tree.host(), dir.as_fd(), name.as_name(), (node.key, node.file_type), flags)
            }
        }
    }

    pub(super) fn open_create_at(&self, request: &OpenCreateAt<'_>, to: &mut Writer<'_>) -> Result<Donations> {
        self.writable()?;
        let (common, name) = (&request.common, request.name);
        // What is new is empty.
        let flags = open_flags(request.flags).ok_or(Errno::Inval)? - OpenFlags::TRUNC;
        let tree = &self.shared.tree;
        let permit = self.room_to_open(1)?;
        let parent = self.ids.lock().control(common.dir)?;
        let guard = tree.writing(&parent);
        if parent.is_deleted() {
            return Err(Errno::Inval.into());
        }
        let (dir, host) = (tree.dir(&parent)?, tree.host());
        let (fd, made) = create::create(host, dir.as_fd(), name, flags, Mode::new(common.mode.into()))?;
        let owner = self.owner(common.uid, common.gid);
        let has_it = owner.uid.is_none_or(|uid| uid == made.uid) && owner.gid.is_none_or(|gid| gid == made.gid);
        let owned = if has_it {
            Ok(made)
        } else {
            let given = set_stat::set_stat_open(fd.as_fd(), &owner).errno.map_or(Ok(()), |errno| Err(errno.into()));
            given.and_then(|()| stat::stat_fd(host.keys(), fd.as_fd()))
        };
        let node = owned.and_then(|stat| Ok((tree.child(&parent, name, &stat, None)?, stat)));
        let (node, stat) = match node {
            Ok(made) => made,
            Err(error) => {
                remove::take_back(host.keys(), dir.as_fd(), name, &made);
                return Err(error);
            }
        };
        node.opened(flags);
        drop(guard);
        let file = Arc::new(OpenFile::new(fd, Arc::clone(&node), permit));
        let donations = donations(&file);
        let (control, fd) = {
            let mut ids = self.ids.lock();
            (ids.add_control(node), ids.add_open(file))
        };
        write(to, &OpenCreateAtReply { inode: &Inode { control, stat: Statx::from_stat(&stat) }, fd })?;
        Ok(donations)
    }

    pub(super) fn p_read(&self, request: &PRead, to: &mut Writer<'_>) -> Result<()> {
        let file = self.ids.lock().open(request.fd)?;
        let count = usize::try_from(request.count).map_err(|_| Errno::Overflow)?;
        let read = |room: &mut [u8]| data::read_at(file.as_fd(), &mut [IoSliceMut::new(room)], request.offset);
        PReadReply::write(to, count, read)?.map(|_| ())
    }

    pub(super) fn p_write(&self, request: &PWrite<'_>, to: &mut Writer<'_>) -> Result<()> {
        self.writable()?;
        let file = self.ids.lock().open(request.fd)?;
        let count = file.file().write_at(&[IoSlice::new(request.data)], request.offset)?;
        write(to, &PWriteReply { count: u64::try_from(count).map_err(|_| Errno::Overflow)? })
    }

    /// At the end, by one call of the kernel: nobody's bytes come between, whoever appends.
    pub(super) fn append(&self, request: &Append<'_>, to: &mut Writer<'_>) -> Result<()> {
        self.writable()?;
        let file = self.ids.lock().open(request.fd)?;
        let (count, end) = file.file().append(&[IoSlice::new(request.data)])?;
        write(to, &AppendReply { end, count: u64::try_from(count).map_err(|_| Errno::Overflow)? })
    }

    /// Each is tried; the first failure is the answer.
    pub(super) fn f_sync(&self, request: &FSync<'_>) -> Result<()> {
        let mut result = Ok(());
        for id in request.fds {
            let file = self.ids.lock().open(*id);
            result = result.and(file.map_err(Into::into).and_then(|file| sync::sync(file.as_fd(), false)));
        }
        result
    }

    pub(super) fn flush(&self, request: &Flush) -> Result<()> {
        // Nothing is kept here that a close would have to bring out.
        self.ids.lock().open(request.fd)?;
        Ok(())
    }

    /// Mode 0 alone: the others take room away that somebody else may read, or keep a length that nobody sees.
    pub(super) fn f_allocate(&self, request: &FAllocate) -> Result<()> {
        self.writable()?;
        let file = self.ids.lock().open(request.fd)?;
        if request.mode != 0 {
            return Err(Errno::Opnotsupp.into());
        }
        data::allocate(file.as_fd(), request.offset, request.length)
    }
}
