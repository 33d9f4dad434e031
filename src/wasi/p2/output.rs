//! Output streams over files.

use crate::abi::{Call, Errno, Error, Result};
use crate::wasi::component::{Background, OpenedFile, Place, TRANSFER_MAX};
use bytes::{Buf, Bytes};
use std::sync::Arc;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

static ZEROES: [u8; TRANSFER_MAX] = [0; TRANSFER_MAX];

/// What a stream does at the moment.
#[derive(Debug)]
enum State {
    /// Nothing: the next write is done at once.
    Idle,
    /// A write waits on a worker; where the next one goes is what it answers.
    Waiting(Background<Place>),
    /// What it failed with, which the guest is told next.
    Failed(Errno),
    /// A failure was told.
    Closed,
}

/// A file, written from an offset on or at its end. It keeps the file open. Nothing is kept back: what was written is
/// where any other reader finds it.
#[derive(Debug)]
pub(super) struct FileOutput {
    file: Arc<OpenedFile>,
    place: Place,
    can_hand_over: bool,
    /// How much may be written until the guest asks again.
    permit: usize,
    state: State,
    /// What was taken while a write waits, at most what was permitted with it.
    behind: Vec<u8>,
}

/// Writes all of `data`, which loses what is written, and moves `place` behind it.
fn write(file: &OpenedFile, call: &Call, data: &mut Bytes, place: &mut Place) -> Result<()> {
    let file = file.file()?;
    while !data.is_empty() {
        let written = place.write(file, call, data)?;
        if written == 0 {
            return Err(Errno::Io.into());
        }
        place.advance(written);
        data.advance(written.min(data.len()));
    }
    Ok(())
}

impl FileOutput {
    /// A stream that writes to `file` at `place`. Writes that have to wait go to a worker if `can_hand_over` and the
    /// guest's context says so.
    pub(super) fn new(file: Arc<OpenedFile>, place: Place, can_hand_over: bool) -> Self {
        FileOutput { file, place, can_hand_over, permit: 0, state: State::Idle, behind: Vec::new() }
    }

    /// Tells a failure once; `Closed` ever after.
    fn check(&mut self) -> StreamResult<()> {
        match self.state {
            State::Idle | State::Waiting(_) => Ok(()),
            State::Closed => Err(StreamError::Closed),
            State::Failed(errno) => Err(self.fail(errno)),
        }
    }

    fn fail(&mut self, errno: Errno) -> StreamError {
        self.behind.clear();
        self.state = State::Closed;
        StreamError::LastOperationFailed(errno.into())
    }

    /// Writes in the caller, if that need not wait; what is left goes to a worker.
    fn write_now(&mut self, data: Bytes) -> StreamResult<()> {
        self.begin(data).map_err(|error| self.fail(error.errno()))
    }

    fn begin(&mut self, mut data: Bytes) -> Result<()> {
        let conduct = self.file.conduct();
        let call = conduct.first(self.can_hand_over);
        match write(&self.file, call, &mut data, &mut self.place) {
            Err(Error::WouldWait) if !call.may_wait => {
                let (file, mut place) = (Arc::clone(&self.file), self.place);
                self.state = State::Waiting(Background::start(&conduct.waiting, move |call| {
                    write(&file, call, &mut data, &mut place)?;
                    Ok(place)
                }));
                Ok(())
            }
            written => written,
        }
    }
}

#[async_trait]
impl OutputStream for FileOutput {
    /// WIT: "precondition: check-write gave permit of Ok(n) and contents has a length of less than or equal to n.
    /// Otherwise, this function will trap".
    fn write(&mut self, data: Bytes) -> StreamResult<()> {
        self.check()?;
        if data.len() > self.permit {
            return Err(StreamError::trap("write exceeds what check-write permitted"));
        }
        self.permit -= data.len();
        match self.state {
            _ if data.is_empty() => Ok(()),
            State::Waiting(_) => {
                self.behind.extend_from_slice(&data);
                Ok(())
            }
            _ => self.write_now(data),
        }
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.check()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.check()?;
        self.permit = if matches!(self.state, State::Waiting(_)) { 0 } else { TRANSFER_MAX };
        Ok(self.permit)
    }

    async fn blocking_write_and_flush(&mut self, data: Bytes) -> StreamResult<()> {
        self.ready().await;
        self.check()?;
        if !data.is_empty() {
            self.write_now(data)?;
        }
        self.ready().await;
        self.check()
    }

    fn write_zeroes(&mut self, len: usize) -> StreamResult<()> {
        match ZEROES.get(..len) {
            Some(zeroes) => self.write(Bytes::from_static(zeroes)),
            None => Err(StreamError::trap("write exceeds what check-write permitted")),
        }
    }

    async fn write_ready(&mut self) -> StreamResult<usize> {
        self.ready().await;
        self.check_write()
    }

    /// Waits for a write on a worker: what a stream took is written, though the guest drops it.
    async fn cancel(&mut self) {
        self.ready().await;
        self.state = State::Closed;
    }
}

#[async_trait]
impl Pollable for FileOutput {
    async fn ready(&mut self) {
        while let State::Waiting(background) = &mut self.state {
            let done = background.await;
            self.state = State::Idle;
            let behind = std::mem::take(&mut self.behind);
            let begun = done.and_then(|place| {
                self.place = place;
                if behind.is_empty() { Ok(()) } else { self.begin(behind.into()) }
            });
            if let Err(error) = begun {
                self.state = State::Failed(error.errno());
            }
        }
    }
}
