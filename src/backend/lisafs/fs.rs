//! The backend itself: what it holds, and how it is mounted.

use super::LisaFsOptions;
use super::connection::Connection;
use super::counts::RpcCounts;
use super::cursors::Cursors;
use super::numbers::Number;
use super::program::{OwnTree, Program};
use super::told;
use crate::abi::{Call, Errno, FileType, InodeKey, Mode, Result, Stat};
use crate::hostfs::{FdBudget, Keys, umask};
use crate::proto::lisafs::{CreateCommon, FStatFs, FdId, Mid, Statx};
use crate::transport::Stream;
use crate::transport::lisafs::Client;
use parking_lot::Mutex;
use rustix::fd::OwnedFd;
use std::fmt;
use std::sync::Arc;

/// Magic of overlayfs (`OVERLAYFS_SUPER_MAGIC`).
const OVERLAY_MAGIC: u64 = 0x794c_7630;

/// Fewest control files: enough to walk a deep path without taking its own start away.
const CONTROLS_MIN: usize = 16;

/// How appends without a descriptor wait for each other: files share this many locks.
const APPEND_LOCKS: usize = 16;

/// The backend of a lisafs server. See the [module](super).
pub struct LisaFs {
    pub(super) shared: Arc<Shared>,
    pub(super) root: Arc<Number>,
    pub(super) root_key: InodeKey,
    pub(super) root_type: FileType,
    pub(super) stale_handles: bool,
    pub(super) controls: Arc<FdBudget<Number>>,
    pub(super) cursors: Cursors,
    pub(super) own_tree: OwnTree,
    /// What is taken from the modes of new objects.
    umask: Mode,
}

/// What files that are open need of their filesystem.
pub(super) struct Shared {
    pub(super) connection: Connection,
    /// How objects are told apart: the birth time changes on overlayfs.
    pub(super) keys: Keys,
    pub(super) host_fds: bool,
    pub(super) appends: [Mutex<()>; APPEND_LOCKS],
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
        Ok(LisaFs { own_tree: program.own_tree(), ..LisaFs::connect(program.start()?, options)? })
    }

    /// As [`LisaFs::connect`], within a call that can be ended.
    pub fn connect_by(call: &Call, socket: impl Into<OwnedFd>, options: LisaFsOptions) -> Result<LisaFs> {
        LisaFs::connect_counted(call, socket.into(), options, (Arc::default(), false))
    }

    /// As [`LisaFs::connect_by`], with counters that were begun before, and of a row of connections if it `has_next`: then
    /// what was not sent when this one ended is [`crate::abi::Error::Unbound`].
    pub(super) fn connect_counted(
        call: &Call,
        socket: OwnedFd,
        options: LisaFsOptions,
        (counts, has_next): (Arc<RpcCounts>, bool),
    ) -> Result<LisaFs> {
        let client = Client::new(Stream::new(socket)?);
        let (connection, inode) = Connection::mount(call, client, &options, (counts, has_next))?;
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
            own_tree: OwnTree::default(),
            umask: options.umask.unwrap_or_else(umask::of_process),
            shared: Arc::new(Shared {
                connection,
                keys,
                host_fds: options.host_fds,
                appends: std::array::from_fn(|_| Mutex::new(())),
            }),
        })
    }

    /// Identity of the root when it was mounted.
    #[must_use]
    pub fn root_key(&self) -> InodeKey {
        self.root_key
    }

    /// Whether the connection ended: every operation that needs the server is `EIO` from then on.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.shared.connection.is_over()
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

    /// How a new object in `dir` is asked for.
    pub(super) fn common(&self, dir: FdId, file_type: Option<FileType>, mode: Mode) -> CreateCommon {
        CreateCommon::new(dir, file_type, self.masked(mode))
    }

    /// The mode that a new object is to have.
    pub(super) fn masked(&self, mode: Mode) -> Mode {
        mode.masked(self.umask)
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.shared.connection
    }

    /// The attributes in an answer, with the key by which this filesystem tells objects apart.
    pub(super) fn stat_told(&self, stat: &Statx) -> Result<Stat> {
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
