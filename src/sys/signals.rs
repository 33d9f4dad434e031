//! Signals that are waited for, where a handler would run between any two instructions.

use super::process::last;
use rustix::fd::{FromRawFd, OwnedFd};
use rustix::io;
use rustix::process::Signal;
use std::mem::MaybeUninit;

/// A set of signals.
pub(crate) struct SignalSet(libc::sigset_t);

impl SignalSet {
    pub(crate) fn new(signals: &[Signal]) -> SignalSet {
        let mut set = MaybeUninit::uninit();
        // SAFETY: it initialises what it is given, and cannot fail.
        unsafe { libc::sigemptyset(set.as_mut_ptr()) };
        // SAFETY: initialised by the call above.
        let mut set = unsafe { set.assume_init() };
        for signal in signals {
            // SAFETY: the set is initialised; a number that is no signal is refused.
            unsafe { libc::sigaddset(&raw mut set, signal.as_raw()) };
        }
        SignalSet(set)
    }

    /// Has this thread, and those that it starts, keep the signals for whoever asks for them.
    pub(crate) fn block(&self) -> io::Result<()> {
        // SAFETY: the set is initialised, and the former mask is not asked for.
        let errno = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const self.0, std::ptr::null_mut()) };
        if errno == 0 { Ok(()) } else { Err(io::Errno::from_raw_os_error(errno)) }
    }

    /// A descriptor that is readable while one of the signals is kept, and gives it out when it is read.
    pub(crate) fn descriptor(&self) -> io::Result<OwnedFd> {
        let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
        // SAFETY: the set is initialised.
        let fd = unsafe { libc::signalfd(-1, &raw const self.0, flags) };
        // SAFETY: the call has just opened it, for us alone.
        if fd == -1 { Err(last()) } else { Ok(unsafe { OwnedFd::from_raw_fd(fd) }) }
    }

    /// Waits for one of the signals, which the caller has blocked. `None` for one that has no name.
    pub(crate) fn wait(&self) -> io::Result<Option<Signal>> {
        // SAFETY: the set is initialised, and what more is known of the signal is not asked for.
        let signal = unsafe { libc::sigwaitinfo(&raw const self.0, std::ptr::null_mut()) };
        if signal == -1 { Err(last()) } else { Ok(Signal::from_named_raw(signal)) }
    }
}

/// Has the end of a child be announced and waited for, whatever this process was started with.
pub(crate) fn default_child_signal() -> io::Result<()> {
    // SAFETY: it installs no handler.
    if unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) } == libc::SIG_ERR { Err(last()) } else { Ok(()) }
}
