//! Channels: messages over shared memory.

use crate::gofer::{Gofer, name, soon};
use rustix::fs::{SealFlags, fcntl_get_seals};
use std::os::unix::fs::FileExt as _;
use wasi_gofer::abi::{Errno, Mode, OpenFlags};
use wasi_gofer::proto::lisafs::*;
use wasi_gofer::transport::lisafs::{Client, Connections};

/// The gofer, and a channel of it.
fn with_channel(test: &str) -> Option<(Gofer, Client)> {
    let mut gofer = Gofer::start(test, &[])?;
    let channel = gofer.client.open_channel(&soon()).expect("a channel");
    Some((gofer, channel))
}

#[test]
fn memory_of_a_channel_is_sealed_against_being_cut_off() {
    let Some(mut gofer) = Gofer::start("seals", &[]) else { return };
    let (reply, fds) = gofer.ask_with_fds(&Channel {}, |reply| reply).expect("a channel");
    assert_eq!((reply.offset, reply.length, fds.len()), (0, 2 << 20, 2));
    let seals = fcntl_get_seals(&fds[0]).expect("it is memory");
    assert!(seals.contains(SealFlags::SHRINK | SealFlags::SEAL), "{seals:?}");
    gofer.end();
}

#[test]
fn channel_answers_what_the_socket_answers_and_refers_to_the_same_files() {
    let Some((mut gofer, mut channel)) = with_channel("channel") else { return };
    std::fs::create_dir(gofer.host("dir")).expect("made");
    std::fs::write(gofer.host("dir/file"), "hello world\n").expect("written");
    let names = [name("dir"), name("file")];
    let walk = Walk { dir: gofer.root, names: Names::List(&names) };
    let found = channel.call(&soon(), &walk).expect("walked").message.inodes.to_vec();
    assert_eq!(found.len(), 2);
    let fd = found[1].control;
    let over_socket = gofer.ask(&FStat { fd }, |stat| *stat).expect("attributes");
    assert_eq!(*channel.call(&soon(), &FStat { fd }).expect("attributes").message, over_socket);
    // A descriptor comes over the channel's own socket.
    let open = OpenAt { fd, flags: open_bits(OpenFlags::READ) };
    let opened = channel.call(&soon(), &open).expect("opened");
    let (open_fd, fds) = (opened.message.fd, opened.fds);
    let [donated] = <[_; 1]>::try_from(fds.into_iter().collect::<Vec<_>>()).expect("one descriptor");
    let mut bytes = [0; 100];
    let count = std::fs::File::from(donated).read_at(&mut bytes, 6).expect("read");
    let read = channel.call(&soon(), &PRead { offset: 6, fd: open_fd, count: 100 }).expect("read");
    assert_eq!((read.message.data, &bytes[..count]), (&b"world\n"[..], &b"world\n"[..]));
    assert_eq!(channel.call(&soon(), &FStat { fd: FdId::new(12_345) }).err(), Some(Errno::Badf.into()));
    channel.call(&soon(), &Close { fds: &[open_fd, fd] }).expect("closed");
    assert_eq!(gofer.done(&FStat { fd }), Err(Errno::Badf.into()));
    for _ in 0..1000 {
        channel.call(&soon(), &FStat { fd: gofer.root }).expect("attributes");
    }
    drop(channel);
    gofer.end();
}

#[test]
fn channel_carries_the_largest_messages_there_are() {
    let Some((gofer, mut channel)) = with_channel("large messages") else { return };
    let common = CreateCommon::new(gofer.root, None, Mode::new(0o600));
    let flags = open_bits(OpenFlags::READ | OpenFlags::WRITE);
    let create = OpenCreateAt { common, flags, name: name("new") };
    let made = channel.call(&soon(), &create).expect("made");
    let (fd, fds) = (made.message.fd, made.fds.len());
    assert_eq!(fds, 1);
    let data: Vec<u8> = (0u32..).flat_map(u32::to_le_bytes).take(channel.limit() - 20).collect();
    let head = PWriteHead { offset: 0, fd, count: u32::try_from(data.len()).expect("it fits") };
    assert_eq!(channel.call_with(&soon(), &head, &data).expect("written").message.count, data.len() as u64);
    assert!(std::fs::read(gofer.host("new")).expect("read") == data);
    let read = channel.call(&soon(), &PRead { offset: 0, fd, count: head.count }).expect("read");
    assert!(read.message.data == data);
    drop(channel);
    gofer.end();
}

#[test]
fn connections_have_as_many_channels_as_the_server_gives_and_serve_many_threads() {
    let Some(mut gofer) = Gofer::start("connections", &[]) else { return };
    let (ours, _) = std::os::unix::net::UnixStream::pair().expect("a pair");
    let placeholder = Client::new(wasi_gofer::transport::Stream::new(ours.into()).expect("a stream"));
    let connections = Connections::new(std::mem::replace(&mut gofer.client, placeholder));
    // As many as there are processors, within these bounds. What it takes for one is not what we do: a share of the
    // time, which is what a container has, it does not count.
    let opened = connections.open_channels(&soon(), 16);
    assert!((2..=4).contains(&opened), "{opened}");
    std::thread::scope(|scope| {
        for index in 0..8 {
            let (connections, root) = (&connections, gofer.root);
            scope.spawn(move || {
                let name = format!("dir-{index}");
                let common = CreateCommon::new(root, None, Mode::new(0o700));
                let mkdir = MkdirAt { common, name: crate::gofer::name(&name) };
                let made = connections.call(&soon(), &mkdir, &[], |answer| answer.message.control).expect("made");
                for _ in 0..200 {
                    let mode = connections.call(&soon(), &FStat { fd: made }, &[], |stat| stat.message.mode.get());
                    assert_eq!(mode, Ok(0o40_700));
                }
            });
        }
    });
    assert_eq!(std::fs::read_dir(gofer.host(".")).expect("listed").count(), 8);
    assert_eq!((connections.ended(), connections.channels()), (None, opened));
    drop(connections);
    gofer.end();
}
