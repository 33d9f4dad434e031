//! `read-via-stream`: a file as a stream of bytes.

use super::outcome::{Ending, Waited, poll_worker};
use crate::abi::{Call, Error, Result};
use crate::wasi::component::{Background, Blocking, KeptConduct, OpenedFile, Slot, TRANSFER_MAX};
use bytes::Bytes;
use std::io::IoSliceMut;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use wasmtime::component::{Destination, StreamProducer, StreamResult};
use wasmtime::{AsContextMut, StoreContextMut};

pub(super) const READ: &str = "[method]descriptor.read-via-stream";

/// A file, read from an offset on: what the guest reads is copied straight into its buffer. It keeps the file open and has
/// a place of its own among what the guest has open.
#[derive(Debug)]
pub(super) struct FileReader {
    file: Arc<OpenedFile>,
    position: u64,
    ending: Ending,
    /// A read that waits, with a buffer of its own.
    worker: Option<Background<Bytes>>,
    /// What it brought, of which a part may have been taken.
    ready: Bytes,
    kept: KeptConduct,
    _slot: Slot,
}

/// Reads at most `len` bytes into a buffer of ours; none at the end of the file.
fn read(file: &OpenedFile, call: &Call, len: usize, position: u64) -> Result<Bytes> {
    file.read_at(call, len, position).map(Bytes::from_owner)
}

impl FileReader {
    pub(super) fn new(file: Arc<OpenedFile>, position: u64, ending: Ending, slot: Slot) -> Self {
        FileReader {
            file,
            position,
            ending,
            worker: None,
            ready: Bytes::new(),
            kept: KeptConduct::default(),
            _slot: slot,
        }
    }

    /// Moves behind what was read; nothing is the end.
    fn advance(&mut self, read: usize) -> StreamResult {
        if read == 0 {
            self.ending.well();
            return StreamResult::Dropped;
        }
        self.position = self.position.saturating_add(read as u64);
        StreamResult::Completed
    }

    fn fail(&mut self, error: Error) -> StreamResult {
        self.ending.badly(READ, error.errno());
        StreamResult::Dropped
    }

    /// Waits for the worker, if there is one; how the stream's operation ends, unless with what is `ready` now.
    fn wait(&mut self, cx: &mut Context<'_>, finish: bool) -> Poll<Option<StreamResult>> {
        Poll::Ready(match ready!(poll_worker(&mut self.worker, cx, finish)) {
            None => None,
            Some(Waited::Done(data)) if data.is_empty() => Some(self.advance(0)),
            Some(Waited::Done(data)) => {
                self.ready = data;
                None
            }
            Some(Waited::Failed(errno)) => Some(self.fail(errno.into())),
            Some(Waited::Cancelled) => Some(StreamResult::Cancelled),
        })
    }

    /// Reads what the guest has room for; `None` when a worker does now, and has to be waited for.
    fn read_into(&mut self, buf: &mut [u8]) -> (usize, Option<StreamResult>) {
        if !self.ready.is_empty() {
            let data = self.ready.split_to(self.ready.len().min(buf.len()));
            if let Some(to) = buf.get_mut(..data.len()) {
                to.copy_from_slice(&data);
            }
            return (data.len(), Some(self.advance(data.len())));
        }
        let conduct = self.file.conduct_kept(&mut self.kept);
        let call = conduct.first(true);
        let len = buf.len();
        match self.file.file().and_then(|file| file.read_at(call, &mut [IoSliceMut::new(buf)], self.position)) {
            Ok(read) => (read, Some(self.advance(read))),
            Err(Error::WouldWait) if !call.may_wait => {
                let waiting = conduct.waiting.clone();
                self.hand_over(&waiting, len);
                (0, None)
            }
            Err(error) => (0, Some(self.fail(error))),
        }
    }

    /// Answers a guest that reads nothing, to learn whether it would have to wait: `None` as above. Where it would, what
    /// it waits for is read meanwhile.
    fn probe(&mut self) -> Option<StreamResult> {
        let conduct = self.file.conduct();
        if conduct.blocking == Blocking::Inline || !self.ready.is_empty() {
            return Some(StreamResult::Completed);
        }
        match read(&self.file, conduct.first(true), TRANSFER_MAX, self.position) {
            Ok(data) if data.is_empty() => Some(self.advance(0)),
            Ok(data) => {
                self.ready = data;
                Some(StreamResult::Completed)
            }
            Err(Error::WouldWait) => {
                self.hand_over(&conduct.waiting, TRANSFER_MAX);
                None
            }
            Err(error) => Some(self.fail(error)),
        }
    }

    fn hand_over(&mut self, call: &Call, len: usize) {
        let (file, position, len) = (Arc::clone(&self.file), self.position, len.min(TRANSFER_MAX));
        self.worker = Some(Background::start(call, move |call| read(&file, call, len, position)));
    }
}

impl<D: 'static> StreamProducer<D> for FileReader {
    type Item = u8;
    type Buffer = Option<u8>;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'a, D>,
        mut destination: Destination<'a, u8, Option<u8>>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        loop {
            if let Some(end) = ready!(self.wait(cx, finish)) {
                return Poll::Ready(Ok(end));
            }
            let mut destination = destination.reborrow().as_direct(store.as_context_mut(), TRANSFER_MAX);
            let buf = destination.remaining();
            let (read, end) = if buf.is_empty() { (0, self.probe()) } else { self.read_into(buf) };
            if let Some(end) = end {
                destination.mark_written(read);
                return Poll::Ready(Ok(end));
            }
        }
    }
}
