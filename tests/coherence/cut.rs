//! Connections to a server that end at any moment, whatever is under way, and the mount that goes on over the next.

use crate::writer::Draws;
use parking_lot::Mutex;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use wasi_gofer::backend::lisafs::{HardLisaFs, LisaFsOptions};

/// Milliseconds of a connection's life, once it was of use.
const LIFE: std::ops::Range<u64> = 2..40;

/// Ends connections until it is dropped.
pub(crate) struct Cutter {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// A hard mount over connections that `connect` makes and that end again and again, each behind some of the `looks` that
/// guests were answered: where attaching again takes longer than a life nobody would ever be.
pub(crate) fn mount(
    connect: impl Fn() -> UnixStream + Send + Sync + 'static,
    looks: Arc<AtomicU64>,
) -> (HardLisaFs, Cutter) {
    let present = Arc::new(Mutex::new(None::<UnixStream>));
    let made = Arc::clone(&present);
    let connect = move || {
        let socket = connect();
        *made.lock() = Some(socket.try_clone().expect("a descriptor"));
        Ok(OwnedFd::from(socket))
    };
    let backend = HardLisaFs::connect(connect, LisaFsOptions::default()).expect("mounted");
    let over = Arc::new(AtomicBool::new(false));
    let ended = Arc::clone(&over);
    let thread = std::thread::spawn(move || {
        let mut draws = Draws::new(1);
        let mut looks_before = 0;
        while !ended.load(Ordering::Relaxed) {
            let looks_now = looks.load(Ordering::Relaxed);
            if looks_now == looks_before {
                crate::pause(500);
                continue;
            }
            looks_before = looks_now;
            std::thread::sleep(Duration::from_millis(LIFE.start + draws.below(LIFE.end - LIFE.start)));
            if let Some(socket) = present.lock().take() {
                // That the other end is gone already is no matter.
                let _ = socket.shutdown(Shutdown::Both);
            }
        }
    });
    (backend, Cutter { over, thread: Some(thread) })
}

impl Drop for Cutter {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}
