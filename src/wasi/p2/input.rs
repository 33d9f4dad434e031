//! Input streams over files.

use crate::abi::{Call, Errno, Error, Result};
use crate::wasi::component::{Background, OpenedFile, TRANSFER_MAX};
use bytes::Bytes;
use std::io::IoSliceMut;
use std::sync::Arc;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{InputStream, Pollable, StreamError, StreamResult};

/// What a stream does at the moment.
#[derive(Debug)]
enum State {
    /// Nothing: the next read is answered at once.
    Idle,
    /// A read waits on a worker.
    Waiting(Background<Vec<u8>>),
    /// What it brought, of which a part may have been taken.
    Ready(Bytes),
    /// What it failed with, which the guest is told at its next read.
    Failed(Errno),
    /// The end was told, or a failure.
    Closed,
}

/// A file, read from an offset on. It has a position of its own and keeps the file open.
#[derive(Debug)]
pub(super) struct FileInput {
    file: Arc<OpenedFile>,
    position: u64,
    can_hand_over: bool,
    state: State,
}

/// Reads at most `len` bytes; none at the end of the file.
fn read(file: &OpenedFile, call: &Call, len: usize, position: u64) -> Result<Vec<u8>> {
    let mut data = vec![0; len];
    let read = file.file()?.read_at(call, &mut [IoSliceMut::new(&mut data)], position)?;
    data.truncate(read);
    Ok(data)
}

impl FileInput {
    /// A stream of `file` from `position` on. Reads that have to wait go to a worker if `can_hand_over` and the guest's
    /// context says so.
    pub(super) fn new(file: Arc<OpenedFile>, position: u64, can_hand_over: bool) -> Self {
        FileInput { file, position, can_hand_over, state: State::Idle }
    }

    /// Takes at most `size` bytes of what a read brought.
    fn take(&mut self, mut data: Bytes, size: usize) -> Bytes {
        let taken = if data.len() <= size {
            self.state = State::Idle;
            data
        } else {
            let taken = data.split_to(size);
            self.state = State::Ready(data);
            taken
        };
        self.position = self.position.saturating_add(taken.len() as u64);
        taken
    }

    fn fail(&mut self, errno: Errno) -> StreamError {
        self.state = State::Closed;
        StreamError::LastOperationFailed(errno.into())
    }

    /// Reads in the caller, if that need not wait, or starts a worker.
    fn read_now(&mut self, size: usize) -> StreamResult<Bytes> {
        let conduct = self.file.conduct();
        let (len, position) = (size.min(TRANSFER_MAX), self.position);
        let call = conduct.first(self.can_hand_over);
        match read(&self.file, call, len, position) {
            Ok(data) if data.is_empty() => {
                self.state = State::Closed;
                Err(StreamError::Closed)
            }
            Ok(data) => Ok(self.take(data.into(), size)),
            Err(Error::WouldWait) if !call.may_wait => {
                let file = Arc::clone(&self.file);
                self.state =
                    State::Waiting(Background::start(&conduct.waiting, move |call| read(&file, call, len, position)));
                Ok(Bytes::new())
            }
            Err(error) => Err(self.fail(error.errno())),
        }
    }
}

#[async_trait]
impl InputStream for FileInput {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Closed => Err(StreamError::Closed),
            State::Failed(errno) => Err(self.fail(errno)),
            State::Ready(data) => Ok(self.take(data, size)),
            waiting @ State::Waiting(_) => {
                self.state = waiting;
                Ok(Bytes::new())
            }
            State::Idle => {
                self.state = State::Idle;
                if size == 0 { Ok(Bytes::new()) } else { self.read_now(size) }
            }
        }
    }

    async fn blocking_read(&mut self, size: usize) -> StreamResult<Bytes> {
        loop {
            self.ready().await;
            let data = self.read(size)?;
            // Empty while a worker reads; it brings something, the end or a failure.
            if !data.is_empty() || size == 0 {
                return Ok(data);
            }
        }
    }

    /// Ends a read on a worker and waits for the worker, so that a guest which drops streams has no more of them than
    /// streams.
    async fn cancel(&mut self) {
        if let State::Waiting(background) = &mut self.state {
            background.cancel();
            drop(background.await);
        }
        self.state = State::Closed;
    }
}

#[async_trait]
impl Pollable for FileInput {
    async fn ready(&mut self) {
        let State::Waiting(background) = &mut self.state else { return };
        self.state = match background.await {
            Ok(data) if data.is_empty() => State::Closed,
            Ok(data) => State::Ready(data.into()),
            Err(error) => State::Failed(error.errno()),
        };
    }
}
