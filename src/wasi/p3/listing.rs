//! `read-directory`: a directory as a stream of entries.

use super::bindings::DirectoryEntry;
use super::encode::directory_entry;
use super::outcome::{Ending, Waited, poll_worker};
use crate::abi::{Call, Errno, Error, Result};
use crate::wasi::component::{self, Background, Blocking, DirectoryEntries};
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use wasmtime::StoreContextMut;
use wasmtime::component::{Destination, StreamProducer, StreamResult, VecBuffer};

pub(super) const LIST: &str = "[method]descriptor.read-directory";

/// Most entries that go to the guest at once, and about how many bytes of names.
const ENTRIES_MAX: usize = 1024;
const NAMES_MAX: usize = 64 * 1024;

/// Entries, and whether they are the last.
type Batch = (Vec<component::DirectoryEntry>, bool);

/// The entries of a directory, as many at once as the guest has room for. It keeps the directory open, with a place of
/// its own among what the guest has open.
#[derive(Debug)]
pub(super) struct Lister {
    entries: DirectoryEntries,
    ending: Ending,
    /// A listing that waits.
    worker: Option<Background<Batch>>,
    /// What it brought, of which a part may have been taken.
    ready: VecDeque<component::DirectoryEntry>,
    /// Whether nothing comes behind that.
    end: bool,
}

fn batch(entries: &DirectoryEntries, call: &Call, count: usize) -> Result<Batch> {
    entries.batch(call, count.min(ENTRIES_MAX), NAMES_MAX)
}

impl Lister {
    pub(super) fn new(entries: DirectoryEntries, ending: Ending) -> Self {
        Lister { entries, ending, worker: None, ready: VecDeque::new(), end: false }
    }

    fn fail(&mut self, errno: Errno) -> StreamResult {
        self.ending.badly(LIST, errno);
        StreamResult::Dropped
    }

    /// How an operation ends whose entries were taken.
    fn go_on(&mut self) -> StreamResult {
        if self.end && self.ready.is_empty() {
            self.ending.well();
            return StreamResult::Dropped;
        }
        StreamResult::Completed
    }

    /// Waits for the worker, if there is one; how the stream's operation ends, unless with what is `ready` now.
    fn wait(&mut self, cx: &mut Context<'_>, finish: bool) -> Poll<Option<StreamResult>> {
        Poll::Ready(match ready!(poll_worker(&mut self.worker, cx, finish)) {
            None => None,
            Some(Waited::Done((entries, end))) => {
                (self.ready, self.end) = (entries.into(), end);
                None
            }
            Some(Waited::Failed(errno)) => Some(self.fail(errno)),
            Some(Waited::Cancelled) => Some(StreamResult::Cancelled),
        })
    }

    /// Has up to `count` entries ready, where none are; `None` when a worker does that now, and has to be waited for.
    fn fill(&mut self, count: usize) -> Option<Result<(), Errno>> {
        if self.end || !self.ready.is_empty() {
            return Some(Ok(()));
        }
        let conduct = self.entries.conduct();
        let call = conduct.first(true);
        match batch(&self.entries, call, count) {
            Ok((entries, end)) => {
                (self.ready, self.end) = (entries.into(), end);
                Some(Ok(()))
            }
            Err(Error::WouldWait) if !call.may_wait => {
                let entries = self.entries.clone();
                self.worker = Some(Background::start(&conduct.waiting, move |call| batch(&entries, call, count)));
                None
            }
            Err(error) => Some(Err(error.errno())),
        }
    }

    /// Takes at most `count` entries.
    fn take(&mut self, count: usize) -> Vec<DirectoryEntry> {
        let count = count.min(self.ready.len());
        self.ready.drain(..count).map(directory_entry).collect()
    }
}

impl<D: 'static> StreamProducer<D> for Lister {
    type Item = DirectoryEntry;
    type Buffer = VecBuffer<DirectoryEntry>;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        store: StoreContextMut<'a, D>,
        mut destination: Destination<'a, DirectoryEntry, VecBuffer<DirectoryEntry>>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        // A reader in the host says nothing of its room.
        let room = destination.remaining(store).unwrap_or(ENTRIES_MAX);
        loop {
            if let Some(end) = ready!(self.wait(cx, finish)) {
                return Poll::Ready(Ok(end));
            }
            // A guest that reads nothing asks whether it would have to wait.
            if room == 0 && self.entries.conduct().blocking == Blocking::Inline {
                return Poll::Ready(Ok(StreamResult::Completed));
            }
            let end = match self.fill(if room == 0 { ENTRIES_MAX } else { room }) {
                None => continue,
                Some(Err(errno)) => self.fail(errno),
                Some(Ok(())) => {
                    let entries = self.take(room);
                    if !entries.is_empty() {
                        destination.set_buffer(entries.into());
                    }
                    self.go_on()
                }
            };
            return Poll::Ready(Ok(end));
        }
    }
}
