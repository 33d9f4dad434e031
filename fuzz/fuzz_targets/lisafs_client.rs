//! Any bytes as what a server sends to our client: every request ends, with an answer or an errno.
//!
//! The first byte says whether the others are the stream itself, or pieces of which each is put into a frame with the
//! number that the client waits for: random bytes alone would seldom get behind the first header.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use wasi_gofer::abi::{Call, Error, Name};
use wasi_gofer::proto::lisafs::{
    AddWatch, BindAt, ChangeQueue, CreateCommon, FListXattr, FStat, FdId, Getdents64, Header, Mid, Mount, Names,
    OpenAt, OpenCreateAt, PRead, ReadDirStat, Request, SetStatRequest, StatPath, Walk, WalkStat,
};
use wasi_gofer::transport::Stream;
use wasi_gofer::transport::lisafs::Client;

/// The server's side: what is left of the input, and where it goes.
struct Script<'d> {
    data: &'d [u8],
    framed: bool,
    socket: UnixStream,
}

impl Script<'_> {
    /// Sends the next piece, as the answer to a request with this number.
    fn answer(&mut self, mid: Mid) {
        // Else the requests would fill the socket.
        let _ = self.socket.read(&mut [0; 64 * 1024]);
        if !self.framed {
            return;
        }
        let Some((head, rest)) = self.data.split_first_chunk::<3>() else {
            let _ = self.socket.shutdown(Shutdown::Write);
            return;
        };
        let [kind, low, high] = *head;
        let (payload, rest) = rest.split_at(usize::from(u16::from_le_bytes([low, high])).min(rest.len()));
        self.data = rest;
        // Mostly what is waited for and as long as it says, sometimes not.
        let mid = match kind {
            0..16 => Mid::ERROR,
            16..24 => Mid(kind.into()),
            _ => mid,
        };
        let length = if kind == 255 { payload.len() + 1 } else { payload.len() };
        let header = Header::new(mid, length).expect("it can be told");
        // A client that ended the connection does not read any more.
        let _ = self.socket.write_all(&[&header.to_bytes()[..], payload].concat());
        if kind == 255 {
            self.data = &[];
            let _ = self.socket.shutdown(Shutdown::Write);
        }
    }
}

fn ask<R: Request>(client: &mut Client, script: &mut Script<'_>, request: &R, look: impl FnOnce(R::Reply<'_>)) {
    script.answer(R::MID);
    match client.call(&Call::WAITING, request) {
        Ok(answer) => {
            assert!(answer.fds.is_empty());
            look(answer.message);
        }
        Err(error) => assert!(matches!(error, Error::Errno(_))),
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((first, data)) = input.split_first().filter(|_| input.len() <= 16 * 1024) else { return };
    let (ours, mut socket) = UnixStream::pair().expect("a pair");
    let framed = first % 4 != 0;
    if !framed {
        socket.write_all(data).expect("sent");
        socket.shutdown(Shutdown::Write).expect("shut");
    }
    socket.set_nonblocking(true).expect("set");
    let mut script = Script { data, framed, socket };
    let mut client = Client::new(Stream::new(ours.into()).expect("a stream"));
    script.answer(Mount::MID);
    let _ = client.mount(&Call::WAITING);
    let fd = FdId::new(1);
    let name = Name::new(b"a").expect("a name");
    let list = [name, name];
    let names = Names::List(&list);
    let common = CreateCommon { dir: fd, uid: 0, gid: 0, mode: 0 };
    // As long as the bytes last.
    while client.ended().is_none() {
        let (client, script) = (&mut client, &mut script);
        ask(client, script, &Walk { dir: fd, names }, |walk| {
            let _ = walk.inodes.iter().map(|inode| inode.stat.to_stat()).collect::<Vec<_>>();
        });
        ask(client, script, &WalkStat { dir: fd, path: StatPath { with_start: true, names } }, |_| ());
        ask(client, script, &FStat { fd }, |stat| _ = stat.to_stat());
        ask(client, script, &SetStatRequest::new(fd, &Default::default()), |reply| _ = reply.to_report());
        ask(client, script, &OpenAt { fd, flags: 0 }, |_| ());
        ask(client, script, &OpenCreateAt { common, flags: 0, name }, |_| ());
        ask(client, script, &PRead { offset: 0, fd, count: 100 }, |read| assert!(read.data.len() <= 16 * 1024));
        ask(client, script, &Getdents64 { fd, count: 4096 }, |list| assert_eq!(list.iter().count(), list.len()));
        ask(client, script, &ReadDirStat { fd, count: 4096 }, |list| assert_eq!(list.iter().count(), list.len()));
        ask(client, script, &ChangeQueue {}, |_| ());
        ask(client, script, &AddWatch { queue: fd, dir: fd }, |_| ());
        ask(client, script, &FListXattr { fd, size: 0 }, |list| assert_eq!(list.iter().count(), list.len()));
        ask(client, script, &BindAt { common, socket_type: 1, name }, |_| ());
    }
    drop(client.take_orphans());
});
