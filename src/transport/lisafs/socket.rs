//! Frames over the socket of a connection.

use super::frames::Frames;
use crate::abi::Call;
use crate::transport::error::{TransportError, goes_on};
use crate::transport::stream::{Stream, empty};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::IoSlice;

/// A socket, what came over it, and how far the frame is that goes out.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) stream: Stream,
    pub(super) frames: Frames,
    /// Bytes of the frame that went.
    sent: usize,
}

impl Socket {
    pub(super) fn new(stream: Stream, limit: usize) -> Socket {
        Socket { stream, frames: Frames::new(limit), sent: 0 }
    }

    /// Begins with another frame.
    pub(super) fn begin(&mut self) {
        self.sent = 0;
    }

    /// Whether some of the frame went.
    pub(super) fn has_begun(&self) -> bool {
        self.sent > 0
    }

    /// Sends what is left of a frame, `fds` with its first byte. A call that ends before that leaves nothing to be done.
    pub(super) fn send(
        &mut self,
        call: &Call,
        frame: &[u8],
        tail: &[u8],
        fds: &[BorrowedFd<'_>],
    ) -> Result<(), TransportError> {
        let length = frame.len().saturating_add(tail.len());
        while self.sent < length {
            let own = frame.get(self.sent..).unwrap_or_default();
            let tail_left = tail.get(self.sent.saturating_sub(frame.len())..).unwrap_or_default();
            // Only the first bytes are sent without a look at the call: a peer could take one at a time.
            if self.sent > 0 {
                goes_on(call)?;
            }
            let fds = if self.sent == 0 { fds } else { &[] };
            let count = self.stream.send(call, &[IoSlice::new(own), IoSlice::new(tail_left)], fds)?;
            self.sent = self.sent.saturating_add(count);
        }
        Ok(())
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        empty(self.stream.as_fd(), true);
    }
}
