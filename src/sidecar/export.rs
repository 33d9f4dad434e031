//! What is served, and to what extent.

use super::host_uds::HostUds;
use crate::abi::{Errno, FileType, Result};
use crate::hostfs::errno::from_std;
use crate::hostfs::{FdBudget, Host, stat};
use crate::sync::processors;
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use rustix::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

/// How much clients may take. What one of them is refused for the lack of, it can do without: it is told by an errno, and
/// the others are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once; further ones are closed as soon as they are accepted. Each costs a thread.
    pub connections: u32,
    /// Places in the tree that one connection may refer to at once (`EMFILE`). They take memory.
    pub controls: usize,
    /// Files that one connection may have open at once (`EMFILE`). They take descriptors; all connections together get
    /// half of what the process may have (`ENFILE`).
    pub opens: usize,
    /// Places in the tree that are remembered for all connections together (`ENFILE`): those that they refer to, and the
    /// directories above.
    pub nodes: usize,
    /// Channels that one connection may have at once (`ENOMEM`): as many as there are processors, but two at least and four
    /// at most. Each costs a thread and two descriptors, and memory as its messages are large: `max_message` for its window,
    /// and as much for each of two buffers.
    pub channels: usize,
    /// Directories that each of a connection's queues of changes may watch at once (`ENOSPC`). They take the kernel's memory,
    /// about 1 kB each.
    pub watches: usize,
    /// The largest payload of a message in bytes, in both directions. What a connection's two buffers can grow to.
    pub max_message: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 16,
            controls: 65_536,
            opens: 65_536,
            nodes: 1 << 19,
            channels: processors().clamp(2, 4),
            watches: 16_384,
            max_message: (2 << 20) - 4096,
        }
    }
}

impl Limits {
    /// Threads that there can be: one for each connection and for each channel.
    pub(super) fn threads(&self) -> u32 {
        let channels = u32::try_from(self.channels).unwrap_or(u32::MAX);
        self.connections.saturating_mul(channels.saturating_add(1))
    }
}

/// A directory that is served, with what clients may do to it.
#[derive(Debug)]
pub struct Export {
    pub(super) root: Arc<Dir>,
    pub(super) host: Host,
    pub(super) read_only: bool,
    pub(super) xattrs: bool,
    host_uds: HostUds,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
    pub(super) limits: Limits,
}

impl Export {
    /// The directory `root`, which may be open as `O_PATH`. `ENOTDIR` for anything else.
    pub fn new(root: OwnedFd) -> Result<Export> {
        let host = Host::of(root.as_fd(), FdBudget::process())?;
        if stat::stat_fd(host.keys(), root.as_fd())?.file_type != FileType::Directory {
            return Err(Errno::Notdir.into());
        }
        Ok(Export {
            root: Arc::new(Dir::from_std_file(root.into())),
            host,
            read_only: false,
            xattrs: false,
            host_uds: HostUds::None,
            uid: None,
            gid: None,
            limits: Limits::default(),
        })
    }

    /// The directory at `path`, which is resolved with the authority of this process: symbolic links on the way are
    /// followed, this once.
    pub fn open_ambient(path: impl AsRef<Path>) -> Result<Export> {
        let dir = Dir::open_ambient_dir(path, ambient_authority());
        let dir = dir.map_err(|error| from_std(&error))?;
        Export::new(dir.into_std_file().into())
    }

    /// Whether every change is refused (`EROFS`), and every open for writing.
    #[must_use]
    pub fn read_only(mut self, read_only: bool) -> Export {
        self.read_only = read_only;
        self
    }

    /// Whether extended attributes of users (`user.*`) are served; else they are `EOPNOTSUPP`. Those of other namespaces
    /// are never.
    #[must_use]
    pub fn xattrs(mut self, xattrs: bool) -> Export {
        self.xattrs = xattrs;
        self
    }

    /// Which unix sockets clients get at; none unless this says otherwise. In a read-only export none are made.
    #[must_use]
    pub fn host_uds(mut self, host_uds: HostUds) -> Export {
        self.host_uds = host_uds;
        self
    }

    /// What clients get at, whatever else they may not do.
    pub(super) fn sockets(&self) -> HostUds {
        self.host_uds.in_export(self.read_only)
    }

    /// Owner and group of what is made by a client that names none; where this names none either, they are those that
    /// the host gives.
    #[must_use]
    pub fn owner(mut self, uid: Option<u32>, gid: Option<u32>) -> Export {
        (self.uid, self.gid) = (uid, gid);
        self
    }

    /// How much clients may take.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Export {
        self.limits = limits;
        self
    }

    /// The descriptors of directories that are held come out of `budget`, and the number of open files of all connections
    /// is twice, that of removed files eighth of it. Unless this is called, it is the process's own: a quarter of what the
    /// process may have.
    #[must_use]
    pub fn budget(mut self, budget: Arc<FdBudget>) -> Export {
        self.host = self.host.with_budget(budget);
        self
    }
}
