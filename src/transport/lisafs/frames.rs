//! Cutting a stream into frames.

use crate::abi::Call;
use crate::proto::lisafs::{HEADER_BYTES, Header, Mid};
use crate::transport::error::{TransportError, Violation, goes_on};
use crate::transport::stream::{Cargo, Stream};
use std::ops::Range;

/// Bytes that a buffer begins with: enough for most messages in one system call.
const BUFFER_MIN: usize = 16 * 1024;

/// What came from the peer. A call that ends while a frame is on its way leaves here what came of it.
#[derive(Debug)]
pub(super) struct Frames {
    buffer: Vec<u8>,
    /// What is in the buffer and was not consumed.
    filled: Range<usize>,
    /// The largest payload that the peer may send.
    limit: usize,
}

/// A frame that came as a whole.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) mid: Mid,
    /// Where in the buffer its payload is.
    pub(super) payload: Range<usize>,
}

impl Frames {
    /// Frames of `limit` bytes of payload at most.
    pub(super) fn new(limit: usize) -> Frames {
        Frames { buffer: vec![0; BUFFER_MIN], filled: 0..0, limit }
    }

    pub(super) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Receives until a whole frame is there, and takes it out. [`TransportError::Closed`] when the stream ends before
    /// its first byte.
    pub(super) fn receive(
        &mut self,
        stream: &Stream,
        call: &Call,
        mut cargo: Option<&mut Cargo>,
    ) -> Result<Frame, TransportError> {
        let mut received = false;
        loop {
            let needed = match self.header() {
                None => HEADER_BYTES,
                Some(header) => {
                    let payload = usize::try_from(header.payload()).ok().filter(|payload| *payload <= self.limit);
                    let Some(payload) = payload else {
                        return Err(Violation::Oversized { payload: header.payload() }.into());
                    };
                    let needed = HEADER_BYTES.saturating_add(payload);
                    if self.filled.len() >= needed {
                        return Ok(self.take(header.mid(), needed));
                    }
                    needed
                }
            };
            if received {
                // Else a peer that sends byte after byte would hold the call for as long as it likes.
                goes_on(call)?;
            }
            self.make_room(needed);
            let room = self.buffer.get_mut(self.filled.end..).unwrap_or_default();
            match stream.receive(call, room, cargo.as_deref_mut())? {
                0 if self.filled.is_empty() => return Err(TransportError::Closed),
                0 => return Err(Violation::CutOff.into()),
                count => self.filled.end = self.filled.end.saturating_add(count),
            }
            received = true;
        }
    }

    /// The payload of a frame, until the next one is received.
    pub(super) fn payload(&self, frame: &Frame) -> &[u8] {
        self.buffer.get(frame.payload.clone()).unwrap_or_default()
    }

    /// Whether there are bytes behind the last frame.
    pub(super) fn has_more(&self) -> bool {
        !self.filled.is_empty()
    }

    fn header(&self) -> Option<Header> {
        Header::from_prefix(self.buffer.get(self.filled.clone())?).ok()
    }

    fn take(&mut self, mid: Mid, length: usize) -> Frame {
        let end = self.filled.start.saturating_add(length);
        let payload = self.filled.start.saturating_add(HEADER_BYTES)..end;
        self.filled.start = end;
        Frame { mid, payload }
    }

    /// Makes the buffer hold a frame of `needed` bytes, of which it has the first ones, and more behind it.
    fn make_room(&mut self, needed: usize) {
        if self.filled.is_empty() {
            self.filled = 0..0;
        } else if self.filled.start.saturating_add(needed) > self.buffer.len() {
            self.buffer.copy_within(self.filled.clone(), 0);
            self.filled = 0..self.filled.len();
        }
        if needed > self.buffer.len() {
            self.buffer.resize(needed, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BUFFER_MIN, Frames};
    use crate::abi::Call;
    use crate::proto::lisafs::{Header, Mid};
    use crate::transport::Stream;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    #[test]
    fn receive_of_an_announcement_over_the_limit_takes_no_memory_for_it() {
        let (ours, mut peer) = UnixStream::pair().expect("a pair");
        let stream = Stream::new(ours.into()).expect("a stream");
        let mut frames = Frames::new(1 << 20);
        peer.write_all(&Header::new(Mid::WALK, (1 << 20) + 1).expect("a header").to_bytes()).expect("sent");
        assert!(frames.receive(&stream, &Call::WAITING, None).is_err());
        assert_eq!((frames.buffer.len(), frames.buffer.capacity()), (BUFFER_MIN, BUFFER_MIN));
    }

    #[test]
    fn receive_of_frames_that_do_not_end_with_the_buffer_keeps_its_size() {
        let (ours, mut peer) = UnixStream::pair().expect("a pair");
        let stream = Stream::new(ours.into()).expect("a stream");
        let mut frames = Frames::new(1 << 20);
        // Several are in the buffer at once, and one of them only in part.
        for round in 0..100u8 {
            let frame = [&Header::new(Mid::WALK, 5000).expect("a header").to_bytes()[..], &[round; 5000]].concat();
            peer.write_all(&frame.repeat(4)).expect("sent");
            for _ in 0..4 {
                let frame = frames.receive(&stream, &Call::WAITING, None).expect("a frame");
                assert!(frames.payload(&frame) == [round; 5000]);
            }
        }
        assert_eq!(frames.buffer.len(), BUFFER_MIN);
    }
}
