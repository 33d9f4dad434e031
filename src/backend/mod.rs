//! Ways to reach files: the trait that each implements, and the ones that come with the crate.
//!
//! A [`Backend`] gets validated names, one or a list, relative to a directory node that it handed out before. It never
//! sees a path, never follows a symbolic link, and holds no cache of attributes or names: those are the cache's above.
//! Implement it to serve storage of your own; `examples/custom_backend.rs` serves a tar archive.
//!
//! # Rules for implementers
//!
//! - Each operation takes a [`Call`]. One whose `may_wait` is false answers [`Error::WouldWait`] before it changed
//!   anything, if it would have to wait for more than a local disk. A backend that is always local ignores the field.
//! - Operations are independent of each other and may run on many threads at once. The cache serialises changes of one
//!   directory among its own callers; it cannot serialise other users of the storage.
//! - A node is an identity, not a descriptor: it may give back what it holds under pressure and answer
//!   [`Error::Unbound`] until [`Backend::restore`] binds it anew.
//! - Dropping a node or handle does no I/O that can block; what must be told to a peer waits for
//!   [`Backend::release`] and [`Backend::release_handles`].
//! - Errors are the errno that Linux's own call would give.

mod changes;
mod erased;

pub mod directfs;
mod empty;
#[cfg(any(test, feature = "testing"))]
pub mod faulty;
mod inotify;
pub mod lisafs;
pub mod memory;

pub use changes::{Change, ChangeQueue, Watch, WatchId};
pub(crate) use empty::EmptyFs;
pub(crate) use erased::{
    ErasedBackend, ErasedCreated, ErasedHandle, ErasedNode, ErasedObject, ErasedQueue, ErasedStep,
};
pub use erased::{IntoBackend, SharedBackend};

use crate::abi::{
    Call, Dirent, Errno, Error, FileType, InodeKey, Mode, Name, OpenFlags, Result, SetStat, SetStatReport, Stat, StatFs,
};
use std::io::{IoSlice, IoSliceMut};
use std::sync::Arc;

/// What a backend does natively; the cache uses the default bodies for the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Whether calls wait for a peer: such calls are made off the executor by front ends that must not block.
    pub may_block: bool,
    /// Whether the storage itself refuses changes.
    pub read_only: bool,
    /// Whether a handle opened before another client changed the file may read the old one (overlayfs before copy-up):
    /// handles are then not shared between opens where others may write.
    pub stale_handles: bool,
    /// Whether the storage stamps what is changed by this machine's clock: then a time that nobody has seen may be the
    /// storage's own.
    pub local_clock: bool,
    /// Whether [`Backend::open`] goes by the location and so confirms that the name still is the object: then an open
    /// needs no look at the name before it.
    pub confirms_name_at_open: bool,
    /// Whether dropping a handle is all that its end takes, so that a cache may do that instead of
    /// [`Backend::release_handles`].
    pub handles_end_by_drop: bool,
    /// How often a cache must have wanted a watch before the change queue is worth what it costs to make and to end;
    /// 0 for one that costs nothing.
    pub queue_pays_after: u32,
}

/// An object found by name, with its attributes.
#[derive(Debug)]
pub struct Found<N> {
    /// The node for later calls.
    pub node: N,
    /// Attributes at that moment.
    pub stat: Stat,
}

/// A name in a directory: how an object is reached by backends that hold no descriptor of it.
#[derive(Debug)]
pub struct Location<'a, N> {
    /// The directory.
    pub dir: &'a N,
    /// The name in it.
    pub name: Name<'a>,
}

/// An object that an operation is about. A backend uses its node, its location, or both; whichever it uses, what it
/// reaches must have this key, else the answer is `ESTALE`.
#[derive(Debug)]
pub struct Object<'a, N> {
    /// Its node.
    pub node: &'a N,
    /// Where it is; `None` for the root and for objects whose name is gone.
    pub location: Option<Location<'a, N>>,
    /// Its identity.
    pub key: InodeKey,
    /// Its type.
    pub file_type: FileType,
}

/// One component of a cached path that is to be checked.
#[derive(Debug)]
pub struct Step<'a, N> {
    /// The directory.
    pub dir: &'a N,
    /// The name in it.
    pub name: Name<'a>,
    /// The object that the cache knows under this name.
    pub key: InodeKey,
}

// Derived, these would ask that nodes can be copied; only references to them are.
macro_rules! copy_by_reference {
    ($($name:ident)*) => {$(
        impl<N> Copy for $name<'_, N> {}
        impl<N> Clone for $name<'_, N> {
            fn clone(&self) -> Self {
                *self
            }
        }
    )*};
}

copy_by_reference! { Location Object Step }

/// How a walk over several names ended; the components before the end are in the caller's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WalkEnd {
    /// Every name was found.
    Complete,
    /// The last object found is no directory, and names are left.
    NotDirectory,
    /// The next name does not exist.
    Missing,
}

/// An object made by [`Backend::create`].
#[derive(Debug)]
pub struct Created<N, H> {
    /// The new file.
    pub found: Found<N>,
    /// A handle with the access that was asked for.
    pub handle: Arc<H>,
}

/// What [`Backend::mknod`] makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// A named pipe.
    Fifo,
    /// An unbound unix socket.
    Socket,
    /// An empty regular file.
    Regular,
}

/// What [`Backend::set_xattr`] may find.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum XattrHow {
    /// The attribute, or none.
    #[default]
    Any,
    /// None: else `EEXIST` (`XATTR_CREATE`).
    Create,
    /// The attribute: else `ENODATA` (`XATTR_REPLACE`).
    Replace,
}

/// Receives directory entries; false ends the listing before the entry that was refused.
pub type DirentSink<'s> = dyn FnMut(Dirent<'_>) -> bool + 's;

/// As [`DirentSink`], with the object of the entry where the backend tells of it. The node of an entry that is refused is to
/// be released like any other.
pub type FoundSink<'s, N> = dyn FnMut(Dirent<'_>, Option<Found<N>>) -> bool + 's;

/// A way to reach files. See the [module](self) for the rules.
///
/// Associated types keep an implementation type-safe (a rename gets two nodes of its own kind); the cache uses it
/// through one erased form. Operations that a storage lacks keep their default body, which answers `EOPNOTSUPP`; those
/// that a read-only storage refuses answer `EROFS`.
pub trait Backend: Send + Sync + 'static {
    /// An object of this backend: whatever it needs to find it again.
    type Node: Send + Sync + 'static;
    /// An open file of this backend.
    type Handle: Handle;

    /// A short name for logs and statistics, such as `directfs`.
    fn name(&self) -> &'static str;

    /// What this backend does natively.
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    /// What this backend counts beside the operations that the cache asks of it, by name: requests to a peer, for instance.
    /// Counters only rise; those that are still 0 may be left out. They are told as they are, under these names, by
    /// [`crate::Gofer::stats`] and the command's `--stats`.
    fn counters(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }

    /// The identities of the root and of every directory above it in the storage that it is part of, the root first:
    /// what tells that one mount's source is inside another's. Empty where there is no such storage.
    fn lineage(&self) -> Vec<InodeKey> {
        Vec::new()
    }

    /// The object that a mount shows at its mount point; mostly a directory, but a single file can be mounted.
    fn root(&self, call: &Call) -> Result<Found<Self::Node>>;

    /// Finds `name` in `dir`. `ENOENT` when there is none, `ENOTDIR` when `dir` is no directory.
    fn lookup(&self, call: &Call, dir: &Self::Node, name: Name<'_>) -> Result<Found<Self::Node>>;

    /// Finds `names`, each in the one before it, starting in `dir`, and appends what it found to `out`. Symbolic links
    /// are not followed: one that is not last ends the walk as [`WalkEnd::NotDirectory`]. An error leaves in `out` what
    /// was found before it.
    fn walk_many(
        &self,
        call: &Call,
        dir: &Self::Node,
        names: &[Name<'_>],
        out: &mut Vec<Found<Self::Node>>,
    ) -> Result<WalkEnd> {
        let start = out.len();
        for name in names {
            let parent = match out.get(start..).and_then(<[_]>::last) {
                None => dir,
                Some(found) if found.stat.file_type == FileType::Directory => &found.node,
                Some(_) => return Ok(WalkEnd::NotDirectory),
            };
            match self.lookup(call, parent, *name) {
                Ok(found) => out.push(found),
                Err(Error::Errno(Errno::Noent)) => return Ok(WalkEnd::Missing),
                Err(error) => return Err(error),
            }
        }
        Ok(WalkEnd::Complete)
    }

    /// Checks a cached path: appends the present attributes of each step's name to `out`, and stops behind the first
    /// whose key is not the expected one. `ENOENT` (or another error) speaks of the step at `out.len()`.
    fn revalidate_many(&self, call: &Call, steps: &[Step<'_, Self::Node>], out: &mut Vec<Stat>) -> Result<()> {
        for step in steps {
            let found = self.lookup(call, step.dir, step.name)?;
            let changed = found.stat.key != step.key;
            self.release(call, vec![found.node]);
            out.push(found.stat);
            if changed {
                break;
            }
        }
        Ok(())
    }

    /// Checks a cached path as a whole: the present attributes of what `names`, each in the one before it, lead to from
    /// `dir` without following a symbolic link, if that is the object with `key`. `None` when it is not, or when this
    /// backend has no shorter way than asking for each name; the cache then asks for each. Which directories lie on the
    /// way is not told, and no matter: an answer speaks of the end.
    fn revalidate_end(&self, call: &Call, dir: &Self::Node, names: &[Name<'_>], key: InodeKey) -> Result<Option<Stat>> {
        let _ = (call, dir, names, key);
        Ok(None)
    }

    /// Present attributes.
    fn stat(&self, call: &Call, object: Object<'_, Self::Node>) -> Result<Stat>;

    /// Changes attributes; says which could not be changed. A size is only set through [`Handle::set_stat`].
    fn set_stat(&self, call: &Call, object: Object<'_, Self::Node>, set: &SetStat) -> Result<SetStatReport> {
        let _ = (call, object, set);
        Err(Errno::Rofs.into())
    }

    /// Opens a file that is no directory and no symbolic link. The key of what was opened is compared with the
    /// object's before anything is done with it.
    fn open(&self, call: &Call, object: Object<'_, Self::Node>, flags: OpenFlags) -> Result<Arc<Self::Handle>>;

    /// Opens a regular file for its attributes: for a cache that is asked for them over and over, and knows by
    /// [`Backend::change_queue`] that the name stands, so that [`Handle::stat`] by a system call of this process
    /// ([`Handle::stats_locally`]) is all that is left to ask. Answers what else the handle can be used for, mostly
    /// nothing; to others an open for nothing is not to be noticed (`O_PATH`). `EOPNOTSUPP`, also from the default body:
    /// there is no such handle, and asking by name is as good.
    fn open_to_stat(&self, call: &Call, object: Object<'_, Self::Node>) -> Result<(Arc<Self::Handle>, OpenFlags)> {
        let _ = (call, object);
        Err(Errno::Opnotsupp.into())
    }

    /// Makes a regular file and opens it. `EEXIST` when the name is taken, also by a dangling symbolic link. When a
    /// step after the making fails, the file is removed again.
    fn create(
        &self,
        call: &Call,
        dir: &Self::Node,
        name: Name<'_>,
        flags: OpenFlags,
        mode: Mode,
    ) -> Result<Created<Self::Node, Self::Handle>> {
        let _ = (call, dir, name, flags, mode);
        Err(Errno::Rofs.into())
    }

    /// As [`Backend::create`], in the directory that `way`, each name in the one before it, leads to from `dir` without
    /// following a symbolic link. `None`, with nothing made, when this backend has no shorter way than asking for each
    /// name first, or when the way leads elsewhere.
    fn create_beneath(
        &self,
        call: &Call,
        dir: &Self::Node,
        (way, name): (&[Name<'_>], Name<'_>),
        flags: OpenFlags,
        mode: Mode,
    ) -> Result<Option<Created<Self::Node, Self::Handle>>> {
        let _ = (call, dir, way, name, flags, mode);
        Ok(None)
    }

    /// Makes a directory.
    fn mkdir(&self, call: &Call, dir: &Self::Node, name: Name<'_>, mode: Mode) -> Result<Found<Self::Node>> {
        let _ = (call, dir, name, mode);
        Err(Errno::Rofs.into())
    }

    /// Makes a directory whose attributes the caller does not want, which may be cheaper.
    fn mkdir_unseen(&self, call: &Call, dir: &Self::Node, name: Name<'_>, mode: Mode) -> Result<()> {
        let found = self.mkdir(call, dir, name, mode)?;
        self.release(call, vec![found.node]);
        Ok(())
    }

    /// Makes a pipe, a socket or an empty file.
    fn mknod(
        &self,
        call: &Call,
        dir: &Self::Node,
        name: Name<'_>,
        kind: NodeKind,
        mode: Mode,
    ) -> Result<Found<Self::Node>> {
        let _ = (call, dir, name, kind, mode);
        Err(Errno::Rofs.into())
    }

    /// Makes a symbolic link with the contents `target`, which are not looked at.
    fn symlink(&self, call: &Call, dir: &Self::Node, name: Name<'_>, target: &[u8]) -> Result<Found<Self::Node>> {
        let _ = (call, dir, name, target);
        Err(Errno::Rofs.into())
    }

    /// Makes `name` in `dir` a further name of `object` (of a symbolic link itself, not of its target), and answers the
    /// object's attributes afterwards.
    fn link(&self, call: &Call, object: Object<'_, Self::Node>, dir: &Self::Node, name: Name<'_>) -> Result<Stat> {
        let _ = (call, object, dir, name);
        Err(Errno::Rofs.into())
    }

    /// Removes a name that is no directory. `EISDIR` for a directory.
    fn unlink(&self, call: &Call, dir: &Self::Node, name: Name<'_>) -> Result<()> {
        let _ = (call, dir, name);
        Err(Errno::Rofs.into())
    }

    /// Removes an empty directory. `ENOTDIR` for anything else, `ENOTEMPTY` when it is not empty.
    fn rmdir(&self, call: &Call, dir: &Self::Node, name: Name<'_>) -> Result<()> {
        let _ = (call, dir, name);
        Err(Errno::Rofs.into())
    }

    /// Moves `from` to `to`, replacing what is there as rename(2) does.
    fn rename(&self, call: &Call, from: Location<'_, Self::Node>, to: Location<'_, Self::Node>) -> Result<()> {
        let _ = (call, from, to);
        Err(Errno::Rofs.into())
    }

    /// The contents of a symbolic link.
    fn readlink(&self, call: &Call, object: Object<'_, Self::Node>) -> Result<Vec<u8>>;

    /// Lists `dir` from behind `cookie` (0: from the start) until the end or until `sink` refuses an entry; true at the
    /// end. Cookies stay usable while entries come and go. `.` and `..` are left out. An error, [`Error::Unbound`] among
    /// them, may come behind entries that `sink` took already: who asks again begins anew at `cookie`.
    fn read_dir(&self, call: &Call, dir: &Self::Node, cookie: u64, sink: &mut DirentSink<'_>) -> Result<bool>;

    /// As [`Backend::read_dir`], for a cache that wants the entries' objects too: those of which the backend tells with the
    /// list, for less than a question each, as [`Backend::lookup`] would have found them at some time since this call began.
    /// Their nodes may be unbound. `sink` may release nodes, so a backend that tells of objects calls it without locks. The
    /// default body tells of none.
    fn read_dir_found(
        &self,
        call: &Call,
        dir: &Self::Node,
        cookie: u64,
        sink: &mut FoundSink<'_, Self::Node>,
    ) -> Result<bool> {
        self.read_dir(call, dir, cookie, &mut |entry| sink(entry, None))
    }

    /// Figures of the filesystem that holds the root.
    fn statfs(&self, call: &Call) -> Result<StatFs> {
        let _ = call;
        Err(Errno::Opnotsupp.into())
    }

    /// The value of an extended attribute. `ENODATA` when there is none of that name.
    fn get_xattr(&self, call: &Call, object: Object<'_, Self::Node>, name: &[u8]) -> Result<Vec<u8>> {
        let _ = (call, object, name);
        Err(Errno::Opnotsupp.into())
    }

    /// The names of the extended attributes.
    fn list_xattrs(&self, call: &Call, object: Object<'_, Self::Node>) -> Result<Vec<Vec<u8>>> {
        let _ = (call, object);
        Err(Errno::Opnotsupp.into())
    }

    /// Sets the value of an extended attribute. `EEXIST` and `ENODATA` where `how` forbids it.
    fn set_xattr(
        &self,
        call: &Call,
        object: Object<'_, Self::Node>,
        (name, value): (&[u8], &[u8]),
        how: XattrHow,
    ) -> Result<()> {
        let _ = (call, object, name, value, how);
        Err(Errno::Opnotsupp.into())
    }

    /// Removes an extended attribute. `ENODATA` when there is none of that name.
    fn remove_xattr(&self, call: &Call, object: Object<'_, Self::Node>, name: &[u8]) -> Result<()> {
        let _ = (call, object, name);
        Err(Errno::Opnotsupp.into())
    }

    /// Makes everything that was written through `handles` reach the disk; one result each.
    fn sync_many(&self, call: &Call, handles: &[Arc<Self::Handle>]) -> Vec<Result<()>> {
        handles.iter().map(|handle| handle.sync(call, false)).collect()
    }

    /// Makes everything that was written to the storage reach the disk, whoever wrote it (syncfs(2)).
    fn sync_fs(&self, call: &Call) -> Result<()> {
        let _ = call;
        Ok(())
    }

    /// Makes a directory's entries reach the disk (fsync(2) of a directory).
    fn sync_dir(&self, call: &Call, dir: &Self::Node) -> Result<()> {
        let _ = (call, dir);
        Ok(())
    }

    /// Binds `node` to the object that is now at `at`, after an operation answered [`Error::Unbound`]. `ESTALE` when
    /// that is not the object with `key`. A node that is bound already is left as it is, so a cache that cannot tell
    /// which of an operation's nodes was meant restores each, from the root down; pinned before, they stay bound until
    /// the operation is repeated.
    fn restore(&self, call: &Call, node: &Self::Node, at: Location<'_, Self::Node>, key: InodeKey) -> Result<()> {
        let _ = (call, node, at, key);
        Ok(())
    }

    /// Whether `node` needs no [`Backend::restore`] now. A cache asks this of a directory whose name is gone, which it
    /// could not restore: the guest that has it open goes on in it for as long as it is bound.
    fn is_bound(&self, node: &Self::Node) -> bool {
        let _ = node;
        true
    }

    /// Says whether `node` must keep what it holds (a guest has it open, it is a mount point). Calls are counted by the
    /// cache: true and false alternate.
    fn pin(&self, node: &Self::Node, pinned: bool) {
        let _ = (node, pinned);
    }

    /// Says that `node` is at `to` now, behind a [`Backend::rename`] of ours: for who keeps the way to an object. Not every
    /// rename is followed by it: what moved may not be cached.
    fn moved(&self, node: &Self::Node, to: Location<'_, Self::Node>) {
        let _ = (node, to);
    }

    /// Gives back descriptors under pressure (`EMFILE`), as many as `want` if it can; how many it gave.
    fn relieve(&self, want: usize) -> usize {
        let _ = want;
        0
    }

    /// A new queue of what changes in the storage, for the one cache that asks; `None` where there is no such thing, or
    /// no more of them. Caches then ask about what they know before they use it.
    fn change_queue(&self) -> Option<Box<dyn ChangeQueue<Self::Node>>> {
        None
    }

    /// Takes an exclusive advisory lock of the whole tree, held until the backend is dropped, for policies that own it.
    /// `EBUSY` when another process holds it.
    fn lock_tree(&self) -> Result<()> {
        Ok(())
    }

    /// Lets go of nodes that the cache dropped.
    fn release(&self, call: &Call, nodes: Vec<Self::Node>) {
        let _ = call;
        drop(nodes);
    }

    /// Lets go of handles that the cache dropped. Their last shared use may still be going on.
    fn release_handles(&self, call: &Call, handles: Vec<Arc<Self::Handle>>) {
        let _ = call;
        drop(handles);
    }
}

/// An open file of a backend.
///
/// Positions are explicit; a handle has none. Short transfers are allowed as in preadv(2) and pwritev(2): 0 bytes read
/// is the end of the file.
pub trait Handle: std::any::Any + Send + Sync {
    /// Reads at `offset` into `bufs`, in order.
    fn read_at(&self, call: &Call, bufs: &mut [IoSliceMut<'_>], offset: u64) -> Result<usize>;

    /// Writes `bufs` at `offset`.
    fn write_at(&self, call: &Call, bufs: &[IoSlice<'_>], offset: u64) -> Result<usize>;

    /// Writes `bufs` at the end, atomically against every other appender (`RWF_APPEND`), and answers the bytes written
    /// and the end behind them.
    fn append(&self, call: &Call, bufs: &[IoSlice<'_>]) -> Result<(usize, u64)>;

    /// Present attributes.
    fn stat(&self, call: &Call) -> Result<Stat>;

    /// Whether [`Handle::stat`] takes a system call of this process and no question to a peer, where asking by name would
    /// take one: then a cache that knows by [`Backend::change_queue`] that a name stands asks the handle instead.
    fn stats_locally(&self) -> bool {
        false
    }

    /// Changes attributes; says which could not be changed.
    fn set_stat(&self, call: &Call, set: &SetStat) -> Result<SetStatReport>;

    /// Makes what was written reach the disk; with `data_only` as fdatasync(2).
    fn sync(&self, call: &Call, data_only: bool) -> Result<()>;

    /// Makes sure that `len` bytes at `offset` can be written without `ENOSPC`, growing the file
    /// (posix_fallocate(3)).
    fn allocate(&self, call: &Call, offset: u64, len: u64) -> Result<()> {
        let _ = (call, offset, len);
        Err(Errno::Opnotsupp.into())
    }

    /// Announces how a range will be read (posix_fadvise(2)). A hint: doing nothing is right.
    fn advise(&self, call: &Call, offset: u64, len: u64, advice: Advice) -> Result<()> {
        let _ = (call, offset, len, advice);
        Ok(())
    }
}

/// How a range of a file will be used (posix_fadvise(2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// Nothing special.
    Normal,
    /// In order.
    Sequential,
    /// In no order.
    Random,
    /// Soon.
    WillNeed,
    /// Not soon.
    DontNeed,
    /// Once.
    NoReuse,
}
