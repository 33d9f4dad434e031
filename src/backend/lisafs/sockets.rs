//! Unix sockets of the server's: those that are there, to connect to, and those that are made there, to take connections.

use super::LisaFs;
use super::connection::Fds;
use super::fs::Shared;
use super::node::LisaNode;
use super::numbers::Number;
use super::ops::{dirs_of, enter};
use crate::abi::{Call, Errno, FileType, Mode, Name, Result, SocketKind};
use crate::backend::{Found, Object};
use crate::hostfs::errno::from_os;
use crate::hostfs::socket_type;
use crate::proto::lisafs::{Accept, BindAt, Connect, FdId, Listen, Mid};
use crate::transport::discard;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::net::{AddressFamily, sockopt};
use std::fmt;
use std::sync::Arc;

/// A socket that was made in the server's tree, and is bound to its name there. Dropping it has the server close it; the
/// name stays.
pub struct LisaSocket {
    shared: Arc<Shared>,
    number: Number,
    kind: SocketKind,
    /// What came with it: of gVisor's gofer the socket itself, of a server of ours something that is readable while a
    /// connection may be taken; of datagrams always the socket.
    host: Option<OwnedFd>,
}

impl LisaFs {
    /// A connection to the socket `object`, made by the server. It does not wait where the server is ours. What lies in its
    /// queue is what its peers sent: to close it closes that too, which can wait.
    ///
    /// # Errors
    ///
    /// `ENOTSOCK` for anything else than a socket, before the server is asked; `EPERM` and `EOPNOTSUPP` where it lets
    /// nobody connect; `ECONNREFUSED` where nobody listens; `EPROTOTYPE` for a socket of another kind, `EAGAIN` where as
    /// many wait as may. `EIO` for an answer without a socket of that kind.
    pub fn connect_to(&self, call: &Call, object: Object<'_, LisaNode>, kind: SocketKind) -> Result<OwnedFd> {
        enter(call)?;
        if object.file_type != FileType::Socket {
            return Err(Errno::Notsock.into());
        }
        self.must_offer(Mid::CONNECT)?;
        let answer = self.on_object(call, &object, |control| {
            let request = Connect { fd: control.id(), socket_type: kind.raw() };
            self.connection().ask(call, &request, |(), fds| the_socket(fds, kind))
        });
        self.in_place(call, dirs_of(&object).as_slice(), answer)
    }

    /// Makes the socket `name` in `dir`, bound to that name.
    ///
    /// # Errors
    ///
    /// `EPERM` and `EOPNOTSUPP` where the server lets nobody make sockets, `EROFS` for an export that is read-only;
    /// `EEXIST` for a name that is taken (`EIO` over gVisor's gofer, whose `EADDRINUSE` is no errno of files); `EINVAL` for
    /// one that an address has no room for.
    pub fn bind_at(
        &self,
        call: &Call,
        dir: &LisaNode,
        name: Name<'_>,
        kind: SocketKind,
        mode: Mode,
    ) -> Result<(Found<LisaNode>, LisaSocket)> {
        enter(call)?;
        self.must_offer(Mid::BIND_AT)?;
        let bound = self.directory(dir).and_then(|control| self.bind_in(call, control.id(), name, kind, mode));
        self.in_place(call, &[dir], bound)
    }

    pub(super) fn bind_in(
        &self,
        call: &Call,
        dir: FdId,
        name: Name<'_>,
        kind: SocketKind,
        mode: Mode,
    ) -> Result<(Found<LisaNode>, LisaSocket)> {
        let request = BindAt { common: self.common(dir, None, mode), socket_type: kind.raw(), name };
        let (told, number, host) = self.connection().ask(call, &request, |reply, fds| {
            let number = self.connection().own(reply.socket);
            let host = fds.into_iter().next();
            match self.made(reply.inode, FileType::Socket) {
                Ok(told) => Ok((told, number, host)),
                Err(error) => {
                    discard(host);
                    Err(error)
                }
            }
        })?;
        Ok((self.found(told), LisaSocket { shared: Arc::clone(&self.shared), number, kind, host }))
    }

    fn must_offer(&self, mid: Mid) -> Result<()> {
        if self.connection().offers(mid) { Ok(()) } else { Err(Errno::Opnotsupp.into()) }
    }
}

impl LisaSocket {
    /// Has it take connections, of which `backlog` may wait; the server may let fewer. `EOPNOTSUPP` for one of datagrams.
    pub fn listen(&self, call: &Call, backlog: u32) -> Result<()> {
        enter(call)?;
        let backlog = i32::try_from(backlog).unwrap_or(i32::MAX);
        self.shared.connection.ask(call, &Listen { socket: self.number.id(), backlog }, |(), _| Ok(()))
    }

    /// Takes a connection. `EAGAIN` where there is none, `EINVAL` before [`LisaSocket::listen`], `EIO` for an answer
    /// without a socket of this kind.
    pub fn accept(&self, call: &Call) -> Result<OwnedFd> {
        enter(call)?;
        self.shared.connection.ask(call, &Accept { socket: self.number.id() }, |_, fds| the_socket(fds, self.kind))
    }

    /// What is readable while a connection may be taken, where the server hands that out; of datagrams the socket. It is
    /// the server's: it may be anything.
    #[must_use]
    pub fn readiness(&self) -> Option<BorrowedFd<'_>> {
        self.host.as_ref().map(AsFd::as_fd)
    }
}

impl Drop for LisaSocket {
    fn drop(&mut self) {
        discard(self.host.take());
    }
}

impl fmt::Debug for LisaSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LisaSocket")
            .field("number", &self.number.id())
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// The unix socket of this kind that came with an answer.
fn the_socket(fds: Fds, kind: SocketKind) -> Result<OwnedFd> {
    let fd = fds.into_iter().next().ok_or(Errno::Io)?;
    match is_of(fd.as_fd(), kind) {
        Ok(true) => Ok(fd),
        other => {
            discard([fd]);
            other.and(Err(Errno::Io.into()))
        }
    }
}

fn is_of(fd: BorrowedFd<'_>, kind: SocketKind) -> Result<bool> {
    // Of what is no socket the kernel says so.
    let lie = |errno| if from_os(errno).is(Errno::Notsock) { Errno::Io.into() } else { from_os(errno) };
    let domain = sockopt::socket_domain(fd).map_err(lie)?;
    Ok(domain == AddressFamily::UNIX && sockopt::socket_type(fd).map_err(lie)? == socket_type::of(kind))
}

#[cfg(test)]
mod tests {
    use super::{Fds, the_socket};
    use crate::abi::{Errno, SocketKind};
    use std::os::fd::OwnedFd;
    use std::os::unix::net::{UnixDatagram, UnixStream};

    #[test]
    fn descriptor_that_is_no_socket_of_the_kind_is_io() {
        let file: OwnedFd = tempfile::tempfile().expect("a file").into();
        let pipe: OwnedFd = std::io::pipe().expect("a pipe").0.into();
        let inet: OwnedFd = std::net::TcpListener::bind("127.0.0.1:0").expect("bound").into();
        let datagrams: OwnedFd = UnixDatagram::unbound().expect("a socket").into();
        for lie in [file, pipe, inet, datagrams] {
            let told = the_socket(Fds::from_iter([lie]), SocketKind::Stream);
            assert_eq!(told.err(), Some(Errno::Io.into()));
        }
        assert_eq!(the_socket(Fds::new(), SocketKind::Stream).err(), Some(Errno::Io.into()));
        let (stream, _peer) = UnixStream::pair().expect("a pair");
        assert!(the_socket(Fds::from_iter([OwnedFd::from(stream)]), SocketKind::Stream).is_ok());
    }
}
