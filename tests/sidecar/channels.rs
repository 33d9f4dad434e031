//! Channels of a connection: the same messages, over shared memory.

use crate::gofer::soon;
use crate::subject::{Here, Program, Subject, eventually, mounted, start};
use std::os::unix::fs::FileExt;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use wasi_gofer::abi::{Errno, Mode, OpenFlags};
use wasi_gofer::proto::lisafs::*;
use wasi_gofer::transport::Stream;
use wasi_gofer::transport::lisafs::{Client, Connections};

/// The channels that a connection has from the start, before anybody made one.
fn channels(client: &mut Client, most: usize) -> Vec<Client> {
    (0..most).map(|_| client.open_channel(&soon()).expect("a channel")).collect()
}

#[test]
fn channels_refer_to_the_files_of_their_connection_and_hand_out_descriptors() {
    let mut here = Here::new();
    std::fs::write(here.host("file"), "hello world\n").expect("written");
    let mut channels = channels(&mut here.client, 2);
    let names = [crate::gofer::name("file")];
    let walk = Walk { dir: here.root, names: Names::List(&names) };
    let fd = channels[0].call(&soon(), &walk).expect("walked").message.inodes[0].control;
    let open = OpenAt { fd, flags: open_bits(OpenFlags::READ) };
    let opened = channels[1].call(&soon(), &open).expect("opened");
    let (open_fd, fds) = (opened.message.fd, opened.fds);
    let [donated] = <[_; 1]>::try_from(fds.into_iter().collect::<Vec<_>>()).expect("one descriptor");
    let mut bytes = [0; 5];
    std::fs::File::from(donated).read_exact_at(&mut bytes, 6).expect("read");
    assert_eq!(&bytes, b"world");
    let read = here.ask(&PRead { offset: 6, fd: open_fd, count: 100 }, |reply| reply.data.to_vec());
    assert_eq!(read, Ok(b"world\n".to_vec()));
    channels[0].call(&soon(), &Close { fds: &[open_fd, fd] }).expect("closed");
    assert_eq!(here.done(&FStat { fd }), Err(Errno::Badf.into()));
    drop(channels);
    here.finish();
}

#[test]
fn channels_over_their_number_are_no_memory_until_one_ends() {
    let mut here = Here::limited(|limits| limits.channels = 2);
    let mut opened = channels(&mut here.client, 2);
    for _ in 0..3 {
        assert_eq!(here.client.open_channel(&soon()).err(), Some(Errno::Nomem.into()));
    }
    opened.pop();
    eventually("the end of a channel", || {
        let another = here.client.open_channel(&soon());
        another.map(|channel| opened.push(channel)).is_ok()
    });
    // Another connection has its own.
    let (mut other, root) = here.another();
    let mut of_other = channels(&mut other, 2);
    assert!(of_other[1].call(&soon(), &FStat { fd: root }).is_ok());
    drop((opened, other, of_other));
    here.finish();
}

#[test]
fn channels_end_with_their_connection() {
    let here = Here::limited(|limits| limits.channels = 2);
    let Here { mut client, root, server, dir } = here;
    let mut opened = channels(&mut client, 2);
    assert!(opened[0].call(&soon(), &FStat { fd: root }).is_ok());
    drop(client);
    eventually("the end of the connection", || server.connections() == 0);
    for channel in &mut opened {
        assert_eq!(channel.call(&soon(), &FStat { fd: root }).err(), Some(Errno::Io.into()));
    }
    assert_eq!(server.taken(), "0 nodes, 0 open files");
    drop(dir);
}

#[test]
fn drain_ends_channels_behind_the_requests_that_came() {
    let mut here = Here::new();
    let mut channel = here.client.open_channel(&soon()).expect("a channel");
    let (server, root) = (&here.server, here.root);
    let is_answered = &AtomicBool::new(false);
    std::thread::scope(|scope| {
        let asking = scope.spawn(move || {
            while channel.call(&soon(), &FStat { fd: root }).is_ok() {
                is_answered.store(true, Ordering::Relaxed);
            }
            channel.ended().is_some()
        });
        eventually("a first answer", || is_answered.load(Ordering::Relaxed));
        assert_eq!(server.drain(Duration::from_secs(60)), 0);
        assert!(asking.join().expect("it ends"));
    });
    assert_eq!(here.server.connections(), 0);
}

#[test]
fn one_channel_that_is_poisoned_leaves_the_connection_and_the_others() {
    let mut here = Here::new();
    let mut good = here.client.open_channel(&soon()).expect("a channel");
    let answer = here.client.call(&soon(), &Channel {}).expect("a channel");
    let (length, fds) = (answer.message.length, answer.fds);
    // Nothing but a hello may be passed first.
    let memory = std::fs::File::from(fds[0].try_clone().expect("duplicated"));
    memory.write_all_at(&100u32.to_le_bytes(), 4).expect("written");
    memory.write_all_at(&1u32.to_le_bytes(), 0).expect("written");
    assert_eq!(memory.metadata().expect("memory").len(), length);
    let mut word = [0; 4];
    eventually("the end of the channel", || {
        memory.read_exact_at(&mut word, 0).expect("read");
        u32::from_le_bytes(word) == 2
    });
    assert!(good.call(&soon(), &FStat { fd: here.root }).is_ok());
    let root = here.root;
    assert!(here.done(&FStat { fd: root }).is_ok());
    drop((good, memory, fds));
    here.finish();
}

#[test]
fn many_threads_make_and_list_over_the_channels_of_the_program_in_its_jail() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut child, socket) = start(dir.path(), &[], Stdio::null());
    let (client, root) = mounted(Stream::new(socket.into()).expect("a stream"));
    let connections = Connections::new(client);
    let most = std::thread::available_parallelism().expect("told").get().clamp(2, 4);
    assert_eq!(connections.open_channels(&soon(), 16), most);
    std::thread::scope(|scope| {
        for index in 0..6 {
            let connections = &connections;
            scope.spawn(move || {
                let name = format!("dir-{index}");
                let common = CreateCommon::new(root, None, Mode::new(0o700));
                let mkdir = MkdirAt { common, name: crate::gofer::name(&name) };
                let made = connections.call(&soon(), &mkdir, &[], |answer| answer.message.control).expect("made");
                for _ in 0..100 {
                    let mode = connections.call(&soon(), &FStat { fd: made }, &[], |stat| stat.message.mode.get());
                    assert_eq!(mode, Ok(0o40_700));
                }
            });
        }
    });
    assert_eq!(std::fs::read_dir(dir.path()).expect("listed").count(), 6);
    assert_eq!((connections.ended(), connections.channels()), (None, most));
    drop(connections);
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn idle_channels_of_the_program_in_its_jail_stay() {
    let mut program = Program::with(&[]);
    let mut channel = program.client.open_channel(&soon()).expect("a channel");
    // Its thread has looked by then whether the client is still there.
    std::thread::sleep(Duration::from_millis(200));
    assert!(channel.call(&soon(), &FStat { fd: program.root }).is_ok());
    drop(channel);
    program.finish();
}

#[test]
fn connections_that_nobody_mounted_have_channels_too() {
    let here = Here::new();
    let mut unmounted = Client::new(here.server.connect().expect("connected"));
    // Its window has room for the server's largest messages, and more is not what this client takes.
    let mut channel = unmounted.open_channel(&soon()).expect("a channel");
    let root = channel.mount(&soon()).expect("mounted").root.control;
    assert!(unmounted.call(&soon(), &FStat { fd: root }).is_ok());
    drop((channel, unmounted));
    let (client, _) = mounted(here.server.connect().expect("connected"));
    drop(client);
    here.finish();
}
