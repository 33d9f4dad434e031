//! Open files.

use super::bound_socket::BoundSocket;
use crate::abi::{Errno, FileType, Result};
use crate::hostfs::FileFd;
use crate::hostfs::watch::HandedOut;
use crate::sidecar::quota::Permit;
use crate::sidecar::tree::Node;
use parking_lot::{Mutex, MutexGuard};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// An open file of a connection, or an open directory. It keeps its node.
#[derive(Debug)]
pub(super) struct OpenFile {
    file: FileFd,
    node: Arc<Node>,
    /// Held by who lists: the descriptor's position is where the next listing goes on.
    position: Mutex<()>,
    _permit: Permit,
}

impl OpenFile {
    pub(super) fn new(fd: OwnedFd, node: Arc<Node>, permit: Permit) -> OpenFile {
        OpenFile { file: FileFd::new(fd), node, position: Mutex::new(()), _permit: permit }
    }

    /// The right to list. `ENOTDIR` for a file.
    pub(super) fn listing(&self) -> Result<MutexGuard<'_, ()>> {
        if self.node.file_type != FileType::Directory {
            return Err(Errno::Notdir.into());
        }
        Ok(self.position.lock())
    }

    pub(super) fn file(&self) -> &FileFd {
        &self.file
    }

    /// Whether clients get the descriptor: regular files, which are used without a message then, and pipes, which cannot
    /// be used by messages. Never directories.
    pub(super) fn is_donated(&self) -> bool {
        matches!(self.node.file_type, FileType::Regular | FileType::Fifo)
    }
}

impl AsFd for OpenFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// A descriptor that goes with an answer.
#[derive(Debug)]
pub(super) enum Donation {
    /// Of an open file.
    File(Arc<OpenFile>),
    /// Of a queue of changes.
    Queue(Arc<HandedOut>),
    /// By which a client waits for what comes to a bound socket.
    Bound(Arc<BoundSocket>),
    /// Of something that is the client's alone.
    Owned(OwnedFd),
}

impl AsFd for Donation {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Donation::File(file) => file.as_fd(),
            Donation::Queue(queue) => queue.as_fd(),
            Donation::Bound(socket) => socket.waited_by(),
            Donation::Owned(fd) => fd.as_fd(),
        }
    }
}
