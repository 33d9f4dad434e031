//! The answering end of a connection.

use super::frames::Frames;
use crate::abi::{Call, Errno};
use crate::proto::lisafs::{Encode, ErrorReply, HEADER_BYTES, Header, Mid, Writer};
use crate::transport::error::{TransportError, goes_on};
use crate::transport::stream::{KEPT, Stream};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::IoSlice;
use smallvec::SmallVec;

/// A request as it came: nothing was decoded yet.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// Its number, which may be any.
    pub mid: Mid,
    /// Its payload.
    pub payload: &'a [u8],
}

/// A connection of a client, which is answered one request after the other, in the order in which they came. Clients may
/// send the next request before they have the answer. They cannot send descriptors.
#[derive(Debug)]
pub struct Server {
    stream: Stream,
    frames: Frames,
    out: Vec<u8>,
    limit: usize,
    ended: Option<TransportError>,
}

impl Server {
    /// A connection over a socket, with payloads of at most `max_message` bytes in either direction.
    #[must_use]
    pub fn new(stream: Stream, max_message: u32) -> Server {
        let limit = usize::try_from(max_message).unwrap_or(usize::MAX);
        Server { stream, frames: Frames::new(limit), out: Vec::new(), limit, ended: None }
    }

    /// The largest payload of a message, in bytes.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Waits for a request, has it answered by `handle`, and sends the answer; false when the client closed the
    /// connection between two requests. `handle` writes the answer's payload and hands out descriptors to go with it, at
    /// most two, or names the errno that is the answer.
    ///
    /// # Errors
    ///
    /// [`TransportError::Ended`] when the call ends before there is a whole request: the connection goes on. Everything
    /// else ends it, also a call that ends while the client does not take its answer: every later call says so again.
    pub fn serve<F: AsFd>(
        &mut self,
        call: &Call,
        handle: impl FnOnce(Incoming<'_>, &mut Writer<'_>) -> Result<SmallVec<[F; KEPT]>, Errno>,
    ) -> Result<bool, TransportError> {
        if let Some(ended) = self.ended {
            return Err(ended);
        }
        let frame = match self.frames.receive(&self.stream, call, None) {
            Ok(frame) => frame,
            Err(TransportError::Closed) => return Ok(false),
            Err(error) if error.is_passing() => return Err(error),
            Err(error) => return Err(self.end(error)),
        };
        self.out.clear();
        self.out.resize(HEADER_BYTES, 0);
        let incoming = Incoming { mid: frame.mid, payload: self.frames.payload(&frame) };
        let handled = handle(incoming, &mut Writer::new(&mut self.out, self.limit));
        let sent = match handled {
            Ok(fds) => {
                let fds: SmallVec<[BorrowedFd<'_>; KEPT]> = fds.iter().take(KEPT).map(AsFd::as_fd).collect();
                self.send(call, frame.mid, &fds)
            }
            Err(errno) => {
                self.out.truncate(HEADER_BYTES);
                // The number of the failure has room whatever the limit is.
                let written = ErrorReply::new(errno).encode(&mut Writer::new(&mut self.out, size_of::<u32>()));
                written.map_err(|_| TransportError::Os(Errno::Overflow)).and_then(|()| self.send(call, Mid::ERROR, &[]))
            }
        };
        sent.map(|()| true).map_err(|error| self.end(error))
    }

    /// Sends the frame, the descriptors with its first byte.
    fn send(&mut self, call: &Call, mid: Mid, mut fds: &[BorrowedFd<'_>]) -> Result<(), TransportError> {
        let payload = self.out.len().saturating_sub(HEADER_BYTES);
        let header = Header::new(mid, payload).ok_or(TransportError::Os(Errno::Overflow))?;
        if let Some(place) = self.out.get_mut(..HEADER_BYTES) {
            place.copy_from_slice(&header.to_bytes());
        }
        let mut left = self.out.as_slice();
        loop {
            let count = self.stream.send(call, &[IoSlice::new(left)], fds)?;
            left = left.get(count..).unwrap_or_default();
            if left.is_empty() {
                return Ok(());
            }
            fds = &[];
            goes_on(call)?;
        }
    }

    fn end(&mut self, error: TransportError) -> TransportError {
        self.ended = Some(error);
        error
    }
}
