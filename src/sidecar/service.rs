//! What a server needs of a protocol.

use crate::transport::Stream;

/// Bytes of the stack of a connection, or of a channel of one. A message is handled without recursion; what is large is on
/// the heap.
pub(super) const STACK: usize = 256 * 1024;

/// What serves one connection after the other, each on a thread of its own.
pub(super) trait Service: Send + Sync {
    /// Serves a connection to its end. What has to be waited for at the end is waited for behind a call of `hang_up`, from
    /// which on the client sees that its connection has ended; what was sent by then still comes.
    fn serve(&self, stream: Stream, hang_up: &dyn Fn());

    /// What is taken at present by clients, in words, for a log.
    fn taken(&self) -> String;
}
