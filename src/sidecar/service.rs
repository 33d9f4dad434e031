//! What a server needs of a protocol.

use crate::transport::Stream;

/// Bytes of the stack of a connection, or of a channel of one. A message is handled without recursion; what is large is on
/// the heap.
pub(super) const STACK: usize = 256 * 1024;

/// What serves one connection after the other, each on a thread of its own.
pub(super) trait Service: Send + Sync {
    /// Serves a connection to its end.
    fn serve(&self, stream: Stream);

    /// What is taken at present by clients, in words, for a log.
    fn taken(&self) -> String;
}
