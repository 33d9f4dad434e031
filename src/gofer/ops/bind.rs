//! Control handles that were given back are bound anew by walking.

use crate::abi::{Call, Errno, Error, NameBuf, Result};
use crate::backend::{ErasedObject, Location};
use crate::gofer::dentry::DentryId;
use crate::gofer::fs::{DentryRef, GoferFs};
use crate::gofer::inode::Inode;
use crate::gofer::stats::Op;
use smallvec::SmallVec;
use std::sync::Arc;

/// How often an operation is repeated when its directories keep losing their handles to others.
const TRIES: usize = 64;

/// Where an object is: copied out of the tree, so that nothing is held while the backend is asked.
#[derive(Debug)]
pub(super) struct Located {
    pub(super) dir_id: DentryId,
    pub(super) dir: Arc<Inode>,
    pub(super) name: NameBuf,
}

impl GoferFs {
    /// The directory and name of a dentry; `None` for the root and for one whose name is gone.
    pub(super) fn locate(&self, id: DentryId) -> Option<Located> {
        let tree = self.tree.read();
        let (dir_id, name) = tree.location(id)?;
        Some(Located { dir_id, dir: Arc::clone(tree.inode(dir_id.index)?), name: name.clone() })
    }

    /// Runs `op`, which needs the control handles of `dirs`; binds them when it answers that one is missing. While they
    /// are bound they are pinned too: else the second of two could cost the first its handle.
    pub(super) fn bound<R>(&self, call: &Call, dirs: &[DentryId], mut op: impl FnMut() -> Result<R>) -> Result<R> {
        let mut pins = Vec::new();
        for _ in 0..TRIES {
            match op() {
                Err(Error::Unbound) => {
                    for dir in dirs {
                        pins.extend(self.pin_briefly(*dir));
                        self.bind(call, *dir)?;
                    }
                }
                other => return other,
            }
        }
        // The budget is too small for the threads that use it at once.
        Err(Errno::Mfile.into())
    }

    fn pin_briefly(&self, dir: DentryId) -> Option<Pin<'_>> {
        let inode = {
            let tree = self.tree.read();
            tree.get(dir)?;
            Arc::clone(tree.inode(dir.index)?)
        };
        self.pin(&inode, true);
        Some(Pin { fs: self, inode })
    }

    /// Binds a directory, and first those above it that are unbound too. `ESTALE` when something else is there now, or
    /// when its name is gone and it is not held: whoever came by a path looks again, unless it began there
    /// ([`GoferFs::is_lost`]).
    pub(super) fn bind(&self, call: &Call, id: DentryId) -> Result<()> {
        let mut chain = vec![id];
        let mut tries = 0;
        while let Some(at) = chain.last().copied() {
            tries += 1;
            if tries > TRIES * 64 {
                return Err(Errno::Mfile.into());
            }
            if at == self.root {
                chain.pop();
                continue;
            }
            // One that is gone may have left its place to another.
            let inode =
                self.tree.read().get(at).and_then(|dentry| dentry.inode().map(Arc::clone)).ok_or(Errno::Stale)?;
            let Some(located) = self.locate(at) else {
                // Pinned for whoever has it open; the operation may have missed another of its directories.
                if inode.node().is_none_or(|node| self.backend().is_bound(node)) {
                    chain.pop();
                    continue;
                }
                return Err(Errno::Stale.into());
            };
            let (Some(node), Some(dir)) = (inode.node(), located.dir.node()) else {
                chain.pop();
                continue;
            };
            let id = at;
            let name = located.name.as_name();
            match self.ask(Op::Restore).restore(call, node, Location { dir, name }, inode.key()) {
                Ok(()) => drop(chain.pop()),
                Err(Error::Unbound) => chain.push(located.dir_id),
                Err(Error::Errno(Errno::Stale | Errno::Noent | Errno::Notdir | Errno::Loop)) => {
                    // Another one has its name: whoever looks again finds that. One that was moved here meanwhile is
                    // looked for where it is now.
                    if !self.invalidate_at(call, id, (located.dir_id, name)) {
                        return Err(Errno::Stale.into());
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// What an operation does that found a directory, which `start` led to, to be another one by now, or one above it, which
    /// is out of the cache then and takes nothing with it that others hold: it looks again. `ESTALE` where it began in that
    /// directory: then it was the caller's to find.
    pub(super) fn look_again(&self, call: &Call, (start, dir): (DentryId, DentryId)) -> Result<()> {
        if dir == start {
            return Err(Errno::Stale.into());
        }
        if self.tree.read().is_ancestor(start.index, dir.index) {
            self.invalidate(call, dir);
        }
        Ok(())
    }

    /// Whether there is no way to a directory any more: neither it nor one above it is held, and the topmost has no name.
    /// No look brings it back.
    pub fn is_lost(&self, dir: &DentryRef) -> bool {
        let tree = self.tree.read();
        let mut at = dir.id();
        while at != self.root {
            let node = tree.get(at).and_then(|dentry| dentry.inode()?.node());
            if node.is_some_and(|node| self.backend().is_bound(node)) {
                return false;
            }
            let Some((above, _)) = tree.location(at) else { return true };
            at = above;
        }
        false
    }

    /// Runs `op` on an object, by its node and its present location.
    pub(super) fn on_object<R>(
        &self,
        call: &Call,
        id: DentryId,
        inode: &Inode,
        op: impl FnMut(ErasedObject<'_>) -> Result<R>,
    ) -> Result<R> {
        self.on_object_and(call, id, inode, None, op)
    }

    /// As [`GoferFs::on_object`], where `op` needs the control handle of a further directory.
    pub(super) fn on_object_and<R>(
        &self,
        call: &Call,
        id: DentryId,
        inode: &Inode,
        further: Option<DentryId>,
        mut op: impl FnMut(ErasedObject<'_>) -> Result<R>,
    ) -> Result<R> {
        // A synthetic object has nothing behind it to be changed.
        let node = inode.node().ok_or(Errno::Perm)?;
        let (key, file_type) = (inode.key(), inode.file_type());
        let located = self.locate(id);
        let location = located
            .as_ref()
            .and_then(|located| Some(Location { dir: located.dir.node()?, name: located.name.as_name() }));
        let object = ErasedObject { node, location, key, file_type };
        let own = if inode.is_dir() { Some(id) } else { located.as_ref().map(|located| located.dir_id) };
        let dirs: SmallVec<[DentryId; 2]> = own.into_iter().chain(further).collect();
        self.bound(call, &dirs, || op(object))
    }
}

/// A directory that keeps its control handle for the length of one operation.
struct Pin<'a> {
    fs: &'a GoferFs,
    inode: Arc<Inode>,
}

impl Drop for Pin<'_> {
    fn drop(&mut self) {
        self.fs.pin(&self.inode, false);
    }
}
