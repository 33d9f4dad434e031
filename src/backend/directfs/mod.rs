//! A directory (or a single file) of this host, reached by system calls of this process.
//!
//! [`DirectFs`] confines by capability: it holds the source as a `cap_std::fs::Dir` and every operation concerns one
//! validated name in a directory that it holds, without following symbolic links ([`crate::backend`] says why that is
//! enough). What an outsider swaps between two calls is found out by its [`InodeKey`] and answered with `ESTALE`.
//!
//! # Descriptors
//!
//! A directory gets a control handle (`O_PATH`) when a walk crosses it, everything else none: files are reached by
//! their [`crate::backend::Location`]. Control handles live in an [`FdBudget`], the process's own unless
//! [`DirectFs::with_budget`] gave another one; a directory whose handle was given back answers
//! [`Error::Unbound`] until it is restored. An operation on two directories needs both, so
//! a cache pins what it restores until the operation is done.
//!
//! # overlayfs
//!
//! An object of a lower layer is copied when it is first written, and gets another birth time then; before Linux 4.19 a
//! descriptor opened before goes on reading the old copy. So where the source is on overlayfs, keys have no birth time,
//! and the capabilities say that handles are not to be shared. An overlay mounted somewhere *below* a source on another
//! filesystem is not noticed: there the first write to an object of a lower layer ends as `ESTALE`, and the next one,
//! after a new look-up, succeeds.
//!
//! # What differs from a plain local program
//!
//! - The process's umask applies to new objects.
//! - The mode of an object that is no regular file or directory cannot be changed (`EOPNOTSUPP`).
//! - A pipe or device that a caller opens knowingly is opened with `O_NONBLOCK`.

mod handle;
mod node;
mod ops;
mod queue;

pub use crate::hostfs::FdBudget;
pub use handle::DirectHandle;
pub use node::DirectNode;

use crate::abi::{Call, Errno, Error, FileType, InodeKey, Name, NameBuf, Result};
use crate::hostfs::{Host, Keys, errno, stat, walk};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use parking_lot::Mutex;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

/// The backend of a host directory or file. See the [module](self).
#[derive(Debug)]
pub struct DirectFs {
    /// The source, or the directory that holds it when it is a single file.
    dir: Arc<Dir>,
    /// The source's name in `dir` when it is a single file.
    file: Option<NameBuf>,
    root_key: InodeKey,
    host: Host,
    /// Whether its filesystem may make callers wait for a peer.
    blocking: bool,
    /// Holds the flock of the tree.
    lock: Mutex<Option<OwnedFd>>,
}

impl DirectFs {
    /// The directory or file at `path`, which is resolved with the authority of this process: symbolic links on the
    /// way are followed, this once. A file is held by the directory it is in and its name there.
    pub fn open_ambient(path: impl AsRef<Path>) -> Result<DirectFs> {
        let path = path.as_ref();
        let metadata = std::fs::metadata(path).map_err(|error| errno::from_std(&error))?;
        if metadata.is_dir() {
            return DirectFs::from_dir(open_dir(path)?);
        }
        let real = std::fs::canonicalize(path).map_err(|error| errno::from_std(&error))?;
        let (Some(parent), Some(file)) = (real.parent(), real.file_name()) else {
            return Err(Errno::Notdir.into());
        };
        DirectFs::with_source(open_dir(parent)?, Some(Name::new(file.as_bytes())?))
    }

    /// A directory that the caller holds already.
    pub fn from_dir(dir: Dir) -> Result<DirectFs> {
        DirectFs::with_source(dir, None)
    }

    fn with_source(dir: Dir, file: Option<Name<'_>>) -> Result<DirectFs> {
        let budget = FdBudget::process();
        // A single file may be a mount of its own, on another filesystem than its directory.
        let held = file.map(|name| walk::hold_any(&budget, dir.as_fd(), name)).transpose()?;
        let source = held.as_ref().map_or(dir.as_fd(), OwnedFd::as_fd);
        let host = Host::of(source, budget)?;
        let root = stat::stat_fd(host.keys(), source)?;
        let shape_fits = (root.file_type == FileType::Directory) == file.is_none();
        if !shape_fits || root.file_type == FileType::Symlink {
            // Swapped since its path was resolved.
            return Err(Errno::Stale.into());
        }
        Ok(DirectFs {
            dir: Arc::new(dir),
            file: file.map(Name::to_buf),
            root_key: root.key,
            host,
            blocking: false,
            lock: Mutex::new(None),
        })
    }

    /// Takes control handles from `budget` instead of the process's own.
    #[must_use]
    pub fn with_budget(mut self, budget: Arc<FdBudget>) -> DirectFs {
        self.host = self.host.with_budget(budget);
        self
    }

    /// Says whether the source is on a filesystem whose calls may wait for a peer (NFS, FUSE). Then every operation of
    /// a call that may not wait answers [`Error::WouldWait`].
    #[must_use]
    pub fn assume_blocking(mut self, blocking: bool) -> DirectFs {
        self.blocking = blocking;
        self
    }

    /// Identity of the source when it was opened: two backends with equal keys are of one directory.
    #[must_use]
    pub fn root_key(&self) -> InodeKey {
        self.root_key
    }

    /// The budget that this backend's control handles are taken from.
    #[must_use]
    pub fn budget(&self) -> &Arc<FdBudget> {
        self.host.budget()
    }

    /// The first step of every operation.
    fn enter(&self, call: &Call) -> Result<()> {
        admit(self.blocking, call)
    }

    fn keys(&self) -> Keys {
        self.host.keys()
    }

    /// The source's directory, or the one that the source is in.
    fn root_fd(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }
}

/// Whether a call may go on to the kernel.
fn admit(blocking: bool, call: &Call) -> Result<()> {
    if blocking && !call.may_wait { Err(Error::WouldWait) } else { Ok(()) }
}

fn open_dir(path: &Path) -> Result<Dir> {
    Dir::open_ambient_dir(path, ambient_authority()).map_err(|error| errno::from_std(&error))
}
