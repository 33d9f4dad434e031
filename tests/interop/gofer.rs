//! A connection to gVisor's gofer.

use crate::runsc::Runsc;
use rustix::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use wasi_gofer::abi::{Call, Error, Name};
use wasi_gofer::proto::lisafs::{FdId, Inode, Names, Request, Statx, Walk, WalkReply};
use wasi_gofer::transport::Stream;
use wasi_gofer::transport::lisafs::{Client, Mounted};

/// A directory, served by a gofer of its own.
pub(crate) struct Gofer {
    pub(crate) client: Client,
    pub(crate) root: FdId,
    runsc: Runsc,
}

impl Gofer {
    /// `None`, and a line that says so, where there is none to be started. `flags` are gVisor's own.
    pub(crate) fn start(test: &str, flags: &[&str]) -> Option<Gofer> {
        let (runsc, socket) = Runsc::start(test, flags)?;
        let mut client = Client::new(Stream::new(socket.into()).expect("a stream"));
        let mounted: Mounted = client.mount(&soon()).expect("mounted");
        Some(Gofer { client, root: mounted.root.control, runsc })
    }

    /// Where a name of the served root is on the host.
    pub(crate) fn host(&self, name: impl AsRef<Path>) -> PathBuf {
        self.runsc.root().join(name)
    }

    /// Makes a request whose answer the test does not look at.
    pub(crate) fn done<R: Request>(&mut self, request: &R) -> Result<(), Error> {
        self.client.call(&soon(), request).map(|_| ())
    }

    /// The answer to a request, turned into something that does not borrow.
    pub(crate) fn ask<R: Request, T>(&mut self, request: &R, told: impl FnOnce(R::Reply<'_>) -> T) -> Result<T, Error> {
        self.client.call(&soon(), request).map(|answer| told(answer.message))
    }

    /// As [`Gofer::ask`], with the descriptors.
    pub(crate) fn ask_with_fds<R: Request, T>(
        &mut self,
        request: &R,
        told: impl FnOnce(R::Reply<'_>) -> T,
    ) -> Result<(T, Vec<OwnedFd>), Error> {
        let answer = self.client.call(&soon(), request)?;
        Ok((told(answer.message), answer.fds.into_iter().collect()))
    }

    /// A walk from the root, which has to find everything.
    pub(crate) fn find(&mut self, path: &[&str]) -> Vec<Inode> {
        let names: Vec<Name<'_>> = path.iter().copied().map(name).collect();
        let walk = Walk { dir: self.root, names: Names::List(&names) };
        let found = self.ask(&walk, |reply: WalkReply<'_>| reply.inodes.to_vec()).expect("walked");
        assert_eq!(found.len(), path.len());
        found
    }

    /// The control file of a name in the root.
    pub(crate) fn control(&mut self, name: &str) -> FdId {
        self.find(&[name])[0].control
    }

    /// Ends the connection: the program then ends by itself, without an error.
    pub(crate) fn end(self) {
        assert_eq!(self.client.ended(), None);
        drop(self.client);
        self.runsc.end();
    }
}

/// A call that does not hold a test for ever.
pub(crate) fn soon() -> Call {
    Call { deadline: Some(Instant::now() + Duration::from_secs(60)), ..Call::WAITING }
}

pub(crate) fn name(name: &str) -> Name<'_> {
    Name::new(name.as_bytes()).expect("a name")
}

/// Compares attributes with those that the host tells.
#[track_caller]
pub(crate) fn assert_is(wire: &Statx, path: &Path) {
    use std::os::unix::fs::MetadataExt as _;
    let host = std::fs::symlink_metadata(path).expect("attributes");
    let stat = wire.to_stat().expect("attributes");
    assert_eq!((stat.key.dev, stat.key.ino, stat.nlink), (host.dev(), host.ino(), host.nlink()));
    assert_eq!((stat.uid, stat.gid, stat.size, stat.blocks), (host.uid(), host.gid(), host.size(), host.blocks()));
    assert_eq!(u32::from(wire.mode.get()), host.mode());
    let mtime = (stat.mtime.secs, i64::from(stat.mtime.nanos));
    assert_eq!(mtime, (host.mtime(), host.mtime_nsec()));
}
