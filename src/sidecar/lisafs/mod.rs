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
    fn serve(&self, stream: Stream) {
        let limit = self.shared.export.limits.max_message;
        let session = Arc::new(Session::new(Arc::clone(&self.shared)));
        let _ending = EndsChannels(Arc::clone(&session.channels));
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

    fn taken(&self) -> String {
        let (nodes, opens) = (self.shared.tree.count(), self.shared.opens.taken());
        format!("{nodes} nodes, {opens} open files")
    }
}
