//! How a stream ends, and what it waits for.

use super::bindings::ErrorCode;
use super::encode::P3;
use crate::abi::{Errno, Error, Result};
use crate::wasi::component::{Background, Version};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::oneshot;

/// What the future beside a stream resolves to.
pub(super) type Told = Result<(), ErrorCode>;

/// The end of a stream that the guest's future waits for. It is told once, in every case: a stream that is given up by
/// either side before its end did not fail.
#[derive(Debug)]
pub(super) struct Ending(Option<oneshot::Sender<Told>>);

impl Ending {
    /// An end, and what the guest's future is made of.
    pub(super) fn new() -> (Ending, oneshot::Receiver<Told>) {
        let (sender, receiver) = oneshot::channel();
        (Ending(Some(sender)), receiver)
    }

    /// Tells that everything went well.
    pub(super) fn well(&mut self) {
        self.tell(Ok(()));
    }

    /// Tells a failure.
    pub(super) fn badly(&mut self, call: &'static str, errno: Errno) {
        self.tell(Err(P3::failure(call, errno)));
    }

    fn tell(&mut self, told: Told) {
        if let Some(sender) = self.0.take() {
            // A guest that dropped its future does not want to know.
            drop(sender.send(told));
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.well();
    }
}

/// What a stream's call on a worker came to.
#[derive(Debug)]
pub(super) enum Waited<R> {
    /// An answer.
    Done(R),
    /// A failure.
    Failed(Errno),
    /// It was ended because the guest asked, and did nothing.
    Cancelled,
}

/// Polls what a stream waits for; empty afterwards, unless it still waits. With `finish` the worker is told to come to an
/// end, and waited for all the same: so a guest that cancels has no more workers than streams, and what was written is
/// counted.
pub(super) fn poll_worker<R: Send + 'static>(
    worker: &mut Option<Background<R>>,
    cx: &mut Context<'_>,
    finish: bool,
) -> Poll<Option<Waited<R>>> {
    let Some(waiting) = worker else { return Poll::Ready(None) };
    if finish {
        waiting.cancel();
    }
    let Poll::Ready(done) = Pin::new(waiting).poll(cx) else { return Poll::Pending };
    *worker = None;
    Poll::Ready(Some(match done {
        Ok(answer) => Waited::Done(answer),
        Err(Error::Errno(Errno::Canceled)) if finish => Waited::Cancelled,
        Err(error) => Waited::Failed(error.errno()),
    }))
}
