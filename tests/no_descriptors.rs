//! A process that has no descriptor left: what a server donates is lost, and nothing else. A test alone in its process,
//! since the limit is the process's.

use rustix::fd::{AsFd, OwnedFd};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use smallvec::SmallVec;
use std::os::unix::net::UnixStream;
use wasi_gofer::Errno;
use wasi_gofer::abi::Call;
use wasi_gofer::proto::lisafs::{Encode, FStat, FdId, OpenAt, OpenReply, Statx, Writer};
use wasi_gofer::transport::Stream;
use wasi_gofer::transport::lisafs::{Client, Incoming, Server};

#[test]
fn open_whose_descriptor_finds_no_room_is_mfile_and_the_connection_goes_on() {
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    let file: OwnedFd = std::fs::File::open("/dev/null").expect("open").into();
    let mut server = Server::new(Stream::new(theirs.into()).expect("a stream"), 1 << 16);
    let serving = std::thread::spawn(move || {
        let open = |number| {
            let file = file.as_fd();
            move |_: Incoming<'_>, to: &mut Writer<'_>| {
                OpenReply { fd: FdId::new(number) }.encode(to).map_err(|_| Errno::Overflow)?;
                Ok(SmallVec::<[_; 2]>::from_slice(&[file]))
            }
        };
        let stat = |_: Incoming<'_>, to: &mut Writer<'_>| {
            (&Statx::default()).encode(to).map_err(|_| Errno::Overflow)?;
            Ok(SmallVec::<[OwnedFd; 2]>::new())
        };
        server.serve(&Call::WAITING, open(5)).expect("served");
        server.serve(&Call::WAITING, stat).expect("served");
        server.serve(&Call::WAITING, open(6)).expect("served");
    });
    let mut client = Client::new(Stream::new(ours.into()).expect("a stream"));
    let before = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(0), maximum: before.maximum }).expect("lowered");
    let open = OpenAt { fd: FdId::new(1), flags: 0 };
    let opened = client.call(&Call::WAITING, &open).map(|answer| answer.fds.len());
    let told = client.call(&Call::WAITING, &FStat { fd: FdId::new(1) }).map(|answer| *answer.message);
    setrlimit(Resource::Nofile, before).expect("raised");
    assert_eq!(opened, Err(Errno::Mfile.into()));
    assert_eq!((told, client.ended()), (Ok(Statx::default()), None));
    assert_eq!(client.take_orphans(), [FdId::new(5)], "the open file is to be closed");
    assert_eq!(client.call(&Call::WAITING, &open).map(|answer| answer.fds.len()), Ok(1));
    serving.join().expect("served");
}
