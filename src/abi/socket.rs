//! Types of unix sockets.

/// What a unix socket carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketKind {
    /// A stream of bytes (`SOCK_STREAM`).
    Stream,
    /// Single messages (`SOCK_DGRAM`).
    Datagram,
    /// Messages over a connection (`SOCK_SEQPACKET`).
    SeqPacket,
}

impl SocketKind {
    /// The kind with the number of socket(2) on the architectures where `SOCK_STREAM` is 1, which are those of Linux but
    /// MIPS; lisafs has the same on the wire.
    #[must_use]
    pub fn from_raw(raw: u32) -> Option<SocketKind> {
        match raw {
            1 => Some(SocketKind::Stream),
            2 => Some(SocketKind::Datagram),
            5 => Some(SocketKind::SeqPacket),
            _ => None,
        }
    }

    /// Its number.
    #[must_use]
    pub fn raw(self) -> u32 {
        match self {
            SocketKind::Stream => 1,
            SocketKind::Datagram => 2,
            SocketKind::SeqPacket => 5,
        }
    }

    /// Whether sockets of the kind take connections.
    #[must_use]
    pub fn listens(self) -> bool {
        self != SocketKind::Datagram
    }
}

#[cfg(test)]
mod tests {
    use super::SocketKind;

    #[test]
    fn from_raw_of_every_number_is_the_kind_that_has_it() {
        let kinds: Vec<_> = (0..=10).filter_map(|raw| SocketKind::from_raw(raw).map(|kind| (raw, kind))).collect();
        assert_eq!(kinds.len(), 3);
        assert!(kinds.iter().all(|(raw, kind)| kind.raw() == *raw && kind.listens() == (*raw != 2)));
    }
}
