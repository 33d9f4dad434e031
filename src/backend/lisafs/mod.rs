//! Files of a lisafs server: gVisor's gofer, or a sidecar of our own, at the other end of a unix socket.
//!
//! Every operation is a message and waits for its answer, so [`Capabilities::may_block`](super::Capabilities) holds and
//! a call that may not wait answers [`Error::WouldWait`](crate::abi::Error::WouldWait) before anything is sent. What
//! needs no message is reading and writing a file whose descriptor the server handed out: that is a system call of this
//! process, as in [`directfs`](super::directfs).
//!
//! # The server is not believed
//!
//! Every answer is checked before it is used: counts against what was asked for, names, types, lengths, numbers of
//! files, and a descriptor for being a regular file, open as was asked for, and the very inode that the server named. An
//! answer that is none is `EIO`; so is everything once the connection ended. No answer makes memory, descriptors or
//! threads grow beyond the bounds below, and nothing is waited for longer than [`LisaFsOptions::timeout`].
//!
//! # Numbers of files
//!
//! An object is reached by a *control file*, a number that the server gave out. A node holds one or none; they are
//! bounded by [`LisaFsOptions::control_limit`], and those not used lately go first. A directory without one answers
//! [`Error::Unbound`](crate::abi::Error::Unbound) until it is restored, anything else is found by its location when it
//! is needed. Numbers that are no longer needed are closed by later calls, 100 in a message; at once after something
//! was removed, and when a file that was open for writing is let go.
//!
//! # What differs from `directfs`
//!
//! - Only regular files are opened: a pipe, a socket or a device is `ENXIO`, since a server may wait for the other end
//!   of a pipe for ever, and with it everybody who uses the connection.
//! - Without a descriptor of the server's an append is a look at the length and a write there. Appends through one
//!   [`LisaFs`] wait for each other; somebody else's write at the same place in the same moment can be overwritten.
//! - There is no message that syncs a whole filesystem: [`Backend::sync_fs`](super::Backend::sync_fs) syncs the root
//!   directory.
//! - There is no message for a lock of the tree. That of a server which [`LisaFs::start`] started is locked by this
//!   process; with another, whoever started that sees to it that a tree that is mounted as exclusive is nobody else's.
//! - The server's umask applies to new objects (gVisor's has none).

mod change;
mod connection;
mod counts;
mod donated;
mod handle;
mod list;
mod node;
mod numbers;
mod open;
mod ops;
mod program;
mod queue;
mod set;
mod told;
mod walk;

pub use counts::{RpcCount, RpcCounts};
pub use handle::LisaHandle;
pub use node::LisaNode;
pub use program::Program;

use crate::abi::{Call, Errno, FileType, InodeKey, Result, Stat};
use crate::hostfs::{FdBudget, Keys, lock, stat};
use crate::proto::lisafs::{FStatFs, Mid};
use crate::transport::Stream;
use crate::transport::lisafs::Client;
use connection::Connection;
use list::Cursors;
use numbers::Number;
use parking_lot::Mutex;
use rustix::fd::{AsFd, OwnedFd};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Magic of overlayfs (`OVERLAYFS_SUPER_MAGIC`).
const OVERLAY_MAGIC: u64 = 0x794c_7630;

/// Fewest control files: enough to walk a deep path without taking its own start away.
const CONTROLS_MIN: usize = 16;

/// How appends without a descriptor wait for each other: files share this many locks.
const APPEND_LOCKS: usize = 16;

/// What the owner of a mount chooses about its connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LisaFsOptions {
    /// How long one request may take, waiting for others on the connection included (default 30 s: longer than a disk
    /// that spins up, shorter than the patience of whoever waits for a guest). A call that has less time takes less. The
    /// errno is `ETIMEDOUT`; whether the server did what it was asked to is then not known.
    pub timeout: Duration,
    /// Whether calls wait for a server that is gone to come back (`hard`), rather than fail (default false). No
    /// connection is made anew yet, so both answer `EIO` once the connection ended.
    pub hard: bool,
    /// Most control files held at once (default 4,096; 16 at least). Each costs the server a descriptor. Those of
    /// directories that a guest has open come on top.
    pub control_limit: usize,
    /// Whether descriptors that the server hands out are used for reading and writing (default true). Without them every
    /// transfer is a message. A server that may mount filesystems of its own can make a system call on such a
    /// descriptor wait for as long as it likes; who does not trust it that far says false.
    pub host_fds: bool,
    /// Most channels of shared memory beside the socket (default 4), over each of which a request can be under way; 0 for
    /// none. A server may give fewer: gVisor's and ours give as many as they have processors, 2 at least and 4 at most.
    /// Each costs both sides memory as its messages are large, 2 MiB for the largest.
    pub channels: usize,
    /// Whether a file that is open may go on being read as it was before somebody else changed it (overlayfs before
    /// copy-up); `None`, the default, takes it from what the server says of its filesystem.
    pub stale_handles: Option<bool>,
}

impl Default for LisaFsOptions {
    fn default() -> Self {
        LisaFsOptions {
            timeout: Duration::from_secs(30),
            hard: false,
            control_limit: 4_096,
            host_fds: true,
            channels: 4,
            stale_handles: None,
        }
    }
}

/// The backend of a lisafs server. See the [module](self).
pub struct LisaFs {
    shared: Arc<Shared>,
    root: Arc<Number>,
    root_key: InodeKey,
    root_type: FileType,
    stale_handles: bool,
    controls: Arc<FdBudget<Number>>,
    cursors: Cursors,
    /// The directory that a server of our own was started for.
    started_for: Option<PathBuf>,
    /// That directory, while its tree is locked.
    lock: Mutex<Option<OwnedFd>>,
}

/// What files that are open need of their filesystem.
struct Shared {
    connection: Connection,
    /// How objects are told apart: the birth time changes on overlayfs.
    keys: Keys,
    host_fds: bool,
    appends: [Mutex<()>; APPEND_LOCKS],
}

impl LisaFs {
    /// Mounts what the server at the other end of `socket` serves, a stream socket of the unix domain over which nothing
    /// was sent yet.
    ///
    /// # Errors
    ///
    /// `ENOTSOCK` and `EINVAL` for a descriptor that is no such socket, the server's errno, `EIO` when it speaks
    /// something else, `ETIMEDOUT` when it says nothing in time.
    pub fn connect(socket: impl Into<OwnedFd>, options: LisaFsOptions) -> Result<LisaFs> {
        LisaFs::connect_by(&Call::WAITING, socket, options)
    }

    /// Starts `program` and mounts what it serves. The errno is that of the start, or as [`LisaFs::connect`]; why a program
    /// does not serve it says itself, on the standard error.
    pub fn start(program: &Program, options: LisaFsOptions) -> Result<LisaFs> {
        let started_for = Some(program.root().to_owned());
        Ok(LisaFs { started_for, ..LisaFs::connect(program.start()?, options)? })
    }

    /// As [`LisaFs::connect`], within a call that can be ended.
    pub fn connect_by(call: &Call, socket: impl Into<OwnedFd>, options: LisaFsOptions) -> Result<LisaFs> {
        let client = Client::new(Stream::new(socket.into())?);
        let (connection, inode) = Connection::mount(call, client, &options)?;
        let root = told::inode(&connection, Keys::WithBirth, &inode)?;
        if !matches!(root.stat.file_type, FileType::Directory | FileType::Regular) {
            return Err(Errno::Io.into());
        }
        let overlay = connection.offers(Mid::F_STAT_FS)
            && connection.ask(call, &FStatFs { fd: root.control.id() }, |figures, _| Ok(figures.to_stat_fs()?))?.magic
                == OVERLAY_MAGIC;
        let keys = if overlay { Keys::WithoutBirth } else { Keys::WithBirth };
        Ok(LisaFs {
            root_key: told::key_as(keys, root.stat).key,
            root_type: root.stat.file_type,
            root: Arc::new(root.control),
            stale_handles: options.stale_handles.unwrap_or(overlay),
            controls: FdBudget::new(options.control_limit.max(CONTROLS_MIN)),
            cursors: Cursors::default(),
            started_for: None,
            lock: Mutex::new(None),
            shared: Arc::new(Shared {
                connection,
                keys,
                host_fds: options.host_fds,
                appends: std::array::from_fn(|_| Mutex::new(())),
            }),
        })
    }

    /// Locks the tree of a server of our own, for as long as this lives. `EBUSY` when somebody else has the lock, `ESTALE`
    /// when another directory has the path by now.
    fn lock_own_tree(&self) -> Result<()> {
        let Some(path) = &self.started_for else { return Ok(()) };
        let mut lock = self.lock.lock();
        if lock.is_some() {
            return Ok(());
        }
        let dir = lock::open_to_lock(path)?;
        stat::expect(stat::stat_fd(self.shared.keys, dir.as_fd())?, self.root_key)?;
        lock::lock_exclusive(dir.as_fd())?;
        *lock = Some(dir);
        Ok(())
    }

    /// Identity of the root when it was mounted.
    #[must_use]
    pub fn root_key(&self) -> InodeKey {
        self.root_key
    }

    /// The counters of this connection's requests, which go on counting while the backend is mounted.
    #[must_use]
    pub fn rpc_counts(&self) -> Arc<RpcCounts> {
        Arc::clone(self.shared.connection.counts())
    }

    /// Control files that are held now.
    #[must_use]
    pub fn controls_held(&self) -> usize {
        self.controls.held()
    }

    fn connection(&self) -> &Connection {
        &self.shared.connection
    }

    /// The attributes in an answer, with the key by which this filesystem tells objects apart.
    fn stat_told(&self, stat: &crate::proto::lisafs::Statx) -> Result<Stat> {
        told::stat(self.shared.keys, stat)
    }
}

impl fmt::Debug for LisaFs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LisaFs")
            .field("connection", &self.shared.connection)
            .field("controls", &self.controls.held())
            .finish_non_exhaustive()
    }
}
