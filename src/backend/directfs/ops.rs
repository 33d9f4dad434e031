//! The operations of a host directory: what is held is found in the nodes, what is done is `hostfs`.

use super::node::{DirectNode, HeldDir, Reach};
use super::queue::DirectQueue;
use super::{DirectFs, DirectHandle};
use crate::abi::{
    Call, Errno, Error, FileType, InodeKey, Mode, Name, OpenFlags, Result, SetStat, SetStatReport, Stat, StatFs,
};
use crate::backend::{
    Backend, Capabilities, ChangeQueue, Created, DirentSink, Found, Location, NodeKind, Object, Step, WalkEnd,
};
use crate::hostfs::walk::Crossed;
use crate::hostfs::{
    Keys, create, dirents, lineage, link, lock, mkdir, mknod, open, remove, rename, set_stat, stat, statfs, symlink,
    sync, walk,
};
use rustix::fd::AsFd;
use std::sync::Arc;

/// The end of an inotify instance that had a watch takes some 8 ms (Linux 6.18), in which its marks are given up. A few
/// are kept for later mounts, and a process that lives pays for one once; a mount that looks at a few names twice is to
/// need none.
const QUEUE_AFTER: u32 = 128;

impl Backend for DirectFs {
    type Node = DirectNode;
    type Handle = DirectHandle;

    fn name(&self) -> &'static str {
        "directfs"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            may_block: self.blocking,
            read_only: false,
            // Of a blocking source nobody knows whose clock it has.
            local_clock: !self.blocking,
            stale_handles: self.keys() == Keys::WithoutBirth,
            confirms_name_at_open: true,
            handles_end_by_drop: true,
            queue_pays_after: QUEUE_AFTER,
        }
    }

    fn root(&self, call: &Call) -> Result<Found<DirectNode>> {
        self.enter(call)?;
        let stat = match &self.file {
            None => stat::stat_fd(self.keys(), self.root_fd())?,
            Some(file) => stat::stat_at(self.keys(), self.root_fd(), file.as_name())?,
        };
        // A single file may have been replaced by another one, but by nothing that is no file.
        if (stat.file_type == FileType::Directory) != self.file.is_none() || stat.file_type == FileType::Symlink {
            return Err(Errno::Stale.into());
        }
        Ok(Found { node: DirectNode::root(stat.file_type), stat })
    }

    fn lineage(&self) -> Vec<InodeKey> {
        let above = lineage::lineage(self.host.budget(), self.root_fd());
        self.file.iter().map(|_| self.root_key).chain(above).collect()
    }

    fn lookup(&self, call: &Call, dir: &DirectNode, name: Name<'_>) -> Result<Found<DirectNode>> {
        self.enter(call)?;
        let held = self.held_dir(dir)?;
        stat::stat_at(self.keys(), held.fd(), name).map(|stat| self.found(stat))
    }

    fn walk_many(
        &self,
        call: &Call,
        dir: &DirectNode,
        names: &[Name<'_>],
        out: &mut Vec<Found<DirectNode>>,
    ) -> Result<WalkEnd> {
        self.enter(call)?;
        let Some((last, crossed)) = names.split_last() else { return Ok(WalkEnd::Complete) };
        // Kept here as well, so that a budget smaller than the path cannot take a step away before the next one.
        let mut at = self.held_dir(dir)?;
        for name in crossed {
            match walk::cross(&self.host, at.fd(), *name) {
                Ok(Crossed::Directory(held, stat)) => {
                    out.push(self.found_held(Arc::clone(&held), stat));
                    at = HeldDir::Budgeted(held);
                }
                Ok(Crossed::Other(stat)) => {
                    out.push(self.found(stat));
                    return Ok(WalkEnd::NotDirectory);
                }
                Err(Error::Errno(Errno::Noent)) => return Ok(WalkEnd::Missing),
                Err(error) => return Err(error),
            }
        }
        match stat::stat_at(self.keys(), at.fd(), *last) {
            Ok(stat) => out.push(self.found(stat)),
            Err(Error::Errno(Errno::Noent)) => return Ok(WalkEnd::Missing),
            Err(error) => return Err(error),
        }
        Ok(WalkEnd::Complete)
    }

    fn revalidate_end(&self, call: &Call, dir: &DirectNode, names: &[Name<'_>], key: InodeKey) -> Result<Option<Stat>> {
        self.enter(call)?;
        let held = self.held_dir(dir)?;
        let found = match names {
            // One name needs no resolution: it is never followed.
            [name] => stat::stat_at(self.keys(), held.fd(), *name),
            names => walk::stat_beneath(&self.host, held.fd(), names),
        };
        match found {
            Ok(stat) => Ok(Some(stat).filter(|stat| stat.key == key)),
            // The short way is closed, which says nothing of the path: it is too long when joined, or the kernel is
            // older than 5.6, or a seccomp filter knows no openat2.
            Err(Error::Errno(Errno::Nametoolong | Errno::Nosys | Errno::Perm)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn revalidate_many(&self, call: &Call, steps: &[Step<'_, DirectNode>], out: &mut Vec<Stat>) -> Result<()> {
        self.enter(call)?;
        for step in steps {
            let held = self.held_dir(step.dir)?;
            let stat = stat::stat_at(self.keys(), held.fd(), step.name)?;
            out.push(stat);
            if stat.key != step.key {
                break;
            }
        }
        Ok(())
    }

    fn stat(&self, call: &Call, object: Object<'_, DirectNode>) -> Result<Stat> {
        self.enter(call)?;
        match self.reach(&object)? {
            Reach::Held(dir) => stat::expect(stat::stat_fd(self.keys(), dir.fd())?, object.key),
            Reach::Named(at) => stat::stat_at_as(self.keys(), at.dir(), at.name(), object.key),
        }
    }

    fn set_stat(&self, call: &Call, object: Object<'_, DirectNode>, set: &SetStat) -> Result<SetStatReport> {
        self.enter(call)?;
        match self.reach(&object)? {
            Reach::Held(dir) => {
                stat::expect(stat::stat_fd(self.keys(), dir.fd())?, object.key)?;
                Ok(set_stat::set_stat_dir(dir.fd(), set))
            }
            Reach::Named(at) => {
                let is = (object.key, object.file_type);
                set_stat::set_stat_named(&self.host, at.dir(), at.name(), is, set)
            }
        }
    }

    fn open(&self, call: &Call, object: Object<'_, DirectNode>, flags: OpenFlags) -> Result<Arc<DirectHandle>> {
        self.enter(call)?;
        if object.file_type == FileType::Directory {
            return Err(Errno::Isdir.into());
        }
        let at = self.named(&object)?;
        let is = (object.key, object.file_type);
        let fd = open::open_file(&self.host, at.dir(), at.name(), is, flags)?;
        Ok(Arc::new(DirectHandle::new(fd, self.keys(), self.blocking)))
    }

    fn open_to_stat(&self, call: &Call, object: Object<'_, DirectNode>) -> Result<(Arc<DirectHandle>, OpenFlags)> {
        self.enter(call)?;
        let at = self.named(&object)?;
        let fd = open::open_path(&self.host, at.dir(), at.name(), (object.key, object.file_type))?;
        Ok((Arc::new(DirectHandle::new(fd, self.keys(), self.blocking)), OpenFlags::empty()))
    }

    fn create(
        &self,
        call: &Call,
        dir: &DirectNode,
        name: Name<'_>,
        flags: OpenFlags,
        mode: Mode,
    ) -> Result<Created<DirectNode, DirectHandle>> {
        self.enter(call)?;
        let held = self.held_dir(dir)?;
        let (fd, stat) = create::create(&self.host, held.fd(), name, flags, mode)?;
        Ok(Created { found: self.found(stat), handle: Arc::new(DirectHandle::new(fd, self.keys(), self.blocking)) })
    }

    fn create_beneath(
        &self,
        call: &Call,
        dir: &DirectNode,
        (way, name): (&[Name<'_>], Name<'_>),
        flags: OpenFlags,
        mode: Mode,
    ) -> Result<Option<Created<DirectNode, DirectHandle>>> {
        self.enter(call)?;
        let held = self.held_dir(dir)?;
        let made = create::create_beneath(&self.host, held.fd(), (way, name), flags, mode)?;
        Ok(made.map(|(fd, stat)| {
            let handle = Arc::new(DirectHandle::new(fd, self.keys(), self.blocking));
            Created { found: self.found(stat), handle }
        }))
    }

    fn mkdir(&self, call: &Call, dir: &DirectNode, name: Name<'_>, mode: Mode) -> Result<Found<DirectNode>> {
        self.enter(call)?;
        let held = self.held_dir(dir)?;
        mkdir::mkdir(self.keys(), held.fd(), name, mode).map(|stat| self.found(stat))
    }

    fn mkdir_unseen(&self, call: &Call, dir: &DirectNode, name: Name<'_>, mode: Mode) -> Result<()> {
        self.enter(call)?;
        mkdir::mkdir_unseen(self.held_dir(dir)?.fd(), name, mode)
    }

    fn mknod(
        &self,
        call: &Call,
        dir: &DirectNode,
        name: Name<'_>,
        kind: NodeKind,
        mode: Mode,
    ) -> Result<Found<DirectNode>> {
        self.enter(call)?;
        let file_type = match kind {
            NodeKind::Fifo => FileType::Fifo,
            NodeKind::Socket => FileType::Socket,
            NodeKind::Regular => FileType::Regular,
        };
        let held = self.held_dir(dir)?;
        mknod::mknod(self.keys(), held.fd(), name, file_type, mode).map(|stat| self.found(stat))
    }

    fn symlink(&self, call: &Call, dir: &DirectNode, name: Name<'_>, target: &[u8]) -> Result<Found<DirectNode>> {
        self.enter(call)?;
        let held = self.held_dir(dir)?;
        symlink::symlink(self.keys(), held.fd(), name, target).map(|stat| self.found(stat))
    }

    fn link(&self, call: &Call, object: Object<'_, DirectNode>, dir: &DirectNode, name: Name<'_>) -> Result<Stat> {
        self.enter(call)?;
        if object.file_type == FileType::Directory {
            return Err(Errno::Perm.into());
        }
        let held = self.held_dir(dir)?;
        let old = self.named(&object)?;
        link::link(self.keys(), (old.dir(), old.name(), object.key), held.fd(), name)
    }

    fn unlink(&self, call: &Call, dir: &DirectNode, name: Name<'_>) -> Result<()> {
        self.enter(call)?;
        remove::unlink(self.held_dir(dir)?.fd(), name)
    }

    fn rmdir(&self, call: &Call, dir: &DirectNode, name: Name<'_>) -> Result<()> {
        self.enter(call)?;
        remove::rmdir(self.held_dir(dir)?.fd(), name)
    }

    fn rename(&self, call: &Call, from: Location<'_, DirectNode>, to: Location<'_, DirectNode>) -> Result<()> {
        self.enter(call)?;
        let (from, to) = (self.held_name(from)?, self.held_name(to)?);
        rename::rename((from.dir(), from.name()), (to.dir(), to.name()), rename::Onto::Replace)
    }

    fn readlink(&self, call: &Call, object: Object<'_, DirectNode>) -> Result<Vec<u8>> {
        self.enter(call)?;
        if object.file_type != FileType::Symlink {
            return Err(Errno::Inval.into());
        }
        let at = self.named(&object)?;
        symlink::readlink(&self.host, at.dir(), at.name(), (object.key, object.file_type))
    }

    fn read_dir(&self, call: &Call, dir: &DirectNode, cookie: u64, sink: &mut DirentSink<'_>) -> Result<bool> {
        self.enter(call)?;
        dirents::read_dir(&self.host, self.held_dir(dir)?.fd(), cookie, sink)
    }

    fn statfs(&self, call: &Call) -> Result<StatFs> {
        self.enter(call)?;
        statfs::statfs(self.root_fd())
    }

    fn sync_fs(&self, call: &Call) -> Result<()> {
        self.enter(call)?;
        sync::sync_fs(walk::readable(&self.host, self.root_fd())?.as_fd())
    }

    fn sync_dir(&self, call: &Call, dir: &DirectNode) -> Result<()> {
        self.enter(call)?;
        let held = self.held_dir(dir)?;
        sync::sync(walk::readable(&self.host, held.fd())?.as_fd(), false)
    }

    fn restore(&self, call: &Call, node: &DirectNode, at: Location<'_, DirectNode>, key: InodeKey) -> Result<()> {
        self.enter(call)?;
        let Some(slot) = node.unbound_slot() else { return Ok(()) };
        let held = self.held_dir(at.dir)?;
        slot.bind(walk::open_dir_as(&self.host, held.fd(), at.name, key)?);
        Ok(())
    }

    fn is_bound(&self, node: &DirectNode) -> bool {
        node.unbound_slot().is_none()
    }

    fn pin(&self, node: &DirectNode, pinned: bool) {
        node.pin(pinned);
    }

    fn relieve(&self, want: usize) -> usize {
        self.host.budget().relieve(want)
    }

    fn change_queue(&self) -> Option<Box<dyn ChangeQueue<DirectNode>>> {
        // A single file has no names below it; where calls wait, others than this kernel have a say.
        if self.file.is_some() || self.blocking {
            return None;
        }
        Some(Box::new(DirectQueue::new(&self.host, &self.dir)?))
    }

    fn lock_tree(&self) -> Result<()> {
        let mut lock = self.lock.lock();
        if lock.is_some() {
            return Ok(());
        }
        let fd = match &self.file {
            None => walk::readable(&self.host, self.root_fd())?,
            Some(file) => {
                let stat = stat::stat_at(self.keys(), self.root_fd(), file.as_name())?;
                let is = (stat.key, stat.file_type);
                open::open_file(&self.host, self.root_fd(), file.as_name(), is, OpenFlags::READ)?
            }
        };
        lock::lock_exclusive(fd.as_fd())?;
        *lock = Some(fd);
        Ok(())
    }
}
