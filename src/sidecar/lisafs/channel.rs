//! A new channel of a connection: another way for its messages, through shared memory, answered by a thread of its own.

use super::open_file::Donation;
use super::session::{Donations, Session, write};
use crate::abi::{Call, Errno, Result};
use crate::proto::lisafs::Writer;
use crate::sidecar::service::STACK;
use crate::transport::TransportError;
use crate::transport::lisafs::Server;
use std::sync::Arc;

impl Session {
    /// A new channel. `ENOMEM` where there are as many as there may be, or where there is no memory, descriptor or thread
    /// for another, which is what gVisor's client takes for the last one.
    pub(super) fn channel(self: &Arc<Session>, to: &mut Writer<'_>) -> Result<Donations> {
        let limits = self.shared.export.limits;
        let new = Server::new_channel(limits.max_message)?;
        let waker = new.server.waker().ok_or(Errno::Nomem)?;
        let entry = self.channels.enter(waker, limits.channels).ok_or(Errno::Nomem)?;
        write(to, &new.reply)?;
        let session = Arc::clone(self);
        let thread = std::thread::Builder::new().stack_size(STACK);
        let started = thread.spawn(move || {
            serve(&session, new.server);
            // Who waits for the end of the channels finds nothing held of the connection.
            drop(session);
            drop(entry);
        });
        started.map_err(|_| Errno::Nomem)?;
        Ok(new.fds.into_iter().map(Donation::Owned).collect())
    }
}

/// Answers what comes over a channel, until it or its connection ends.
fn serve(session: &Arc<Session>, mut server: Server) {
    let cancel = session.channels.cancel.clone();
    let call = Call { cancel: Some(cancel), ..Call::WAITING };
    while !call.is_cancelled() {
        match server.serve(&call, |incoming, to| session.answer(incoming, to)) {
            Ok(true) => {}
            Ok(false) | Err(TransportError::Ended(_)) => return,
            Err(error) => {
                tracing::info!(%error, "a channel ends");
                return;
            }
        }
    }
}
