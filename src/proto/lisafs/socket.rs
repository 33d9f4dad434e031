//! Unix sockets in the tree. A descriptor of the server's host comes with the answers to all but [`Listen`].

use super::attr::Inode;
use super::path::CreateCommon;
use super::wire::{FdId, messages};
use crate::abi::Name;

messages! {
    /// Connects to a socket of the tree; the connected descriptor comes with the answer.
    struct Connect {
        /// The socket's control file.
        fd: FdId,
        /// The type of the connection (`SOCK_*`).
        socket_type: u32,
    } pad 4

    /// As [`Connect`], as a user and group.
    struct ConnectWithCreds {
        /// What to connect to.
        connect: Connect,
        /// User.
        uid: u32,
        /// Group.
        gid: u32,
    }

    /// Makes a socket in the tree and binds to it; the descriptor comes with the answer.
    struct BindAt<'a> {
        /// Where, and as what.
        common: CreateCommon,
        /// The socket's type (`SOCK_*`).
        socket_type: u32,
        /// Its name.
        name: Name<'a>,
    }

    /// The socket that was bound.
    struct BindAtReply<'a> {
        /// Its node in the tree.
        inode: &'a Inode,
        /// The bound socket, for [`Listen`] and [`Accept`].
        socket: FdId,
    }

    /// Has a bound socket take connections.
    struct Listen {
        /// The bound socket.
        socket: FdId,
        /// How many may wait.
        backlog: i32,
    } pad 4

    /// Takes a connection, without waiting for one; answered by the peer's address as a [`super::Str`], and the
    /// connected descriptor.
    struct Accept {
        /// The bound socket.
        socket: FdId,
    }
}
