//! Opening files and directories.

use crate::abi::{Call, Errno, Error, FileType, Name, OpenFlags, Result};
use crate::backend::{ErasedHandle, ErasedObject, Location};
use crate::gofer::dentry::Reached;
use crate::gofer::file::{File, OpenDir};
use crate::gofer::fs::{DentryRef, GoferFs};
use crate::gofer::handle::HandleSet;
use crate::gofer::stats::Op;
use crate::gofer::wait;
use std::sync::Arc;

impl GoferFs {
    /// Opens a file that is no directory (`EISDIR`) and no symbolic link (`ELOOP`). Where the policy shares handles an
    /// open that finds one asks nothing of the backend. `ESTALE` when something else has the name by now.
    pub fn open(self: &Arc<Self>, call: &Call, of: &DentryRef, flags: OpenFlags) -> Result<File> {
        match of.file_type() {
            FileType::Directory => return Err(Errno::Isdir.into()),
            FileType::Symlink => return Err(Errno::Loop.into()),
            FileType::Regular | FileType::Fifo | FileType::Socket | FileType::CharDevice | FileType::BlockDevice => {}
        }
        let access = flags - OpenFlags::TRUNC;
        let shared = self.coherence.shares_handles()
            && of.file_type() == FileType::Regular
            && (access - File::ACCESS).is_empty();
        let opened = self.with_descriptors(call, || {
            if shared { self.open_shared(call, of, access) } else { self.open_own(call, of, access) }
        });
        let file = match opened {
            // What was found here has moved on: whoever looks again finds what is here now.
            Err(Error::Errno(Errno::Stale | Errno::Noent)) => {
                self.invalidate(call, of.id());
                return Err(Errno::Stale.into());
            }
            opened => opened?,
        };
        if flags.contains(OpenFlags::TRUNC) {
            file.set_size(call, 0)?;
        }
        Ok(file)
    }

    /// Opens the regular file that `names` lead to by the shortest way: all of them are cached, and either names are
    /// trusted and the inode has the handles for `access`, or the opening itself confirms the last name, or its handle was
    /// kept and the change queue vouches for the name. `None` when there is more to it than that. Takes no reference to a
    /// name: the file needs none.
    #[inline]
    pub fn open_shortest(
        self: &Arc<Self>,
        call: &Call,
        start: &DentryRef,
        names: &[Name<'_>],
        follow_last: bool,
        access: OpenFlags,
    ) -> Result<Option<File>> {
        let shared = self.coherence.shares_handles() && (access - File::ACCESS).is_empty();
        if self.coherence.trusts_names() {
            return Ok(if shared { self.open_cached(start, names, follow_last, access) } else { None });
        }
        let confirms = self.coherence.confirms_name_at_open();
        if let ([name], false, true) = (names, shared, confirms) {
            return Ok(self.open_by_name(call, start, *name, access));
        }
        let may_be_kept = shared && self.coherence.keeps_watched_handles();
        if !(confirms || may_be_kept) {
            return Ok(None);
        }
        self.open_checked(call, start, (names, follow_last), access, |inode, dir, at| {
            let node = inode.node()?;
            let object = ErasedObject { node, location: Some(*at), key: inode.key(), file_type: FileType::Regular };
            let mut open = |flags| self.bound(call, &[dir], || self.ask(Op::Open).open(call, object, flags));
            if !shared {
                return Some(File::new(self, Arc::clone(inode), open(access).ok()?, access));
            }
            let mut slot = inode.handles().try_lock()?;
            let set = slot.get_or_insert_default();
            // A handle that is there already proves nothing about a name that only an opening confirms.
            if confirms && set.lacks(access) != access {
                return None;
            }
            let replaced = Self::complete(set, access, &mut open).ok()?;
            let file = File::sharing(self, Arc::clone(inode), set, access);
            drop(slot);
            self.release_handles(call, replaced);
            Some(file)
        })
    }

    /// The regular file that `name` in `start` is known to be, by a handle of its own: nothing is to be checked before,
    /// since `start` is what the caller holds and the opening confirms the name.
    fn open_by_name(
        self: &Arc<Self>,
        call: &Call,
        start: &DentryRef,
        name: Name<'_>,
        access: OpenFlags,
    ) -> Option<File> {
        let inode = {
            let tree = self.tree.read();
            let child = tree.child_of(start.id().index, name)?;
            let dentry = tree.get(tree.id(child)).filter(|dentry| !dentry.is_anchored())?;
            Arc::clone(dentry.inode().filter(|inode| inode.file_type() == FileType::Regular)?)
        };
        let dir = start.inode().node()?;
        let object = ErasedObject {
            node: inode.node()?,
            location: Some(Location { dir, name }),
            key: inode.key(),
            file_type: FileType::Regular,
        };
        let handle = self.bound(call, &[start.id()], || self.ask(Op::Open).open(call, object, access)).ok()?;
        self.stats.hits(1);
        self.stats.revalidations(1);
        Some(File::new(self, inode, handle, access))
    }

    fn open_cached(
        self: &Arc<Self>,
        start: &DentryRef,
        names: &[Name<'_>],
        follow_last: bool,
        access: OpenFlags,
    ) -> Option<File> {
        let (inode, used) = {
            let tree = self.tree.read();
            let walk = tree.walk(start.id().index, names, follow_last, |_, _, _| {});
            let inode = tree.inode(walk.at)?;
            if walk.reached != Reached::End || inode.file_type() != FileType::Regular {
                return None;
            }
            (Arc::clone(inode), walk.used)
        };
        let slot = inode.handles().try_lock()?;
        let set = slot.as_ref().filter(|set| set.lacks(access).is_empty())?;
        let file = File::sharing(self, Arc::clone(&inode), set, access);
        drop(slot);
        self.stats.hits(used);
        Some(file)
    }

    fn open_own(self: &Arc<Self>, call: &Call, of: &DentryRef, access: OpenFlags) -> Result<File> {
        let handle = self.open_handle(call, of, access)?;
        Ok(File::new(self, Arc::clone(of.inode()), handle, access))
    }

    fn open_shared(self: &Arc<Self>, call: &Call, of: &DentryRef, access: OpenFlags) -> Result<File> {
        let inode = of.inode();
        let mut slot = wait::lock(call, inode.handles())?;
        let set = slot.get_or_insert_default();
        let replaced = Self::complete(set, access, &mut |flags| self.open_handle(call, of, flags))?;
        let file = File::sharing(self, Arc::clone(inode), set, access);
        drop(slot);
        self.release_handles(call, replaced);
        Ok(file)
    }

    /// Opens what `set` lacks of `access`. For writing a handle for both is tried first, so that one serves all later
    /// opens; where reading is not permitted the two are opened apart.
    fn complete(
        set: &mut HandleSet,
        access: OpenFlags,
        open: &mut dyn FnMut(OpenFlags) -> Result<ErasedHandle>,
    ) -> Result<Vec<ErasedHandle>> {
        let lacks = set.lacks(access);
        if lacks.is_empty() {
            return Ok(Vec::new());
        }
        if !lacks.contains(OpenFlags::WRITE) {
            let handle = open(OpenFlags::READ)?;
            return Ok(set.install(&handle, OpenFlags::READ));
        }
        match open(File::ACCESS) {
            Ok(handle) => Ok(set.install(&handle, File::ACCESS)),
            Err(Error::Errno(Errno::Acces)) if !lacks.contains(OpenFlags::READ) => {
                let handle = open(OpenFlags::WRITE)?;
                Ok(set.install(&handle, OpenFlags::WRITE))
            }
            Err(error) => Err(error),
        }
    }

    fn open_handle(&self, call: &Call, of: &DentryRef, flags: OpenFlags) -> Result<ErasedHandle> {
        self.on_object(call, of.id(), of.inode(), |object| self.ask(Op::Open).open(call, object, flags))
    }

    /// Runs `op`; when descriptors run out, gives back what nobody uses and runs it once more. Called without the
    /// handles lock of any inode.
    pub(super) fn with_descriptors<R>(&self, call: &Call, mut op: impl FnMut() -> Result<R>) -> Result<R> {
        match op() {
            Err(Error::Errno(Errno::Mfile | Errno::Nfile)) => {
                let idle = self.idle.relieve(usize::MAX);
                self.release_idle(call, idle);
                self.backend().relieve(64);
                op()
            }
            result => result,
        }
    }

    /// Opens a directory (`ENOTDIR` for anything else): it keeps its control handle, so that its holder goes on in it
    /// wherever others move it.
    pub fn open_dir(self: &Arc<Self>, call: &Call, dir: &DentryRef) -> Result<OpenDir> {
        if !dir.inode().is_dir() {
            return Err(Errno::Notdir.into());
        }
        // Held first: what is bound before could be taken again until then.
        let open = OpenDir::new(dir.clone());
        if !self.coherence.trusts_names() && dir.inode().node().is_some() {
            self.bind(call, dir.id())?;
        }
        Ok(open)
    }
}
