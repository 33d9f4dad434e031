//! Any bytes as what a server sends to our client: every request ends, with an answer or an errno.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::io::Write;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use wasi_gofer::abi::{Call, Name};
use wasi_gofer::proto::lisafs::{FStat, FdId, Getdents64, Names, OpenAt, PRead, Walk};
use wasi_gofer::transport::Stream;
use wasi_gofer::transport::lisafs::Client;

fuzz_target!(|data: &[u8]| {
    // What a socket takes while nobody reads.
    if data.len() > 64 * 1024 {
        return;
    }
    let (ours, mut theirs) = UnixStream::pair().expect("a pair");
    theirs.write_all(data).expect("sent");
    theirs.shutdown(Shutdown::Write).expect("shut");
    let mut client = Client::new(Stream::new(ours.into()).expect("a stream"));
    let (call, fd) = (&Call::WAITING, FdId::new(1));
    let names = [Name::new(b"a").expect("a name")];
    let _ = client.mount(call);
    // As long as the bytes last, and once more.
    for _ in 0..64 {
        let done = client.ended().is_some();
        let _ = client.call(call, &Walk { dir: fd, names: Names::List(&names) });
        let _ = client.call(call, &FStat { fd }).map(|answer| answer.message.to_stat());
        let _ = client.call(call, &OpenAt { fd, flags: 0 });
        let _ = client.call(call, &PRead { offset: 0, fd, count: 100 }).map(|answer| answer.message.data.len());
        let _ = client.call(call, &Getdents64 { fd, count: 4096 }).map(|answer| answer.message.iter().count());
        if done {
            break;
        }
    }
    drop(client.take_orphans());
});
