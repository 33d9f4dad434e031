//! The way to the server: its socket, and channels of shared memory beside it.
//!
//! Whoever asks does so through [`Connection::ask`]; how the request travels is this file's alone. A channel that is free
//! is taken where there is one, else the socket, else it waits.

use super::LisaFsOptions;
use super::counts::RpcCounts;
use super::numbers::{BATCH, Doomed, Number};
use crate::abi::{Call, Errno, Error, Result};
use crate::proto::lisafs::{Close, FdId, Inode, Mid, Offered, Request};
use crate::sync::monotonic;
use crate::transport::lisafs::{Client, Connections};
use parking_lot::{Mutex, MutexGuard};
use rustix::fd::OwnedFd;
use smallvec::SmallVec;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often a waiter looks whether its call has ended.
pub(super) const CALL_CHECK: Duration = Duration::from_millis(50);

/// The descriptors that came with an answer.
pub(super) type Fds = SmallVec<[OwnedFd; 2]>;

/// A connection to a server that is mounted.
pub(super) struct Connection {
    ways: Connections,
    offered: Offered,
    limit: usize,
    timeout: Duration,
    counts: Arc<RpcCounts>,
    doomed: Arc<Doomed>,
    ended: AtomicBool,
    /// Whether another one is made when this one has ended.
    has_next: bool,
}

/// The failure of a request, with what its answer gave all the same: an answer came whose descriptors found no room in
/// this process.
pub(super) struct Failed {
    pub(super) error: Error,
    pub(super) orphans: Vec<Number>,
    /// Whether something of the request went to the server.
    begun: bool,
}

impl Connection {
    /// Asks for the root. Requests are counted in `counts`, which those of the next connection are too if it `has_next`.
    pub(super) fn mount(
        call: &Call,
        client: Client,
        options: &LisaFsOptions,
        (counts, has_next): (Arc<RpcCounts>, bool),
    ) -> Result<(Connection, Inode)> {
        counts.add(Mid::MOUNT);
        let ways = Connections::new(client);
        let call = within(call, options.timeout);
        let mounted = ways.mount(&call)?;
        if ways.offers(Mid::CHANNEL) {
            let before = ways.channels();
            let opened = ways.open_channels(&call, options.channels).saturating_sub(before);
            (0..opened).for_each(|_| counts.add(Mid::CHANNEL));
        }
        let connection = Connection {
            limit: ways.limit(),
            offered: ways.offered(),
            ways,
            timeout: options.timeout,
            counts,
            doomed: Arc::default(),
            ended: AtomicBool::new(false),
            has_next,
        };
        Ok((connection, mounted.root))
    }

    /// Whether the server said that it knows this message.
    pub(super) fn offers(&self, mid: Mid) -> bool {
        self.offered.has(mid)
    }

    /// The largest payload of a message, in bytes.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    pub(super) fn counts(&self) -> &Arc<RpcCounts> {
        &self.counts
    }

    pub(super) fn doomed(&self) -> &Arc<Doomed> {
        &self.doomed
    }

    /// Takes over a number of a file.
    pub(super) fn own(&self, id: FdId) -> Number {
        Number::new(id, &self.doomed)
    }

    /// Makes a request, and has `told` make of its answer what is wanted. `told` runs while others wait for the
    /// connection, and makes no request.
    ///
    /// # Errors
    ///
    /// [`Error::WouldWait`] for a call that may not wait, before anything else; the server's errno; `EIO` for an answer
    /// that is none and once the connection ended ([`Error::Unbound`] where nothing was sent and there is a next one);
    /// `ETIMEDOUT` and `ECANCELED` when the call ends first, or the time
    /// for a request.
    pub(super) fn ask<R: Request, T>(
        &self,
        call: &Call,
        request: &R,
        told: impl FnOnce(R::Reply<'_>, Fds) -> Result<T>,
    ) -> Result<T> {
        self.ask_with(call, request, &[], told).map_err(|failed| failed.error)
    }

    /// As [`Connection::ask`], with bytes that follow the request's own, and a failure that says what there is to undo.
    pub(super) fn ask_with<R: Request, T>(
        &self,
        call: &Call,
        request: &R,
        tail: &[u8],
        told: impl FnOnce(R::Reply<'_>, Fds) -> Result<T>,
    ) -> Result<T, Failed> {
        if !call.may_wait {
            return Err(Error::WouldWait.into());
        }
        // Closing and asking together have the time of one request.
        let call = within(call, self.timeout);
        self.close(&call)?;
        self.exchange(&call, request, tail, told)
    }

    /// Closes what nobody uses any more, if there is enough of it or it is time, and the call may wait.
    pub(super) fn close_due(&self, call: &Call) {
        if call.may_wait {
            // Nobody waits for it, and what was not closed is still in the list.
            let _ = self.close(&within(call, self.timeout));
        }
    }

    /// What goes wrong is no matter of the call that happens to close, unless the connection is over.
    fn close(&self, call: &Call) -> Result<()> {
        while let Some(ids) = self.doomed.due() {
            // Once it is sent it is the server's matter, whatever comes of it: else one that refuses each would have the list
            // grow with every answer.
            if let Err(Failed { error, begun, .. }) = self.exchange(call, &Close { fds: &ids }, &[], |(), _| Ok(())) {
                if !begun {
                    self.doomed.push(&ids);
                }
                if self.is_over() {
                    return Err(error);
                }
                if !begun {
                    return Ok(());
                }
            }
            if ids.len() < BATCH {
                break;
            }
        }
        Ok(())
    }

    fn exchange<R: Request, T>(
        &self,
        call: &Call,
        request: &R,
        tail: &[u8],
        told: impl FnOnce(R::Reply<'_>, Fds) -> Result<T>,
    ) -> Result<T, Failed> {
        if self.is_over() {
            return Err(self.unsent().into());
        }
        let mut told = Some(told);
        let asked = self.ways.with(call, |client| {
            let answer = client.call_with(call, request, tail);
            let outcome = answer.and_then(|answer| match told.take() {
                Some(told) => told(answer.message, answer.fds),
                None => Err(Errno::Io.into()),
            });
            if client.has_begun() {
                self.counts.add(R::MID);
            }
            (outcome, client.has_begun(), client.take_orphans())
        });
        let (outcome, begun, orphans) = asked?;
        let orphans: Vec<Number> = orphans.into_iter().map(|id| self.own(id)).collect();
        let ended = self.ways.ended();
        if let Some(reason) = ended
            && !self.ended.swap(true, Ordering::AcqRel)
        {
            tracing::warn!(target: "wasi_gofer::lisafs", %reason, "the connection to the server ended");
            self.doomed.end();
        }
        outcome.map_err(|error| {
            let unsent = !begun && self.is_over() && error.is(Errno::Io);
            Failed { error: if unsent { self.unsent() } else { errno_of(error) }, orphans, begun }
        })
    }

    /// The failure of a request of which nothing was sent, as the connection is over: where there is a next one it is to be
    /// made over that.
    fn unsent(&self) -> Error {
        if self.has_next { Error::Unbound } else { Errno::Io.into() }
    }

    /// Whether the connection ended.
    pub(super) fn is_over(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Failed {
        Failed { error, orphans: Vec::new(), begun: false }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("ended", &self.is_over()).field("requests", &self.counts.total()).finish()
    }
}

/// `call` with no more than `patience` from now.
fn within(call: &Call, patience: Duration) -> Call {
    let latest = monotonic().checked_add(patience);
    let deadline = match (call.deadline, latest) {
        (Some(own), Some(latest)) => Some(own.min(latest)),
        (own, latest) => own.or(latest),
    };
    Call { deadline, ..call.clone() }
}

/// Takes a lock within a call that may wait: `ETIMEDOUT` and `ECANCELED` when it ends first.
pub(super) fn lock<'a, T>(call: &Call, mutex: &'a Mutex<T>) -> Result<MutexGuard<'a, T>> {
    if let Some(guard) = mutex.try_lock() {
        return Ok(guard);
    }
    loop {
        call.goes_on(monotonic)?;
        let left = call.deadline.map_or(CALL_CHECK, |deadline| deadline.saturating_duration_since(monotonic()));
        if let Some(guard) = mutex.try_lock_for(left.min(CALL_CHECK)) {
            return Ok(guard);
        }
    }
}

/// The failure of what is not made again over the next connection: that one request of it was not sent says nothing of the
/// others.
pub(super) fn for_good(error: Error) -> Error {
    if matches!(error, Error::Unbound) { Errno::Io.into() } else { error }
}

/// An error as it goes on. What a server may not answer with is `EIO`: a number of a file that it gave out itself and
/// knows no more.
fn errno_of(error: Error) -> Error {
    match error {
        Error::Errno(Errno::Badf) => Error::Errno(Errno::Io),
        other => other,
    }
}
