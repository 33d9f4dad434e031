//! Processes: fork, namespaces, the session keyring, descriptors that came over an `exec`.

use parking_lot::Mutex;
use rustix::io::{self, Errno};
use rustix::process::Pid;
use rustix::thread::{UnshareFlags, unshare_unsafe};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// Which of the two a process is behind a [`fork`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forked {
    /// The one that called, with the other's number as it sees it.
    Parent(Pid),
    /// The new one.
    Child,
}

/// Threads of this process; `ENOENT` without `/proc`.
pub(crate) fn threads() -> io::Result<usize> {
    Ok(numbers("/proc/self/task")?.len())
}

/// Descriptors that are open in this process, but for the one that the question takes; `ENOENT` without `/proc`.
pub(crate) fn descriptors() -> io::Result<Vec<RawFd>> {
    let mut open = numbers("/proc/self/fd")?;
    // The listing's own is closed by now.
    open.retain(|fd| is_close_on_exec(*fd).is_ok());
    Ok(open)
}

fn numbers(dir: &str) -> io::Result<Vec<i32>> {
    let entries = std::fs::read_dir(dir).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    Ok(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}

/// `EBADF` when it is not open.
fn is_close_on_exec(fd: RawFd) -> io::Result<bool> {
    // SAFETY: F_GETFD takes any number, and changes nothing.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFD) };
    check(flags).map(|flags| flags & libc::FD_CLOEXEC != 0)
}

/// Closes what this process inherited over its `exec`, but for standard streams and `keep`; how many those were.
pub(crate) fn close_inherited(keep: &[RawFd]) -> io::Result<usize> {
    let mut closed = 0;
    for fd in descriptors()? {
        if fd <= libc::STDERR_FILENO || keep.contains(&fd) || is_close_on_exec(fd)? {
            continue;
        }
        // SAFETY: what this crate, the standard library and rustix open is closed at an exec, so a descriptor without that
        // flag came over one, and no value of this process owns it.
        check(unsafe { libc::close(fd) })?;
        closed += 1;
    }
    Ok(closed)
}

/// Closes all that this process has open but for standard streams and `keep`, for one that is the copy of another and ends
/// by [`exit_now`]: what a value of it owns must not be used any more, nor dropped.
pub(crate) fn close_all_but(keep: BorrowedFd<'_>) -> io::Result<()> {
    for fd in descriptors()? {
        if fd > libc::STDERR_FILENO && fd != keep.as_raw_fd() {
            // SAFETY: the values that own these are never used or dropped, as the caller says.
            check(unsafe { libc::close(fd) })?;
        }
    }
    Ok(())
}

/// Puts `fd` in the place of the standard input, which is let go of.
pub(crate) fn become_stdin(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the standard input belongs to nobody, and is open before and behind.
    check(unsafe { libc::dup2(fd.as_raw_fd(), libc::STDIN_FILENO) }).map(|_| ())
}

/// Takes a descriptor over that this process inherited over its `exec`, by its number, once: from then on it is closed at an
/// `exec`, and `EBADF` for whoever asks again. `EBADF` too for what is not open or was opened here, `EINVAL` for a standard
/// stream, which belongs to the standard library.
pub(crate) fn take_inherited(fd: RawFd) -> io::Result<OwnedFd> {
    if (0..=libc::STDERR_FILENO).contains(&fd) {
        return Err(Errno::INVAL);
    }
    // Two threads must not find it as it was.
    static TAKING: Mutex<()> = Mutex::new(());
    let _taking = TAKING.lock();
    if fd < 0 || is_close_on_exec(fd)? {
        return Err(Errno::BADF);
    }
    // SAFETY: it is open, and changes nothing but how it ends.
    check(unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) })?;
    // SAFETY: what this crate, the standard library and rustix open is closed at an exec, so a descriptor without that flag
    // came over one, and no value of this process owns it. The flag is set now, so it is not taken over twice.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Makes a second process like this one. `EBUSY` when it has more than one thread.
pub(crate) fn fork() -> io::Result<Forked> {
    if threads()? != 1 {
        return Err(Errno::BUSY);
    }
    // SAFETY: with one thread nobody holds a lock that the child would wait for, or is in the middle of a change. Only
    // this thread starts others, so the count still stands.
    let pid = check(unsafe { libc::fork() })?;
    Ok(Pid::from_raw(pid).map_or(Forked::Child, Forked::Parent))
}

/// Ends the process at once, without what is registered for its end: for one of two that share what is to be written.
pub(crate) fn exit_now(status: i32) -> ! {
    // SAFETY: it does not return, and runs nothing of ours.
    unsafe { libc::_exit(status) }
}

/// Moves to new namespaces. `EINVAL` for flags that are about anything else.
pub(crate) fn unshare(namespaces: UnshareFlags) -> io::Result<()> {
    let others = UnshareFlags::FILES | UnshareFlags::FS | UnshareFlags::SYSVSEM;
    if namespaces.intersects(others) {
        return Err(Errno::INVAL);
    }
    // SAFETY: descriptors stay shared as they are, which is what could break what others rely on.
    unsafe { unshare_unsafe(namespaces) }
}

/// Starts an empty session keyring, so that the keys of whoever started this process are out of reach.
pub(crate) fn join_new_session_keyring() -> io::Result<()> {
    /// `KEYCTL_JOIN_SESSION_KEYRING`.
    const JOIN: libc::c_int = 1;
    let anonymous = std::ptr::null::<libc::c_char>();
    // SAFETY: a null name asks for a new keyring; no memory is written.
    check_long(unsafe { libc::syscall(libc::SYS_keyctl, JOIN, anonymous) }).map(|_| ())
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result == -1 { Err(last()) } else { Ok(result) }
}

pub(super) fn check_long(result: libc::c_long) -> io::Result<libc::c_long> {
    if result == -1 { Err(last()) } else { Ok(result) }
}

pub(super) fn last() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}
