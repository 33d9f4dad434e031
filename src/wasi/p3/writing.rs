//! `write-via-stream` and `append-via-stream`: a stream of bytes into a file.

use super::outcome::{Ending, Waited, poll_worker};
use crate::abi::{Call, Errno, Error};
use crate::wasi::component::{Background, KeptConduct, OpenedFile, Place, Slot, TRANSFER_MAX};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use wasmtime::StoreContextMut;
use wasmtime::component::{Source, StreamConsumer, StreamResult};

pub(super) const WRITE: &str = "[method]descriptor.write-via-stream";
pub(super) const APPEND: &str = "[method]descriptor.append-via-stream";

/// A file, written from an offset on or at its end, straight from the guest's buffer. It keeps the file open and has a
/// place of its own among what the guest has open. What the guest is told was taken is written.
#[derive(Debug)]
pub(super) struct FileWriter {
    file: Arc<OpenedFile>,
    place: Place,
    ending: Ending,
    /// A write that waits, of a copy of the guest's bytes.
    worker: Option<Background<usize>>,
    kept: KeptConduct,
    _slot: Slot,
}

impl FileWriter {
    pub(super) fn new(file: Arc<OpenedFile>, place: Place, ending: Ending, slot: Slot) -> Self {
        FileWriter { file, place, ending, worker: None, kept: KeptConduct::default(), _slot: slot }
    }

    fn name(&self) -> &'static str {
        match self.place {
            Place::At(_) => WRITE,
            Place::End => APPEND,
        }
    }

    /// Moves behind what was written.
    fn advance(&mut self, written: usize) -> StreamResult {
        if written == 0 {
            return self.fail(Errno::Io);
        }
        self.place.advance(written);
        StreamResult::Completed
    }

    fn fail(&mut self, errno: Errno) -> StreamResult {
        self.ending.badly(self.name(), errno);
        StreamResult::Dropped
    }

    /// Waits for the worker, if there is one; what it wrote, and how the stream's operation ends.
    fn wait(&mut self, cx: &mut Context<'_>, finish: bool) -> Poll<Option<(usize, StreamResult)>> {
        Poll::Ready(ready!(poll_worker(&mut self.worker, cx, finish)).map(|waited| match waited {
            Waited::Done(written) => (written, self.advance(written)),
            Waited::Failed(errno) => (0, self.fail(errno)),
            Waited::Cancelled => (0, StreamResult::Cancelled),
        }))
    }

    /// Writes of what the guest gives; `None` when a worker does now, and has to be waited for.
    fn write_from(&mut self, bytes: &[u8]) -> Option<(usize, StreamResult)> {
        // It asks whether it would have to wait: no, as far as anybody can tell before it is tried.
        if bytes.is_empty() {
            return Some((0, StreamResult::Completed));
        }
        let conduct = self.file.conduct_kept(&mut self.kept);
        let call = conduct.first(true);
        match self.file.file().and_then(|file| self.place.write(file, call, bytes)) {
            Ok(written) => Some((written, self.advance(written))),
            Err(Error::WouldWait) if !call.may_wait => {
                let copy = bytes.get(..TRANSFER_MAX).unwrap_or(bytes).to_vec();
                let (file, place) = (Arc::clone(&self.file), self.place);
                let work = move |call: &Call| place.write(file.file()?, call, &copy);
                self.worker = Some(Background::start(&conduct.waiting, work));
                None
            }
            Err(error) => Some((0, self.fail(error.errno()))),
        }
    }
}

impl<D: 'static> StreamConsumer<D> for FileWriter {
    type Item = u8;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        store: StoreContextMut<'_, D>,
        source: Source<'_, u8>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let mut source = source.as_direct(store);
        loop {
            let waited = ready!(self.wait(cx, finish));
            if let Some((written, end)) = waited.or_else(|| self.write_from(source.remaining())) {
                source.mark_read(written);
                return Poll::Ready(Ok(end));
            }
        }
    }
}
