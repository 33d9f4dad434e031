//! What ends an exchange with a peer.

use crate::abi::{Call, Errno, Error};
use crate::sync::monotonic;
use rustix::io;
use std::fmt;

/// Why an exchange did not come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportError {
    /// The call ended before the peer was through: `ETIMEDOUT` or `ECANCELED`. What came and went so far is kept, so the
    /// connection goes on.
    Ended(Errno),
    /// The peer closed the connection between two frames, or is gone.
    Closed,
    /// The kernel refused.
    Os(Errno),
    /// The peer did what the protocol does not have. The connection is of no more use.
    Violation(Violation),
}

/// What a peer did that the protocol does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A frame announced more bytes than were agreed on.
    Oversized {
        /// The bytes that it announced.
        payload: u32,
    },
    /// The stream ended within a frame.
    CutOff,
    /// An answer to another request than the one that was made.
    WrongMessage {
        /// Its number.
        mid: u16,
    },
    /// Bytes behind the answer, before there was another request.
    Unasked,
    /// Descriptors where none may come, or more than there is room for.
    Descriptors,
    /// More files than were asked for.
    Surplus,
    /// A message in shared memory is shorter than its head.
    Undersized {
        /// The bytes that it has.
        bytes: u32,
    },
    /// The word in shared memory that says whose turn it is says neither.
    State {
        /// What it says.
        word: u32,
    },
    /// What comes before the first message in shared memory is something else.
    Handshake,
    /// A limit on messages in which no message fits.
    Limit,
}

impl TransportError {
    pub(super) fn os(errno: io::Errno) -> TransportError {
        match errno {
            io::Errno::PIPE | io::Errno::CONNRESET | io::Errno::NOTCONN => TransportError::Closed,
            errno => TransportError::Os(Errno::from_raw(errno.raw_os_error())),
        }
    }

    /// Whether the connection goes on.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, TransportError::Ended(_))
    }
}

/// The end of a call as itself, everything else as `EIO`.
impl From<TransportError> for Error {
    fn from(error: TransportError) -> Error {
        match error {
            TransportError::Ended(errno) => Error::Errno(errno),
            TransportError::Closed | TransportError::Os(_) | TransportError::Violation(_) => Error::Errno(Errno::Io),
        }
    }
}

impl From<Violation> for TransportError {
    fn from(violation: Violation) -> TransportError {
        TransportError::Violation(violation)
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TransportError::Ended(errno) => write!(f, "the call ended ({errno})"),
            TransportError::Closed => f.write_str("the peer closed the connection"),
            TransportError::Os(errno) => write!(f, "the connection failed ({errno})"),
            TransportError::Violation(violation) => violation.fmt(f),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Violation::Oversized { payload } => write!(f, "the peer announced {payload} bytes in one message"),
            Violation::CutOff => f.write_str("the peer closed the connection within a message"),
            Violation::WrongMessage { mid } => write!(f, "the peer answered another request, with message {mid}"),
            Violation::Unasked => f.write_str("the peer sent more than it was asked"),
            Violation::Descriptors => f.write_str("the peer sent descriptors that it may not"),
            Violation::Surplus => f.write_str("the peer gave more files than it was asked for"),
            Violation::Undersized { bytes } => write!(f, "the peer passed a message of {bytes} bytes"),
            Violation::State { word } => write!(f, "the peer passed the turn to nobody, with {word}"),
            Violation::Handshake => f.write_str("the peer began a channel with something else than it has to"),
            Violation::Limit => f.write_str("the peer takes no messages of a usable size"),
        }
    }
}

impl std::error::Error for TransportError {}

/// Whether a call goes on.
pub(super) fn goes_on(call: &Call) -> Result<(), TransportError> {
    call.goes_on(monotonic).map_err(TransportError::Ended)
}
