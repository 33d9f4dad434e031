//! Any bytes as what a client sends to our server: each whole request is handled, and the rest ends the connection.

#![no_main]

use libfuzzer_sys::fuzz_target;
use smallvec::SmallVec;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use wasi_gofer::Errno;
use wasi_gofer::abi::Call;
use wasi_gofer::proto::lisafs::{AnyRequest, Encode, Writer};
use wasi_gofer::transport::Stream;
use wasi_gofer::transport::lisafs::{Incoming, Server};

/// Answers with what the request decodes to, or with an errno.
fn echo(incoming: Incoming<'_>, to: &mut Writer<'_>) -> Result<SmallVec<[OwnedFd; 2]>, Errno> {
    let request = AnyRequest::decode(incoming.mid, incoming.payload).ok_or(Errno::Opnotsupp)?;
    request.map_err(|error| error.answer())?.encode(to).map_err(|_| Errno::Overflow)?;
    Ok(SmallVec::new())
}

fuzz_target!(|data: &[u8]| {
    if data.len() > 64 * 1024 {
        return;
    }
    let (ours, mut theirs) = UnixStream::pair().expect("a pair");
    theirs.write_all(data).expect("sent");
    theirs.shutdown(Shutdown::Write).expect("shut");
    theirs.set_nonblocking(true).expect("set");
    let mut server = Server::new(Stream::new(ours.into()).expect("a stream"), 8 * 1024);
    let mut answers = [0; 16 * 1024];
    while let Ok(true) = server.serve(&Call::WAITING, echo) {
        let count = theirs.read(&mut answers).expect("an answer");
        assert!(count >= 8);
    }
});
