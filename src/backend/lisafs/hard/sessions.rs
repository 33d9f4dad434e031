//! The row of connections.

use crate::abi::{Call, Errno, Error, FileType, InodeKey, Result};
use crate::backend::Backend;
use crate::backend::lisafs::connection::{CALL_CHECK, for_good};
use crate::backend::lisafs::{LisaFs, LisaFsOptions, LisaNode, RpcCounts};
use crate::sync::{expired, monotonic};
use parking_lot::{Condvar, Mutex, RwLock};
use std::fmt;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long is waited before a further connection is tried to be made: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Makes a connection to the server.
pub(super) type Connect = Box<dyn Fn() -> Result<OwnedFd> + Send + Sync>;

/// One connection, from its mount to its end.
pub(super) struct Session {
    /// Which one it is.
    pub(super) number: u64,
    pub(super) fs: LisaFs,
    pub(super) root: Arc<LisaNode>,
}

/// All of them: the present one, and the way to the next.
pub(super) struct Sessions {
    connect: Connect,
    options: LisaFsOptions,
    root_key: InodeKey,
    root_type: FileType,
    present: RwLock<Arc<Session>>,
    /// Whether somebody is making the next.
    making: Mutex<bool>,
    made: Condvar,
    /// How many were made behind the first.
    again: AtomicU64,
    /// Changes whose outcome nobody knows.
    undecided: AtomicU64,
    /// Requests over all of them.
    counts: Arc<RpcCounts>,
}

impl Sessions {
    /// The first connection.
    pub(super) fn begin(call: &Call, connect: Connect, options: LisaFsOptions) -> Result<Sessions> {
        // Of the mount, whatever it is when a further connection is made.
        let options = options.with_umask();
        let counts = Arc::<RpcCounts>::default();
        let first = Session::begin(call, 0, &connect, (&options, &counts))?;
        Ok(Sessions {
            root_key: first.fs.root_key(),
            root_type: first.root.file_type,
            connect,
            options,
            present: RwLock::new(Arc::new(first)),
            making: Mutex::new(false),
            made: Condvar::new(),
            again: AtomicU64::new(0),
            undecided: AtomicU64::new(0),
            counts,
        })
    }

    pub(super) fn root(&self) -> (InodeKey, FileType) {
        (self.root_key, self.root_type)
    }

    /// How many connections were made behind the first.
    pub(super) fn again(&self) -> u64 {
        self.again.load(Ordering::Relaxed)
    }

    /// How many changes ended with an errno that says so little as that they may have been made.
    pub(super) fn undecided(&self) -> u64 {
        self.undecided.load(Ordering::Relaxed)
    }

    pub(super) fn count_undecided(&self) {
        self.undecided.fetch_add(1, Ordering::Relaxed);
    }

    /// Requests over all connections.
    pub(super) fn counts(&self) -> &Arc<RpcCounts> {
        &self.counts
    }

    /// The present connection, which may have ended.
    pub(super) fn present(&self) -> Arc<Session> {
        Arc::clone(&self.present.read())
    }

    /// A connection that has not ended, as far as is known; a new one is made for it where that is needed.
    ///
    /// # Errors
    ///
    /// [`Error::WouldWait`] when the call may not wait for one; `ETIMEDOUT` and `ECANCELED` when it ends first; `ESTALE`
    /// when the server that came back serves something else.
    pub(super) fn live(&self, call: &Call) -> Result<Arc<Session>> {
        let present = self.present();
        if !present.fs.is_over() {
            return Ok(present);
        }
        if !call.may_wait {
            return Err(Error::WouldWait);
        }
        self.next(call)
    }

    /// Waits for the next connection, or makes it.
    fn next(&self, call: &Call) -> Result<Arc<Session>> {
        let mut pause = FIRST_PAUSE;
        loop {
            let mut making = self.making.lock();
            let present = self.present();
            if !present.fs.is_over() {
                return Ok(present);
            }
            if *making {
                self.made.wait_for(&mut making, CALL_CHECK);
                drop(making);
                call.goes_on(monotonic)?;
                continue;
            }
            *making = true;
            drop(making);
            let made = self.make(call, present.number);
            *self.making.lock() = false;
            self.made.notify_all();
            match made {
                Ok(made) => return Ok(made),
                Err(error) if error.is(Errno::Stale) => return Err(error),
                Err(error) => tracing::debug!(target: "wasi_gofer::lisafs", %error, "the server is not back"),
            }
            self.rest(call, pause)?;
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }

    fn make(&self, call: &Call, last: u64) -> Result<Arc<Session>> {
        call.goes_on(monotonic)?;
        let next = Session::begin(call, last.saturating_add(1), &self.connect, (&self.options, &self.counts))?;
        if (next.fs.root_key(), next.root.file_type) != (self.root_key, self.root_type) {
            tracing::error!(target: "wasi_gofer::lisafs", "the server that came back serves another directory");
            return Err(Errno::Stale.into());
        }
        let next = Arc::new(next);
        let ended = std::mem::replace(&mut *self.present.write(), Arc::clone(&next));
        self.again.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(target: "wasi_gofer::lisafs", "the server is back");
        // It may be the last reference, and what it closes then is nobody's.
        drop(ended);
        Ok(next)
    }

    /// Waits a little, or for somebody else's connection.
    fn rest(&self, call: &Call, pause: Duration) -> Result<()> {
        let until = monotonic().checked_add(pause);
        while !expired(until) {
            call.goes_on(monotonic)?;
            let mut making = self.making.lock();
            self.made.wait_for(&mut making, pause.min(CALL_CHECK));
        }
        Ok(call.goes_on(monotonic)?)
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let present = self.present();
        f.debug_struct("Sessions").field("number", &present.number).field("fs", &present.fs).finish_non_exhaustive()
    }
}

impl Session {
    fn begin(
        call: &Call,
        number: u64,
        connect: &Connect,
        (options, counts): (&LisaFsOptions, &Arc<RpcCounts>),
    ) -> Result<Session> {
        let mounted = LisaFs::connect_counted(call, connect()?, options.clone(), (Arc::clone(counts), true));
        let rooted = mounted.and_then(|fs| {
            let root = Arc::new(fs.root(call)?.node);
            Ok(Session { number, fs, root })
        });
        // It ended at once, and nobody is to ask for anything again.
        rooted.map_err(for_good)
    }
}
