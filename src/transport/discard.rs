//! Closing descriptors that a peer sent, without waiting.
//!
//! The last close of a socket can wait: of one that lingers (`SO_LINGER`) for what it has still to send, for as long as who
//! made it likes, whatever the call that closes it says. A socket of the unix domain does not, but others may lie in its
//! queue, and are closed with it. So a thread that has anything else to do closes no socket of a peer's, and none of its own
//! that has a queue.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, StatxFlags, statx};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Threads of this process that close sockets, at once: so many can peers have wait for as long as they like. Beyond them
/// whoever has a socket closes it.
const CLOSERS_MAX: usize = 4;

/// Bytes of the stack of each.
const CLOSER_STACK: usize = 64 << 10;

static CLOSERS: AtomicUsize = AtomicUsize::new(0);

/// One of the threads that close, from before its start to its end.
struct Closer;

impl Closer {
    fn take() -> Option<Closer> {
        let more = |count: usize| (count < CLOSERS_MAX).then(|| count.saturating_add(1));
        CLOSERS.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok().map(|_| Closer)
    }
}

impl Drop for Closer {
    fn drop(&mut self) {
        CLOSERS.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Whether this is a socket. It asks by a call that a process in a jail has, too.
fn is_socket(fd: BorrowedFd<'_>) -> bool {
    // Where that is not told, the careful answer.
    statx(fd, "", AtFlags::EMPTY_PATH, StatxFlags::TYPE)
        .map_or(true, |told| FileType::from_raw_mode(told.stx_mode.into()) == FileType::Socket)
}

/// Closes what a peer sent, sockets by another thread.
pub(crate) fn discard(fds: impl IntoIterator<Item = OwnedFd>) {
    let sockets: Vec<OwnedFd> = fds.into_iter().filter(|fd| is_socket(fd.as_fd())).collect();
    if sockets.is_empty() {
        return;
    }
    let Some(closer) = Closer::take() else { return };
    let close = move || {
        drop(sockets);
        drop(closer);
    };
    // Where no thread can be started they are closed here.
    let _ = thread::Builder::new().name("wasi-gofer-close".into()).stack_size(CLOSER_STACK).spawn(close);
}
