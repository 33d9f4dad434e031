//! Any bytes as what a client writes into the memory of a channel: each whole request is handled, and the rest ends the
//! channel. Nothing of it waits.

#![no_main]

use libfuzzer_sys::fuzz_target;
use smallvec::SmallVec;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::time::Instant;
use wasi_gofer::Errno;
use wasi_gofer::abi::Call;
use wasi_gofer::proto::lisafs::{AnyRequest, Encode, Writer};
use wasi_gofer::transport::TransportError;
use wasi_gofer::transport::lisafs::{Incoming, NewChannel, Server};

const LIMIT: u32 = 8 * 1024;

/// Answers with what the request decodes to, or with an errno.
fn echo(incoming: Incoming<'_>, to: &mut Writer<'_>) -> Result<SmallVec<[OwnedFd; 2]>, Errno> {
    assert!(incoming.payload.len() <= LIMIT as usize);
    let request = AnyRequest::decode(incoming.mid, incoming.payload).ok_or(Errno::Opnotsupp)?;
    request.map_err(|error| error.answer())?.encode(to).map_err(|_| Errno::Overflow)?;
    Ok(SmallVec::new())
}

fn word(memory: &File, at: u64) -> u32 {
    let mut word = [0; 4];
    memory.read_exact_at(&mut word, at).expect("it is within");
    u32::from_le_bytes(word)
}

fuzz_target!(|data: &[u8]| {
    let Some((first, mut data)) = data.split_first().filter(|_| data.len() <= 16 * 1024) else { return };
    let NewChannel { mut server, fds, .. } = Server::new_channel(LIMIT).expect("a channel");
    let memory = File::from(fds.into_iter().next().expect("memory"));
    // Whoever has to wait does not.
    let call = Call { deadline: Some(Instant::now()), ..Call::WAITING };
    if first % 8 != 0 {
        memory.write_all_at(b"{}\n", 16).expect("written");
        memory.write_all_at(&3u32.to_le_bytes(), 4).expect("written");
        memory.write_all_at(&1u32.to_le_bytes(), 0).expect("written");
        assert_eq!(server.serve(&call, echo), Err(TransportError::Ended(Errno::Timedout)));
    }
    while let Some((head, rest)) = data.split_first_chunk::<4>() {
        let [state, kind, low, high] = *head;
        let (piece, rest) = rest.split_at(usize::from(low).min(rest.len()));
        data = rest;
        // Mostly the turn and a length that is so, sometimes not.
        let length = match kind {
            0..16 => u32::from(high),
            16..24 => u32::from_le_bytes([low, high, kind, state]),
            _ => u32::try_from(piece.len()).expect("short"),
        };
        memory.write_all_at(piece, 16).expect("written");
        memory.write_all_at(&length.to_le_bytes(), 4).expect("written");
        let turn = if state < 8 { u32::from(state) } else { 1 };
        memory.write_all_at(&turn.to_le_bytes(), 0).expect("written");
        match server.serve(&call, echo) {
            Ok(true) => assert!(word(&memory, 0) == 0 && word(&memory, 4) >= 4),
            Err(TransportError::Ended(_)) => {}
            Ok(false) | Err(_) => {
                assert!(server.serve(&call, echo) != Ok(true));
                return;
            }
        }
    }
});
