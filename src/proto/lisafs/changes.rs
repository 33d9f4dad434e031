//! Messages of ours about changes: a server watches directories for a client, which reads by itself what the kernel
//! announces.

use super::wire::{FdId, messages};
use zerocopy::little_endian::I32;

messages! {
    /// Asks for a queue of changes; an inotify(7) instance comes with the answer, whose only reader is the client.
    struct ChangeQueue {}

    /// A new queue, which the client has to close.
    struct ChangeQueueReply {
        /// The queue.
        queue: FdId,
    }

    /// Has what changes in a directory announced in a queue, from before the answer.
    struct AddWatch {
        /// The queue.
        queue: FdId,
        /// Control file of the directory.
        dir: FdId,
    }

    /// A watch. A directory that the queue watches already keeps its own.
    struct AddWatchReply {
        /// The number that its events have.
        watch: i32,
        /// [`WATCH_ATTRIBUTES`], or zero.
        flags: u32,
    }

    /// Says that watches have ended, or are to: the server does not hear of those that ended by themselves, and counts
    /// them until then. Numbers that are none are passed over.
    struct RemoveWatch<'a> {
        /// The queue.
        queue: FdId,
        /// Numbers of watches.
        watches: &'a [I32],
    }
}

/// That changes of a watched directory's own attributes are announced too, its access time aside.
pub const WATCH_ATTRIBUTES: u32 = 1;
