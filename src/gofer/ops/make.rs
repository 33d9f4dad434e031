//! New names: directories, pipes, sockets, and what all makers share.

use crate::abi::{Call, Errno, Error, Mode, Name, OpenFlags, Result};
use crate::backend::{ErasedCreated, ErasedHandle, ErasedNode, Found, NodeKind};
use crate::gofer::dentry::{Dentry, Reached, Tree};
use crate::gofer::file::File;
use crate::gofer::fs::{DentryRef, GoferFs};
use crate::gofer::inode::Inode;
use crate::gofer::stats::Op;
use crate::gofer::wait;
use crate::sync::RankedGuard;
use std::sync::Arc;

impl GoferFs {
    /// Whether names are answered from the cache.
    #[must_use]
    pub fn trusts_names(&self) -> bool {
        self.coherence.trusts_names()
    }

    /// Whether something under this name in `dir` is in the cache.
    #[must_use]
    pub fn has_seen(&self, dir: &DentryRef, name: Name<'_>) -> bool {
        let tree = self.tree.read();
        tree.child_of(dir.id().index, name).is_some_and(|child| tree.inode(child).is_some())
    }

    /// Whether this name in `dir` is in the cache, also as one that is missing.
    #[must_use]
    pub fn has_cached(&self, dir: &DentryRef, name: Name<'_>) -> bool {
        self.tree.read().child_of(dir.id().index, name).is_some()
    }

    /// Makes a directory.
    pub fn mkdir(self: &Arc<Self>, call: &Call, dir: &DentryRef, name: Name<'_>, mode: Mode) -> Result<()> {
        if self.coherence.trusts_names() {
            let made = self.make(call, dir, name, |node| self.ask(Op::Mkdir).mkdir(call, node, name, mode))?;
            self.bury(call, vec![made]);
            return Ok(());
        }
        let _guard = self.lock_dir(call, dir.inode())?;
        let node = self.dir_node(dir)?;
        self.not_a_mount_point(dir, name)?;
        self.bound(call, &[dir.id()], || self.ask(Op::Mkdir).mkdir_unseen(call, node, name, mode))?;
        dir.inode().attr_changed();
        self.changed_here(dir.id());
        Ok(())
    }

    /// Makes a pipe, a socket or an empty file.
    pub fn mknod(
        self: &Arc<Self>,
        call: &Call,
        dir: &DentryRef,
        name: Name<'_>,
        kind: NodeKind,
        mode: Mode,
    ) -> Result<()> {
        let made = self.make(call, dir, name, |node| self.ask(Op::Mknod).mknod(call, node, name, kind, mode))?;
        self.bury(call, vec![made]);
        Ok(())
    }

    /// Makes a regular file and opens it. `EEXIST` when the name is taken.
    pub fn create(
        self: &Arc<Self>,
        call: &Call,
        dir: &DentryRef,
        name: Name<'_>,
        flags: OpenFlags,
        mode: Mode,
    ) -> Result<File> {
        let mut handle = None;
        let (wanted, shared) = self.access_to_create(flags);
        let inode = self.make(call, dir, name, |node| {
            let made = self.with_descriptors(call, || self.ask(Op::Create).create(call, node, name, wanted, mode))?;
            handle = Some(made.handle);
            Ok(made.found)
        })?;
        let handle = handle.ok_or(Errno::Io)?;
        Ok(self.opened_by_making(call, inode, handle, (flags, wanted, shared)))
    }

    /// What a file that is made for `flags` is opened for: a shared handle serves later opens too, so it is opened for
    /// both.
    fn access_to_create(&self, flags: OpenFlags) -> (OpenFlags, bool) {
        let shared = self.coherence.shares_handles() && (flags - File::ACCESS).is_empty();
        (if shared { File::ACCESS } else { flags }, shared)
    }

    fn opened_by_making(
        self: &Arc<Self>,
        call: &Call,
        inode: Arc<Inode>,
        handle: ErasedHandle,
        (flags, wanted, shared): (OpenFlags, OpenFlags, bool),
    ) -> File {
        if shared {
            let replaced = inode.handles().lock().get_or_insert_default().install(&handle, wanted);
            self.release_handles(call, replaced);
        }
        File::new(self, inode, handle, flags)
    }

    /// As [`GoferFs::create`], in the directory that `way` leads to, without asking for the way first: where names are
    /// not trusted that spares a question. `None` when there is more to it than that; `EEXIST` when the name is taken.
    pub fn create_beneath(
        self: &Arc<Self>,
        call: &Call,
        start: &DentryRef,
        (way, name): (&[Name<'_>], Name<'_>),
        flags: OpenFlags,
        mode: Mode,
    ) -> Result<Option<File>> {
        let (plain, dir) = {
            let tree = self.tree.read();
            let mut anchored = false;
            let walk = tree.walk(start.id().index, way, true, |_, _, dentry| anchored |= dentry.is_anchored());
            let plain = match walk.reached {
                // Mounts are always cached, so there is none behind a name that is not.
                Reached::Unknown => true,
                Reached::End => tree.child_of(walk.at, name).is_none_or(|child| tree.inode(child).is_none()),
                Reached::Symlink | Reached::Mount | Reached::NotDirectory | Reached::Negative => false,
            };
            (plain && !anchored, (walk.reached == Reached::End).then(|| tree.id(walk.at)))
        };
        let Some(node) = start.inode().node().filter(|_| plain && !self.trusts_names()) else { return Ok(None) };
        let (wanted, shared) = self.access_to_create(flags);
        let made = self.with_descriptors(call, || {
            self.bound(call, &[start.id()], || {
                self.ask(Op::Create).create_beneath(call, node, (way, name), wanted, mode)
            })
        })?;
        let Some(ErasedCreated { found, handle }) = made else { return Ok(None) };
        dir.into_iter().for_each(|dir| self.changed_here(dir));
        let (inode, spare) = self.known_or_new(found);
        self.release_nodes(call, spare.into_iter().collect());
        Ok(Some(self.opened_by_making(call, inode, handle, (flags, wanted, shared))))
    }

    /// Makes a name by `op`, and caches it where names are trusted. Elsewhere the first look at it asks the backend in
    /// any case, so that a cached name would spare nothing.
    pub(super) fn make(
        self: &Arc<Self>,
        call: &Call,
        dir: &DentryRef,
        name: Name<'_>,
        mut op: impl FnMut(&ErasedNode) -> Result<Found<ErasedNode>>,
    ) -> Result<Arc<Inode>> {
        let guard = self.lock_dir(call, dir.inode())?;
        let node = self.dir_node(dir)?;
        self.not_a_mount_point(dir, name)?;
        match self.bound(call, &[dir.id()], || op(node)) {
            Ok(found) => {
                let (inode, spare) = self.known_or_new(found);
                if self.coherence.trusts_names() {
                    self.commit(call, |tree, dead| {
                        tree.insert(dir.id().index, name, Some(Arc::clone(&inode)), dead);
                        Self::dir_changed(tree, dir);
                    });
                } else {
                    dir.inode().attr_changed();
                    self.changed_here(dir.id());
                }
                drop(guard);
                self.release_nodes(call, spare.into_iter().collect());
                Ok(inode)
            }
            Err(error) => {
                if error.is(Errno::Exist) {
                    self.forget_negative(call, dir, name);
                }
                Err(self.doubt(call, error, &[(dir, name)]))
            }
        }
    }

    /// A name that exists after all: somebody else made it, against the policy. It is found from now on.
    fn forget_negative(&self, call: &Call, dir: &DentryRef, name: Name<'_>) {
        self.commit(call, |tree, dead| {
            if let Some(index) = tree.child_of(dir.id().index, name)
                && tree.inode(index).is_none()
            {
                tree.detach(index, dead);
                tree.names_changed(dir.id().index);
            }
        });
    }

    /// Takes the lock under which a directory's names are changed. A call that may not wait does not wait for another
    /// one that does.
    pub(super) fn lock_dir<'a>(&self, call: &Call, inode: &'a Inode) -> Result<RankedGuard<'a, ()>> {
        wait::lock(call, &inode.changes)
    }

    /// The node of a directory whose names are to be changed: `ENOTDIR` for anything else, `EPERM` for a directory that
    /// exists only here.
    pub(super) fn dir_node<'a>(&self, dir: &'a DentryRef) -> Result<&'a ErasedNode> {
        if !dir.inode().is_dir() {
            return Err(Errno::Notdir.into());
        }
        dir.inode().node().ok_or(Error::Errno(Errno::Perm))
    }

    /// `EEXIST` for a name that a mount keeps: the backend may have none of that name, and what it made under it would be
    /// out of sight.
    pub(super) fn not_a_mount_point(&self, dir: &DentryRef, name: Name<'_>) -> Result<()> {
        let tree = self.tree.read();
        let kept = tree.get(dir.id()).filter(|dir| dir.is_anchored()).and_then(|dir| tree.child(dir, name));
        let kept = kept.and_then(|child| tree.get(tree.id(child))).is_some_and(Dentry::is_anchored);
        if kept { Err(Errno::Exist.into()) } else { Ok(()) }
    }

    /// Notes that a name in `dir` came or went: its list, times and link count are old.
    pub(super) fn dir_changed(tree: &mut Tree, dir: &DentryRef) {
        tree.names_changed(dir.id().index);
        dir.inode().attr_changed();
    }
}
