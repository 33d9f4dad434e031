//! Frames, byte by byte.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;
use wasi_gofer::abi::Errno;
use wasi_gofer::proto::lisafs::*;

/// A connection as bytes, which does not hold a test for ever.
pub(crate) fn raw(socket: impl Into<rustix::fd::OwnedFd>) -> UnixStream {
    let socket = UnixStream::from(socket.into());
    // Those of a stream, which looks up from its waiting now and then, are far too short for that.
    socket.set_read_timeout(Some(Duration::from_secs(60))).expect("set");
    socket.set_write_timeout(Some(Duration::from_secs(60))).expect("set");
    socket
}

/// A duplicate of a connection's socket, as bytes.
pub(crate) fn raw_of(stream: &wasi_gofer::transport::Stream) -> UnixStream {
    use rustix::fd::AsFd;
    raw(stream.as_fd().try_clone_to_owned().expect("duplicated"))
}

pub(crate) fn payload(message: &impl Encode) -> Vec<u8> {
    let mut payload = Vec::new();
    message.encode(&mut Writer::new(&mut payload, 1 << 24)).expect("it fits");
    payload
}

pub(crate) fn frame(mid: Mid, payload: &[u8]) -> Vec<u8> {
    let header = Header::new(mid, payload.len()).expect("it fits");
    [&header.to_bytes()[..], payload].concat()
}

pub(crate) fn request<R: Request>(request: &R) -> Vec<u8> {
    frame(R::MID, &payload(request))
}

/// The next frame; `None` at the end of the connection.
pub(crate) fn read_frame(peer: &mut UnixStream) -> Option<(Mid, Vec<u8>)> {
    let mut head = [0; HEADER_BYTES];
    peer.read_exact(&mut head).ok()?;
    let header = Header::from_prefix(&head).expect("a header");
    let mut payload = vec![0; header.payload() as usize];
    peer.read_exact(&mut payload).expect("a payload");
    Some((header.mid(), payload))
}

/// Sends a request's bytes, and reads the answer.
pub(crate) fn exchange(peer: &mut UnixStream, mid: Mid, payload: &[u8]) -> (Mid, Vec<u8>) {
    peer.write_all(&frame(mid, payload)).expect("sent");
    read_frame(peer).expect("an answer")
}

/// The errno of an answer, if it is a failure.
pub(crate) fn errno((mid, payload): &(Mid, Vec<u8>)) -> Option<Errno> {
    (*mid == Mid::ERROR).then(|| decode::<ErrorReply>(payload).expect("an errno").to_errno())
}
