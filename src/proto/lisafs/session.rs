//! Messages about the connection: mount, channel, close, and the answer that tells a failure.

use super::attr::Inode;
use super::wire::{FdId, messages};
use crate::abi::Errno;
use zerocopy::little_endian::U16;

messages! {
    /// The answer to a request that failed, under [`super::Mid::ERROR`].
    struct ErrorReply {
        /// The errno, as Linux numbers it.
        errno: u32,
    }

    /// Asks for the root of the tree that this connection serves, a new control file each time.
    struct Mount {}

    /// The root, and what the server can do.
    struct MountReply<'a> {
        /// The root.
        root: &'a Inode,
        /// The largest payload that the server takes and sends, in bytes.
        max_message: u32,
        /// Numbers of the messages that it knows.
        mids: &'a [U16],
    }

    /// Asks for a window of shared memory to speak through; two descriptors come with the answer: the memory, and a
    /// socket for the descriptors of later answers.
    struct Channel {}

    /// Where in the memory the window is.
    struct ChannelReply {
        /// Bytes from the memory's start.
        offset: i64,
        /// Bytes.
        length: u64,
    }

    /// Gives files of any kind back. Nothing fails; numbers that refer to nothing are passed over.
    struct Close<'a> {
        /// The files.
        fds: &'a [FdId],
    }
}

impl ErrorReply {
    /// The message for an errno.
    #[must_use]
    pub fn new(errno: Errno) -> ErrorReply {
        ErrorReply { errno: u32::from(errno as u16) }
    }

    /// The errno; a number that is none, or that no filesystem should answer with, is `EIO`.
    #[must_use]
    pub fn to_errno(&self) -> Errno {
        i32::try_from(self.errno).map_or(Errno::Io, Errno::from_raw)
    }
}
