//! How the calls of a guest wait.

use crate::abi::{Call, CancelToken, Errno, Result};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::task::JoinHandle;
use wasmtime_wasi::runtime::with_ambient_tokio_runtime;

/// Where a call runs that has to wait for a backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Blocking {
    /// In the caller, whose thread it blocks: the fastest, for a guest that has its thread to itself and for backends
    /// that are as near as the host's own filesystem.
    #[default]
    Inline,
    /// On a worker, for an embedder whose executor must not be blocked. What the cache can answer still runs in the
    /// caller: a call is tried there first, and starts again on the worker if it would have to wait, with a buffer of
    /// its own. Needs the asynchronous linker; the synchronous one has no other thread to go on with and runs inline.
    HandOver,
}

/// How the calls of a guest run and wait.
#[derive(Clone, Debug)]
pub(crate) struct Conduct {
    /// A call that waits.
    pub(crate) waiting: Call,
    /// A call that answers `WouldWait`.
    trying: Call,
    pub(crate) blocking: Blocking,
}

impl Conduct {
    pub(crate) fn new(call: Call, blocking: Blocking) -> Self {
        Conduct { trying: Call { may_wait: false, ..call.clone() }, waiting: Call { may_wait: true, ..call }, blocking }
    }

    /// What a call is run with first, where calls can be handed over or not.
    #[inline]
    pub(crate) fn first(&self, can_hand_over: bool) -> &Call {
        match self.blocking {
            Blocking::HandOver if can_hand_over => &self.trying,
            Blocking::Inline | Blocking::HandOver => &self.waiting,
        }
    }
}

impl Default for Conduct {
    fn default() -> Self {
        Conduct::new(Call::WAITING, Blocking::Inline)
    }
}

/// Work on a worker. Dropping it ends its waits; what is done by then stays done.
#[derive(Debug)]
pub(crate) struct Background<R> {
    worker: JoinHandle<Result<R>>,
    cancel: CancelToken,
}

impl<R: Send + 'static> Background<R> {
    /// Runs `work` on a worker. The call that it gets is `call`, cancelled by dropping the result too.
    pub(crate) fn start(call: &Call, work: impl FnOnce(&Call) -> Result<R> + Send + 'static) -> Self {
        let cancel = call.cancel.as_ref().map_or_else(CancelToken::new, CancelToken::child);
        let call = Call { may_wait: true, deadline: call.deadline, cancel: Some(cancel.clone()) };
        let worker = with_ambient_tokio_runtime(|| tokio::task::spawn_blocking(move || work(&call)));
        Background { worker, cancel }
    }

    /// Runs `work` on a worker and leaves it to itself.
    pub(crate) fn detached(call: &Call, work: impl FnOnce(&Call) -> Result<R> + Send + 'static) {
        let call = call.clone();
        drop(with_ambient_tokio_runtime(|| tokio::task::spawn_blocking(move || work(&call))));
    }

    /// Ends its waits; awaiting it tells when it is done.
    pub(crate) fn cancel(&self) {
        self.cancel.cancel();
    }
}

impl<R> Future for Background<R> {
    type Output = Result<R>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.worker).poll(cx).map(|done| match done {
            Ok(result) => result,
            // The runtime is ending, and did not start it.
            Err(error) if error.is_cancelled() => Err(Errno::Canceled.into()),
            Err(error) => {
                tracing::error!(target: "wasi_gofer::component", %error, "a call panicked on its worker");
                Err(Errno::Io.into())
            }
        })
    }
}

impl<R> Drop for Background<R> {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

/// Runs `work` on a worker and awaits it.
pub(crate) fn hand_over<R: Send + 'static>(
    call: &Call,
    work: impl FnOnce(&Call) -> Result<R> + Send + 'static,
) -> Background<R> {
    Background::start(call, work)
}
