//! lisafs, answered: the messages of gVisor's gofer over `hostfs`.
//!
//! `session.rs` is one connection: its numbers of files, and which message is answered where. The others are the messages
//! by subject: `names.rs` walks and changes of names, `attributes.rs`, `files.rs` open files, `directories.rs` listings,
//! `sockets.rs` (`bound_socket.rs` is what a client's own is), `xattr.rs`, `changes.rs` watches; `open_file.rs` is what an
//! open file is, and `channel.rs` and `channels.rs` the further ways over which messages come.
//!
//! # Where it does more than gVisor's gofer
//!
//! A message's length is judged before memory is taken for it; an open of a pipe does not wait; an allocation of a kind
//! that there is not is an errno; a path too long for its answer is one; the birth time is told; pipes and unbound sockets
//! can be made.
//!
//! # Where it does less
//!
//! Unless the export says otherwise, there is no way to the host's sockets (`Connect`, `BindAt`: `EPERM`), as they lead
//! to whoever listens there. Nobody connects as another user (`ConnectWithCreds`: `EOPNOTSUPP`). Who makes a socket to take
//! connections gets what tells him of them, and not the socket. Devices are not opened (`EPERM`).

mod attributes;
mod bound_socket;
mod changes;
mod channel;
mod channels;
mod directories;
mod files;
mod ids;
mod names;
mod open_file;
mod session;
mod shared;
mod sockets;
mod xattr;

use super::export::Export;
use super::service::Service;
use crate::abi::{Call, Result};
use crate::transport::Stream;
use crate::transport::lisafs::Server;
use channels::EndsChannels;
use session::Session;
use shared::Shared;
use std::sync::Arc;

/// What the connections of a server have in common.
#[derive(Debug)]
pub(super) struct Lisafs {
    shared: Arc<Shared>,
}

impl Lisafs {
    pub(super) fn new(export: Export) -> Result<Lisafs> {
        Ok(Lisafs { shared: Arc::new(Shared::new(export)?) })
    }
}

impl Service for Lisafs {
    fn serve(&self, stream: Stream, hang_up: &dyn Fn()) {
        serve(&Arc::new(Session::new(Arc::clone(&self.shared))), stream, hang_up);
    }

    fn taken(&self) -> String {
        let (nodes, opens) = (self.shared.tree.count(), self.shared.opens.taken());
        format!("{nodes} nodes, {opens} open files")
    }
}

/// Answers what comes over the connection of a session, until it ends, and its channels with it.
fn serve(session: &Arc<Session>, stream: Stream, hang_up: &dyn Fn()) {
    let limit = session.shared.export.limits.max_message;
    let _ending = EndsChannels { channels: Arc::clone(&session.channels), hang_up };
    let mut server = Server::new(stream, limit);
    loop {
        match server.serve(&Call::WAITING, |incoming, to| session.answer(incoming, to)) {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                tracing::info!(%error, "a connection ends");
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::fd::AsFd;
    use rustix::net::{Shutdown, shutdown};
    use std::os::unix::net::UnixStream;

    /// A client that is told of the end by a channel alone takes it for the channel's.
    #[test]
    fn connection_that_ends_is_hung_up_before_its_channels_are_waited_for() {
        let dir = tempfile::tempdir().expect("a directory");
        let lisafs = Lisafs::new(Export::open_ambient(dir.path()).expect("a directory")).expect("serves");
        let session = Arc::new(Session::new(Arc::clone(&lisafs.shared)));
        let waker = Server::new_channel(4096).expect("a channel").server.waker().expect("a channel's");
        let (client, ours) = UnixStream::pair().expect("a pair");
        let socket = ours.try_clone().expect("duplicated");
        std::thread::scope(|scope| {
            let (session, socket) = (&session, &socket);
            let at_work = session.channels.enter(waker, 1).expect("there is room");
            let hang_up = move || shutdown(socket, Shutdown::Both).expect("connected");
            let stream = Stream::new(ours.into()).expect("a stream");
            let serving = scope.spawn(move || serve(session, stream, &hang_up));
            // As a server drains.
            shutdown(socket, Shutdown::Read).expect("connected");
            let mut ends = [PollFd::from_borrowed_fd(client.as_fd(), PollFlags::empty())];
            let patience = Timespec { tv_sec: 30, tv_nsec: 0 };
            assert_eq!(poll(&mut ends, Some(&patience)), Ok(1), "the client is not told while a channel answers");
            assert_eq!(ends[0].revents(), PollFlags::HUP);
            assert!(!serving.is_finished(), "the channel is waited for");
            drop(at_work);
            serving.join().expect("it ends with the last channel");
        });
    }
}
