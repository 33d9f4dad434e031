//! Bytes that were recorded between gVisor's own programs, as our server answers them.

use crate::overlayfs::is_overlay_that_lacks;
use crate::subject::Here;
use crate::wire::{raw, read_frame};
use std::io::Write;
use std::os::unix::net::UnixStream;
use wasi_gofer::proto::lisafs::{HEADER_BYTES, Header, Mid};
use wasi_gofer::transport::Stream;

/// The bytes of a text of hexadecimal digits.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let digit = |d: u8| (d as char).to_digit(16).expect("a digit");
    digits.chunks(2).map(|pair| u8::try_from(digit(pair[0]) << 4 | digit(pair[1])).expect("two digits")).collect()
}

/// The whole answer to these bytes.
fn answer(peer: &mut UnixStream, bytes: &str) -> Vec<u8> {
    peer.write_all(&hex(bytes)).expect("sent");
    let (mid, payload) = read_frame(peer).expect("an answer");
    let header: [u8; HEADER_BYTES] = Header::new(mid, payload.len()).expect("it fits").to_bytes();
    [&header[..], &payload].concat()
}

#[test]
fn recorded_requests_in_their_order_get_the_recorded_answers() {
    let here = Here::new();
    if is_overlay_that_lacks(here.dir.path(), "birth times") {
        return;
    }
    std::fs::write(here.dir.path().join("hello"), "hello world\n").expect("written");
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    here.server.serve(Stream::new(theirs.into()).expect("a stream")).expect("served");
    let mut peer = raw(ours);

    let mount = answer(&mut peer, "00000000 0100 0000");
    // The root is file 1; the mask has the birth time beside the recorded 0x7ff; then what is taken, and the messages.
    assert_eq!(mount[4..20], hex("0100 0000 | 0100000000000000 ff0f0000")[..]);
    assert_eq!(mount[160..164], hex("00f01f00")[..]);
    let count = usize::from(u16::from_le_bytes([mount[164], mount[165]]));
    assert_eq!(mount.len(), 8 + 152 + 4 + 2 + 2 * count);
    assert_eq!(mount[166..168], hex("0100")[..]);

    let walk = answer(&mut peer, "11000000 0500 0000 | 0100000000000000 0100 0500 68656c6c6f");
    assert_eq!(walk[..23], hex("9b000000 0500 0000 | 00 0100 | 0200000000000000 ff0f0000")[..]);
    assert_eq!(walk.len(), 8 + 0x9b);

    let open = answer(&mut peer, "10000000 0700 0000 | 0200000000000000 00000000 00000000");
    assert_eq!(open, hex("08000000 0700 0000 | 0300000000000000"));

    let read = answer(&mut peer, "18000000 0c00 0000 | 0000000000000000 0300000000000000 64000000 00000000");
    assert_eq!(read, [hex("14000000 0c00 0000 | 0c00000000000000"), b"hello world\n".to_vec()].concat());

    let close = answer(&mut peer, "0a000000 0900 0000 | 0100 0300000000000000");
    assert_eq!(close, hex("00000000 0900 0000"));

    // What was closed is EBADF from then on, of an unknown message EOPNOTSUPP, of a failure as a request EINVAL.
    let error = |errno: u32| [&hex("04000000 0000 0000")[..], &errno.to_le_bytes()].concat();
    let read = "18000000 0c00 0000 | 0000000000000000 0300000000000000 64000000 00000000";
    assert_eq!(answer(&mut peer, read), error(9));
    assert_eq!(answer(&mut peer, "00000000 ffff 0000"), error(95));
    assert_eq!(answer(&mut peer, "04000000 0000 0000 | 01000000"), error(22));
}

#[test]
fn requests_in_one_write_are_answered_in_their_order() {
    let here = Here::new();
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    here.server.serve(Stream::new(theirs.into()).expect("a stream")).expect("served");
    let mut peer = raw(ours);
    peer.write_all(&hex("00000000 0100 0000").repeat(64)).expect("sent");
    for id in 1..=64u64 {
        let (mid, payload) = read_frame(&mut peer).expect("an answer");
        assert_eq!((mid, &payload[..8]), (Mid::MOUNT, &id.to_le_bytes()[..]));
    }
}
