//! Sockets that clients made.

use crate::abi::{Result, SocketKind};
use crate::hostfs::Host;
use crate::hostfs::socket;
use crate::sidecar::quota::Permit;
use crate::sidecar::tree::Node;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// A socket that a connection has bound. It keeps its node; its name stays when it goes.
#[derive(Debug)]
pub(super) struct BoundSocket {
    socket: OwnedFd,
    /// What a client waits by, if that is not the socket. A client that had a listening socket could have it wait when a
    /// connection is taken here, and the thread with it, also when that client is gone.
    readiness: Option<OwnedFd>,
    _node: Arc<Node>,
    _permits: [Option<Permit>; 2],
}

/// What a socket is waited for by, which is made before it is. Sockets of datagrams are used by who made them: no message
/// is for that.
pub(super) fn readiness(host: &Host, kind: SocketKind) -> Result<Option<OwnedFd>> {
    if kind.listens() { socket::readiness(host).map(Some) } else { Ok(None) }
}

impl BoundSocket {
    pub(super) fn new(
        (socket, readiness): (OwnedFd, Option<OwnedFd>),
        node: Arc<Node>,
        permits: [Option<Permit>; 2],
    ) -> BoundSocket {
        BoundSocket { socket, readiness, _node: node, _permits: permits }
    }

    /// What its client gets.
    pub(super) fn waited_by(&self) -> BorrowedFd<'_> {
        self.readiness.as_ref().unwrap_or(&self.socket).as_fd()
    }

    /// Takes connections from now on, of which so many may wait.
    pub(super) fn listen(&self, backlog: i32) -> Result<()> {
        socket::listen(self.socket.as_fd(), self.readiness.as_ref().map(AsFd::as_fd), backlog)
    }

    /// Takes a connection, if there is one.
    pub(super) fn accept(&self, host: &Host) -> Result<OwnedFd> {
        socket::accept(host, self.socket.as_fd())
    }
}
