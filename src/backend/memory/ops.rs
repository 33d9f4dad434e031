//! The operations of a filesystem in memory.

use super::inode::{Body, Inode};
use super::{MemoryFs, MemoryHandle, handle};
use crate::abi::{
    Call, Dirent, Errno, InodeKey, Mode, Name, OpenFlags, PATH_MAX, Result, SetStat, SetStatMask, SetStatReport, Stat,
    StatFs,
};
use crate::backend::{Backend, Created, DirentSink, Found, Location, NodeKind, Object};
use parking_lot::RwLock;
use std::sync::Arc;

/// Entries that a listing takes out under one lock.
const LISTED_AT_ONCE: usize = 256;

/// The magic that statfs answers with (`TMPFS_MAGIC`): what programs know that lives in memory.
const MAGIC: u64 = 0x0102_1994;

/// Bytes of a block of statfs.
const BLOCK: u64 = 4096;

/// An object of a [`MemoryFs`]. It keeps the object alive when its last name goes.
#[derive(Clone, Debug)]
pub struct MemoryNode(Arc<Inode>);

impl MemoryFs {
    fn found(inode: Arc<Inode>) -> Found<MemoryNode> {
        let stat = inode.stat();
        Found { node: MemoryNode(inode), stat }
    }

    /// Makes an object and names it, both or neither.
    fn make_named(&self, dir: &MemoryNode, name: Name<'_>, body: Body, mode: Mode) -> Result<Arc<Inode>> {
        let mut names = self.names.write();
        names.check_free(&dir.0, name)?;
        let inode = self.make(body, mode)?;
        names.add(&dir.0, name, &inode, self.clock.now())?;
        Ok(inode)
    }

    /// The inode of an object, which must have its key: `ESTALE`.
    fn inode<'a>(object: &Object<'a, MemoryNode>) -> Result<&'a Arc<Inode>> {
        if object.node.0.key == object.key { Ok(&object.node.0) } else { Err(Errno::Stale.into()) }
    }
}

impl Backend for MemoryFs {
    type Node = MemoryNode;
    type Handle = MemoryHandle;

    fn name(&self) -> &'static str {
        "memory"
    }

    fn root(&self, _: &Call) -> Result<Found<MemoryNode>> {
        Ok(Self::found(Arc::clone(&self.root)))
    }

    fn lineage(&self) -> Vec<InodeKey> {
        vec![self.root.key]
    }

    fn lookup(&self, _: &Call, dir: &MemoryNode, name: Name<'_>) -> Result<Found<MemoryNode>> {
        // The guard goes before the attributes are read: they have locks of their own.
        let inode = self.names.read().lookup(&dir.0, name)?;
        Ok(Self::found(inode))
    }

    fn stat(&self, _: &Call, object: Object<'_, MemoryNode>) -> Result<Stat> {
        Ok(Self::inode(&object)?.stat())
    }

    fn set_stat(&self, _: &Call, object: Object<'_, MemoryNode>, set: &SetStat) -> Result<SetStatReport> {
        let inode = Self::inode(&object)?;
        let mut report = SetStatReport::DONE;
        inode.set_attrs(set, self.clock.now(), &mut report);
        if set.size.is_some() {
            report.fail(SetStatMask::SIZE, if inode.is_dir() { Errno::Isdir } else { Errno::Inval });
        }
        Ok(report)
    }

    fn open(&self, _: &Call, object: Object<'_, MemoryNode>, flags: OpenFlags) -> Result<Arc<MemoryHandle>> {
        MemoryHandle::open(Arc::clone(Self::inode(&object)?), flags, self.clock.clone())
    }

    fn create(
        &self,
        _: &Call,
        dir: &MemoryNode,
        name: Name<'_>,
        flags: OpenFlags,
        mode: Mode,
    ) -> Result<Created<MemoryNode, MemoryHandle>> {
        handle::check_flags(flags)?;
        let inode = self.make_named(dir, name, Body::File(RwLock::default()), mode)?;
        let handle = MemoryHandle::open(Arc::clone(&inode), flags, self.clock.clone())?;
        Ok(Created { found: Self::found(inode), handle })
    }

    fn mkdir(&self, _: &Call, dir: &MemoryNode, name: Name<'_>, mode: Mode) -> Result<Found<MemoryNode>> {
        // mkdir(2) takes the permission bits and the sticky one only.
        let mode = Mode::new(mode.bits() & 0o1777);
        self.make_named(dir, name, Body::Directory, mode).map(Self::found)
    }

    fn mknod(
        &self,
        _: &Call,
        dir: &MemoryNode,
        name: Name<'_>,
        kind: NodeKind,
        mode: Mode,
    ) -> Result<Found<MemoryNode>> {
        let body = match kind {
            NodeKind::Fifo => Body::Fifo,
            NodeKind::Socket => Body::Socket,
            NodeKind::Regular => Body::File(RwLock::default()),
        };
        self.make_named(dir, name, body, mode).map(Self::found)
    }

    fn symlink(&self, _: &Call, dir: &MemoryNode, name: Name<'_>, target: &[u8]) -> Result<Found<MemoryNode>> {
        if target.is_empty() {
            return Err(Errno::Noent.into());
        }
        if target.len() > PATH_MAX {
            return Err(Errno::Nametoolong.into());
        }
        if target.contains(&0) {
            return Err(Errno::Inval.into());
        }
        self.make_named(dir, name, Body::Symlink(target.into()), Mode::new(0o777)).map(Self::found)
    }

    fn link(&self, _: &Call, object: Object<'_, MemoryNode>, dir: &MemoryNode, name: Name<'_>) -> Result<Stat> {
        let inode = Self::inode(&object)?;
        self.names.write().link(inode, &dir.0, name, self.clock.now())?;
        Ok(inode.stat())
    }

    fn unlink(&self, _: &Call, dir: &MemoryNode, name: Name<'_>) -> Result<()> {
        self.names.write().unlink(&dir.0, name, self.clock.now())
    }

    fn rmdir(&self, _: &Call, dir: &MemoryNode, name: Name<'_>) -> Result<()> {
        self.names.write().rmdir(&dir.0, name, self.clock.now())
    }

    fn rename(&self, _: &Call, from: Location<'_, MemoryNode>, to: Location<'_, MemoryNode>) -> Result<()> {
        let now = self.clock.now();
        self.names.write().rename((&from.dir.0, from.name), (&to.dir.0, to.name), now)
    }

    fn readlink(&self, _: &Call, object: Object<'_, MemoryNode>) -> Result<Vec<u8>> {
        let inode = Self::inode(&object)?;
        let Body::Symlink(target) = &inode.body else { return Err(Errno::Inval.into()) };
        inode.touch_accessed(self.clock.now());
        Ok(target.to_vec())
    }

    fn read_dir(&self, _: &Call, dir: &MemoryNode, cookie: u64, sink: &mut DirentSink<'_>) -> Result<bool> {
        let mut cookie = cookie;
        loop {
            // Taken out, so that the caller's sink runs without our lock.
            let entries = self.names.read().list(&dir.0, cookie, LISTED_AT_ONCE)?;
            dir.0.touch_accessed(self.clock.now());
            let Some((last, _)) = entries.last() else { return Ok(true) };
            cookie = *last;
            for (cookie, entry) in &entries {
                let entry = Dirent {
                    name: Name::new(&entry.name)?,
                    ino: entry.inode.key.ino,
                    file_type: Some(entry.inode.file_type()),
                    cookie: *cookie,
                };
                if !sink(entry) {
                    return Ok(false);
                }
            }
        }
    }

    fn statfs(&self, _: &Call) -> Result<StatFs> {
        Ok(StatFs {
            magic: MAGIC,
            block_size: BLOCK,
            blocks: self.limits.max_bytes() / BLOCK,
            blocks_free: self.limits.free_bytes() / BLOCK,
            blocks_available: self.limits.free_bytes() / BLOCK,
            files: self.limits.max_inodes(),
            files_free: self.limits.free_inodes(),
            name_max: crate::abi::NAME_MAX as u64,
        })
    }
}
