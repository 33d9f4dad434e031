//! Open files of a filesystem in memory.

use super::Clock;
use super::content::{Content, SIZE_MAX};
use super::inode::{Body, Inode};
use crate::abi::{Call, Errno, OpenFlags, Result, SetStat, SetStatMask, SetStatReport, Stat};
use crate::backend::Handle;
use parking_lot::RwLock;
use std::fmt;
use std::io::{IoSlice, IoSliceMut};
use std::sync::Arc;

/// A regular file of a [`super::MemoryFs`], open with some access. It keeps the file alive when its last name goes.
pub struct MemoryHandle {
    inode: Arc<Inode>,
    flags: OpenFlags,
    clock: Clock,
}

impl MemoryHandle {
    /// A handle of `inode`, emptied first if `flags` say so. `EINVAL` for flags without an access, or with
    /// [`OpenFlags::TRUNC`] and without [`OpenFlags::WRITE`]; for other types what open(2) with `O_NOFOLLOW` answers.
    pub(super) fn open(inode: Arc<Inode>, flags: OpenFlags, clock: Clock) -> Result<Arc<MemoryHandle>> {
        check_flags(flags)?;
        match &inode.body {
            Body::File(content) => {
                if flags.contains(OpenFlags::TRUNC) {
                    let mut content = content.write();
                    content.truncate(inode.limits(), 0);
                    inode.touch_modified(clock.now());
                }
            }
            Body::Directory => return Err(Errno::Isdir.into()),
            Body::Symlink(_) => return Err(Errno::Loop.into()),
            // Nobody is at a pipe's or socket's other end.
            Body::Fifo | Body::Socket => return Err(Errno::Nxio.into()),
        }
        Ok(Arc::new(MemoryHandle { inode, flags, clock }))
    }

    /// The contents, for a use that `flags` must allow: `EBADF`.
    fn content(&self, flags: OpenFlags) -> Result<&RwLock<Content>> {
        match &self.inode.body {
            Body::File(content) if self.flags.contains(flags) => Ok(content),
            _ => Err(Errno::Badf.into()),
        }
    }

    fn truncate(&self, size: u64) -> Result<(), Errno> {
        // ftruncate(2) answers EINVAL, not EBADF, for a descriptor that is not open for writing.
        let content = self.content(OpenFlags::WRITE).map_err(|_| Errno::Inval)?;
        if size > SIZE_MAX {
            return Err(Errno::Inval);
        }
        let mut content = content.write();
        content.truncate(self.inode.limits(), size);
        self.inode.touch_modified(self.clock.now());
        Ok(())
    }

    fn put(&self, content: &mut Content, bufs: &[IoSlice<'_>], offset: u64) -> Result<usize> {
        let written = content.write(self.inode.limits(), bufs, offset)?;
        if written > 0 {
            self.inode.touch_modified(self.clock.now());
        }
        Ok(written)
    }
}

/// What no open can be asked for.
pub(super) fn check_flags(flags: OpenFlags) -> Result<()> {
    let no_access = !flags.intersects(OpenFlags::READ | OpenFlags::WRITE);
    if no_access || flags.contains(OpenFlags::TRUNC) && !flags.contains(OpenFlags::WRITE) {
        return Err(Errno::Inval.into());
    }
    Ok(())
}

impl Handle for MemoryHandle {
    fn read_at(&self, _: &Call, bufs: &mut [IoSliceMut<'_>], offset: u64) -> Result<usize> {
        let content = self.content(OpenFlags::READ)?;
        if offset > SIZE_MAX {
            return Err(Errno::Inval.into());
        }
        if bufs.iter().all(|buf| buf.is_empty()) {
            return Ok(0);
        }
        let read = content.read().read(bufs, offset);
        self.inode.touch_accessed(self.clock.now());
        Ok(read)
    }

    fn write_at(&self, _: &Call, bufs: &[IoSlice<'_>], offset: u64) -> Result<usize> {
        let content = self.content(OpenFlags::WRITE)?;
        if offset > SIZE_MAX {
            return Err(Errno::Inval.into());
        }
        self.put(&mut content.write(), bufs, offset)
    }

    fn append(&self, _: &Call, bufs: &[IoSlice<'_>]) -> Result<(usize, u64)> {
        let mut content = self.content(OpenFlags::WRITE)?.write();
        let end = content.size();
        let written = self.put(&mut content, bufs, end)?;
        Ok((written, content.size()))
    }

    fn stat(&self, _: &Call) -> Result<Stat> {
        Ok(self.inode.stat())
    }

    fn set_stat(&self, _: &Call, set: &SetStat) -> Result<SetStatReport> {
        let mut report = SetStatReport::DONE;
        let truncated = set.size.map_or(Ok(()), |size| self.truncate(size));
        self.inode.set_attrs(set, self.clock.now(), &mut report);
        if let Err(errno) = truncated {
            report.fail(SetStatMask::SIZE, errno);
        }
        Ok(report)
    }

    fn sync(&self, _: &Call, _: bool) -> Result<()> {
        Ok(())
    }

    fn allocate(&self, _: &Call, offset: u64, len: u64) -> Result<()> {
        let content = self.content(OpenFlags::WRITE)?;
        if len == 0 || offset > SIZE_MAX || len > SIZE_MAX {
            return Err(Errno::Inval.into());
        }
        if offset + len > SIZE_MAX {
            return Err(Errno::Fbig.into());
        }
        let mut content = content.write();
        content.allocate(self.inode.limits(), offset, len)?;
        self.inode.touch_modified(self.clock.now());
        Ok(())
    }
}

impl fmt::Debug for MemoryHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryHandle").field("key", &self.inode.key).field("flags", &self.flags).finish()
    }
}
