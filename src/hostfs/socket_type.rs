//! The types of unix sockets as the host has them.

use crate::abi::SocketKind;
use rustix::net::SocketType;

/// The type of sockets of this kind.
pub(crate) fn of(kind: SocketKind) -> SocketType {
    match kind {
        SocketKind::Stream => SocketType::STREAM,
        SocketKind::Datagram => SocketType::DGRAM,
        SocketKind::SeqPacket => SocketType::SEQPACKET,
    }
}
