//! Unix sockets that have a name: binding, listening, accepting, connecting. None of it waits.
//!
//! bind(2) and connect(2) take paths, so what is held is named to them by [`held_path`]. The paths are made here, of a
//! directory that is held and one validated name, and begin with `.` or `/`: none of them is an abstract name, which
//! begins with NUL and is in no directory.

use super::errno::{from_os, retry};
use super::mkdir::made;
use super::stat::{stat_at_as, stat_fd};
use super::{Host, held_path, socket_type, walk};
use crate::abi::{Errno, FileType, InodeKey, Mode, Name, Result, SocketKind, Stat};
use rustix::event::epoll;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Mode as OsMode, fchmod};
use rustix::io::{Errno as OsErrno, retry_on_intr};
use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags};

/// A socket on which nothing waits, and that no `exec` keeps.
fn socket(host: &Host, kind: SocketKind) -> Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    host.opening(|| net::socket_with(AddressFamily::UNIX, socket_type::of(kind), flags, None))
}

/// `EINVAL` for a path over the 108 bytes that an address has, as gVisor answers.
fn address(path: &[u8]) -> Result<SocketAddrUnix> {
    SocketAddrUnix::new(path).map_err(|_| Errno::Inval.into())
}

/// The address of `name` in a directory, whose path is `dir`.
fn address_in(dir: &str, name: Name<'_>) -> Result<SocketAddrUnix> {
    address(&[dir.as_bytes(), b"/", name.as_bytes()].concat())
}

/// Makes the socket `name` in `dir` and binds to it; the process's umask applies to `mode`. `EEXIST` when the name is
/// taken, by a dangling symbolic link too; `EINVAL` for a name that no address has room for: over 106 bytes where
/// directories are named by the working directory, else over 86 less the digits of a descriptor.
pub(crate) fn bind(
    host: &Host,
    dir: BorrowedFd<'_>,
    name: Name<'_>,
    kind: SocketKind,
    mode: Mode,
) -> Result<(OwnedFd, Stat)> {
    let socket = socket(host, kind)?;
    // Before it is bound, as the name gets the mode that the socket has then.
    retry(|| fchmod(&socket, OsMode::from_raw_mode(mode.bits())))?;
    held_path::of_dir(dir, |path| {
        let address = address_in(path, name)?;
        retry_on_intr(|| net::bind(&socket, &address)).map_err(|errno| match errno {
            OsErrno::ADDRINUSE => Errno::Exist.into(),
            other => from_os(other),
        })
    })?;
    let stat = made(host.keys(), dir, name, FileType::Socket)?;
    Ok((socket, stat))
}

/// Readable while [`listen`] has announced a connection that nobody took yet: what somebody gets to wait by who is not to
/// have the socket. For with that he could have calls on it wait, as it is the open file that says whether they do.
pub(crate) fn readiness(host: &Host) -> Result<OwnedFd> {
    host.opening(|| epoll::create(epoll::CreateFlags::CLOEXEC))
}

/// Has a bound socket take connections, of which `backlog` may wait, and announces them to `readiness`. `EOPNOTSUPP` for a
/// socket of datagrams.
pub(crate) fn listen(socket: BorrowedFd<'_>, readiness: Option<BorrowedFd<'_>>, backlog: i32) -> Result<()> {
    retry(|| net::listen(socket, backlog))?;
    let Some(readiness) = readiness else { return Ok(()) };
    match epoll::add(readiness, socket, epoll::EventData::new_u64(0), epoll::EventFlags::IN) {
        // It listened already.
        Ok(()) | Err(OsErrno::EXIST) => Ok(()),
        Err(other) => Err(from_os(other)),
    }
}

/// Takes a connection, on which nothing waits either. `EAGAIN` where there is none, `EINVAL` for a socket that does not
/// listen, `EOPNOTSUPP` for one of datagrams.
pub(crate) fn accept(host: &Host, socket: BorrowedFd<'_>) -> Result<OwnedFd> {
    host.opening(|| net::accept_with(socket, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK))
}

/// A new socket that is connected to the socket `name` in `dir`, if that still is the object with `key`; else `ESTALE`.
/// `ENOTSOCK` for anything else than a socket, `ECONNREFUSED` where nobody listens, `EAGAIN` where as many wait as may,
/// `EPROTOTYPE` for one of another type.
pub(crate) fn connect(
    host: &Host,
    dir: BorrowedFd<'_>,
    name: Name<'_>,
    key: InodeKey,
    kind: SocketKind,
) -> Result<OwnedFd> {
    let held = walk::hold(host, dir, name, key)?;
    if stat_fd(host.keys(), held.as_fd())?.file_type != FileType::Socket {
        return Err(Errno::Notsock.into());
    }
    let socket = socket(host, kind)?;
    let connect = |address: &SocketAddrUnix| retry(|| net::connect(&socket, address));
    if held_path::is_by_working_directory() {
        // By the name, which leads through no symbolic link there. Whoever may swap sockets below it meanwhile, and twice,
        // has the connection go to another one of the same directory.
        held_path::of_dir(dir, |path| connect(&address_in(path, name)?))?;
        stat_at_as(host.keys(), dir, name, key)?;
    } else {
        connect(&address(held_path::by_proc(held.as_fd()).as_bytes())?)?;
    }
    Ok(socket)
}
