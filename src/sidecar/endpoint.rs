//! Sockets: the one that is made at a path, those that are inherited, and word to a service manager.

use super::config::{Endpoint, ServeError};
use crate::abi::Result;
use crate::hostfs::errno::from_os;
use crate::sys::process;
use crate::transport::Stream;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use rustix::fs::{CWD, Mode, RenameFlags, renameat_with};
use rustix::net::sockopt::{socket_acceptconn, socket_domain, socket_type};
use rustix::net::{AddressFamily, SocketType};
use rustix::process::{getpid, umask};
use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The first descriptor that a service manager hands over.
const ACTIVATED: i32 = 3;

/// What is listened or spoken to.
#[derive(Debug)]
pub(super) enum Socket {
    Connection(Stream),
    Listener(UnixListener),
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Socket::Connection(stream) => stream.as_fd(),
            Socket::Listener(listener) => listener.as_fd(),
        }
    }
}

/// Takes over a descriptor that this process inherited, by its number, once: a connection to a server, for instance. It is
/// closed at an `exec` from then on.
///
/// # Errors
///
/// `EBADF` for what is not open, was opened by this process or is taken already, `EINVAL` for a standard stream.
pub fn inherited(fd: RawFd) -> Result<OwnedFd> {
    process::take_inherited(fd).map_err(from_os)
}

/// The descriptor of an endpoint that was inherited. Before anything is opened, which could get its number.
pub(super) fn inherited_by(endpoint: &Endpoint) -> Result<Option<OwnedFd>, ServeError> {
    let (fd, option) = match endpoint {
        Endpoint::Socket(_) => return Ok(None),
        // It belongs to the standard library, so it is kept, and spoken to under another number.
        Endpoint::Fd(0) => {
            let taken = io::stdin().as_fd().try_clone_to_owned();
            return taken.map(Some).map_err(|error| ServeError::new("--fd", format!("the standard input: {error}")));
        }
        Endpoint::Fd(fd) => (*fd, "--fd"),
        Endpoint::Activated => {
            let told = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<i32>().ok());
            if told("LISTEN_PID") != Some(getpid().as_raw_nonzero().get()) {
                let what = "neither is given, and no service manager handed a socket over (LISTEN_PID)";
                return Err(ServeError::new("--socket or --fd", what));
            }
            if told("LISTEN_FDS") != Some(1) {
                return Err(ServeError::new("LISTEN_FDS", "one socket is served, no more and no less"));
            }
            (ACTIVATED, "LISTEN_FDS")
        }
    };
    match process::take_inherited(fd) {
        Ok(taken) => Ok(Some(taken)),
        Err(errno) => Err(ServeError::new(option, format!("descriptor {fd} was not inherited ({errno})"))),
    }
}

/// The endpoint's socket: `inherited` or a new one.
pub(super) fn open(endpoint: &Endpoint, inherited: Option<OwnedFd>) -> Result<Socket, ServeError> {
    match (endpoint, inherited) {
        (Endpoint::Fd(fd), Some(socket)) => {
            let stream = Stream::new(socket).map_err(|errno| {
                ServeError::new("--fd", format!("descriptor {fd} is no connected stream socket of this host ({errno})"))
            })?;
            Ok(Socket::Connection(stream))
        }
        (Endpoint::Socket(path), _) => {
            let listener = bind(path).map_err(|error| ServeError::new("--socket", error))?;
            listener.set_nonblocking(true).map_err(|error| ServeError::new("--socket", error))?;
            Ok(Socket::Listener(listener))
        }
        (_, Some(socket)) => {
            let is = socket_domain(&socket) == Ok(AddressFamily::UNIX)
                && socket_type(&socket) == Ok(SocketType::STREAM)
                && socket_acceptconn(&socket) == Ok(true);
            let listener = UnixListener::from(socket);
            if !is {
                return Err(ServeError::new("LISTEN_FDS", "it is no listening stream socket of this host"));
            }
            listener.set_nonblocking(true).map_err(|error| ServeError::new("LISTEN_FDS", error))?;
            Ok(Socket::Listener(listener))
        }
        (_, None) => Err(ServeError::new("--socket or --fd", "there is no socket")),
    }
}

/// How often, and how far apart, one looks whether a program that listens goes away: one that was killed leaves its jail
/// behind, which the kernel ends a moment later.
const LOOKS: usize = 50;
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// A listening socket at `path`, which nobody but this user may connect to. One that is left of a program which has ended
/// gives way; one that somebody listens to does not, and neither does anything else.
fn bind(path: &Path) -> io::Result<UnixListener> {
    match bind_fresh(path) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => {}
        other => return other,
    }
    let there = path.symlink_metadata()?;
    if !there.file_type().is_socket() {
        return Err(io::Error::new(ErrorKind::AlreadyExists, "it exists, and is no socket"));
    }
    let mut looks = 1;
    loop {
        match UnixStream::connect(path) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => break,
            Err(error) => return Err(error),
            Ok(_) if looks == LOOKS => {
                return Err(io::Error::new(ErrorKind::AddrInUse, "somebody listens to it already"));
            }
            Ok(_) => std::thread::sleep(BETWEEN_LOOKS),
        }
        looks += 1;
    }
    set_aside(path, (there.dev(), there.ino()))?;
    bind_fresh(path)
}

/// The mode is there from the first moment on: nobody else runs in this process, whose umask it is.
fn bind_fresh(path: &Path) -> io::Result<UnixListener> {
    let before = umask(Mode::from_raw_mode(0o177));
    let bound = UnixListener::bind(path);
    umask(before);
    bound
}

/// Removes the socket that was looked at. It is moved away and looked at again first: should another one have come in its
/// place meanwhile, that goes back.
fn set_aside(path: &Path, looked_at: (u64, u64)) -> io::Result<()> {
    let mut aside: OsString = path.as_os_str().to_owned();
    aside.push(format!(".{}.old", getpid().as_raw_nonzero()));
    let aside = PathBuf::from(aside);
    renameat_with(CWD, path, CWD, &aside, RenameFlags::NOREPLACE)?;
    let moved = aside.symlink_metadata()?;
    if (moved.dev(), moved.ino()) != looked_at {
        renameat_with(CWD, &aside, CWD, path, RenameFlags::NOREPLACE)?;
        return Err(io::Error::new(ErrorKind::AddrInUse, "somebody else has just made it"));
    }
    std::fs::remove_file(&aside)
}

/// Tells a service manager that waits for it (`NOTIFY_SOCKET`) that clients may come.
pub(super) fn tell_ready() -> Result<(), ServeError> {
    let Some(to) = std::env::var_os("NOTIFY_SOCKET").filter(|to| !to.is_empty()) else { return Ok(()) };
    let address = match to.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(&to),
    };
    let sent = address.and_then(|address| UnixDatagram::unbound()?.send_to_addr(b"READY=1\n", &address));
    sent.map(|_| ()).map_err(|error| ServeError::new("NOTIFY_SOCKET", error))
}
