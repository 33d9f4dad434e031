//! A stream socket between two processes of one host, with descriptors as cargo.

use super::discard::discard;
use super::error::{TransportError, Violation, goes_on};
use crate::abi::{Call, Errno};
use crate::sync::monotonic;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::{self, IoSlice, IoSliceMut};
use rustix::net::sockopt::{Timeout, set_socket_linger, set_socket_timeout, socket_domain, socket_type};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, Shutdown, SocketAddrUnix, SocketFlags, SocketType, connect, recvmsg, sendmsg,
    shutdown, socket_with,
};
use smallvec::SmallVec;
use std::mem::MaybeUninit;
use std::path::Path;
use std::time::Duration;

/// How long one system call waits before the call that waits in it is looked at again.
pub(super) const SLICE: Duration = Duration::from_millis(50);

/// Descriptors that come in one receipt at most. More than any message has.
pub(super) const ROOM: usize = 8;

/// Descriptors that the kernel passes in one receipt at most (`SCM_MAX_FD`).
const FDS_MAX: usize = 253;

/// Room for what else the kernel may tell of a message: whoever made the socket can have it told who sent it, and under
/// which label.
const CONTROL_MORE: usize = 512;

/// Messages that may be in the queue of a socket that is no stream (`net.unix.max_dgram_qlen`): of the kernel's own accord
/// 10, 512 where systemd sets it.
const QUEUE_MAX: usize = 600;

/// Messages that may have come between two system calls, the one behind the other.
const QUEUE_JUST_NOW: usize = 16;

/// Bytes of what comes beside bytes: all descriptors have room, so that none is closed by the kernel, within the call that
/// receives.
const CONTROL: usize = rustix::cmsg_space!(ScmRights(FDS_MAX)) + CONTROL_MORE;

/// Descriptors of one message that are kept; the protocol has none with more.
pub(super) const KEPT: usize = 2;

/// Descriptors that came with a message. Dropping has them closed.
#[derive(Debug, Default)]
pub(super) struct Cargo {
    fds: SmallVec<[OwnedFd; KEPT]>,
    /// The first of them that is a socket.
    socket: Option<usize>,
    /// Whether some could not be taken, because this process has no descriptor left.
    pub(super) lost: bool,
}

impl Cargo {
    /// Takes over what came. Sockets are told not to linger: where nobody has them linger again, the close does not wait.
    fn load(&mut self, fds: impl IntoIterator<Item = OwnedFd>) {
        let mut surplus = Fds::new();
        for fd in fds {
            let is_socket = set_socket_linger(&fd, None).is_ok();
            if self.fds.len() >= KEPT {
                surplus.push(fd);
                continue;
            }
            if is_socket {
                self.socket.get_or_insert(self.fds.len());
            }
            self.fds.push(fd);
        }
        discard(surplus);
    }

    /// Has all of them closed.
    fn clear(&mut self) {
        self.socket = None;
        discard(std::mem::take(&mut self.fds));
    }

    /// Whether a socket is among the first `count`.
    pub(super) fn has_socket(&self, count: usize) -> bool {
        self.socket.is_some_and(|at| at < count)
    }

    /// The first `count`; the others are closed.
    pub(super) fn unload(mut self, count: usize) -> SmallVec<[OwnedFd; KEPT]> {
        let mut fds = std::mem::take(&mut self.fds);
        if fds.len() > count {
            discard(fds.drain(count..));
        }
        fds
    }
}

impl Drop for Cargo {
    fn drop(&mut self) {
        self.clear();
    }
}

fn errno(errno: io::Errno) -> Errno {
    Errno::from_raw(errno.raw_os_error())
}

/// A connected stream socket of the unix domain.
#[derive(Debug)]
pub struct Stream {
    fd: OwnedFd,
}

impl Stream {
    /// Takes a socket over. `ENOTSOCK` for anything but a socket, `EINVAL` for one that is no stream of the unix domain.
    pub fn new(fd: OwnedFd) -> Result<Stream, Errno> {
        let domain = socket_domain(&fd).map_err(errno)?;
        if domain != AddressFamily::UNIX || socket_type(&fd).map_err(errno)? != SocketType::STREAM {
            return Err(Errno::Inval);
        }
        // So that a peer that answers at once costs one system call and not a poll(2) before it.
        set_socket_timeout(&fd, Timeout::Recv, Some(SLICE)).map_err(errno)?;
        set_socket_timeout(&fd, Timeout::Send, Some(SLICE)).map_err(errno)?;
        Ok(Stream { fd })
    }

    /// Connects to who listens at a path, without waiting for him: `EAGAIN` where as many wait for him as may, else as
    /// connect(2), `ENAMETOOLONG` for a path that an address has no room for.
    pub fn connect(path: &Path) -> Result<OwnedFd, Errno> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).map_err(errno)?;
        connect(&socket, &SocketAddrUnix::new(path).map_err(errno)?).map_err(errno)?;
        // As it would be if it had waited.
        io::ioctl_fionbio(&socket, false).map_err(errno)?;
        Ok(socket)
    }

    /// Receives some bytes, and with them descriptors into `cargo`; without one, a descriptor is a violation. 0 at the
    /// end of the stream.
    pub(super) fn receive(
        &self,
        call: &Call,
        bytes: &mut [u8],
        mut cargo: Option<&mut Cargo>,
    ) -> Result<usize, TransportError> {
        self.attempts(call, PollFlags::IN, |at_once| {
            let flags = if at_once { RecvFlags::DONTWAIT } else { RecvFlags::empty() };
            receive_once(self.as_fd(), bytes, cargo.as_deref_mut(), flags)
                .map(|received| received.map(|(bytes, _)| bytes))
        })?
    }

    /// Sends some of `parts`, and all of `fds` with the first byte. 0 only for nothing to send.
    pub(super) fn send(
        &self,
        call: &Call,
        parts: &[IoSlice<'_>],
        fds: &[BorrowedFd<'_>],
    ) -> Result<usize, TransportError> {
        self.attempts(call, PollFlags::OUT, |at_once| {
            let flags = if at_once { SendFlags::DONTWAIT } else { SendFlags::empty() };
            send_once(self.as_fd(), parts, fds, flags)
        })
    }

    /// Makes a system call, again for as long as the call goes on: it waits in the system call itself where that ends
    /// in time, and in poll(2) where the deadline is near or the socket does not wait. What can be done at once is done
    /// whatever the call says, so that no answer is thrown away half way for a deadline that passed while it was made.
    fn attempts<T>(
        &self,
        call: &Call,
        events: PollFlags,
        mut attempt: impl FnMut(bool) -> io::Result<T>,
    ) -> Result<T, TransportError> {
        loop {
            let near = call.deadline.is_some_and(|deadline| deadline < monotonic() + SLICE);
            match attempt(near || call.is_cancelled()) {
                Err(io::Errno::AGAIN) => {
                    goes_on(call)?;
                    self.wait(call, events)?;
                }
                Err(io::Errno::INTR) => goes_on(call)?,
                other => return other.map_err(TransportError::os),
            }
        }
    }

    /// Waits until the socket is ready, or for a slice of time.
    fn wait(&self, call: &Call, events: PollFlags) -> Result<(), TransportError> {
        let slice = match (call.deadline, &call.cancel) {
            (Some(deadline), _) => Some(deadline.saturating_duration_since(monotonic()).min(SLICE)),
            (None, Some(_)) => Some(SLICE),
            (None, None) => None,
        };
        // Slices are below a second.
        let slice = slice.map(|slice| Timespec { tv_sec: 0, tv_nsec: slice.subsec_nanos().into() });
        match poll(&mut [PollFd::new(&self.fd, events)], slice.as_ref()) {
            Ok(_) | Err(io::Errno::INTR) => Ok(()),
            Err(errno) => Err(TransportError::os(errno)),
        }
    }
}

/// Whether a socket's peer is gone, or reads and writes nothing any more.
pub(super) fn is_hung_up(socket: BorrowedFd<'_>) -> bool {
    let mut polled = [PollFd::from_borrowed_fd(socket, PollFlags::empty())];
    let asked = poll(&mut polled, Some(&Timespec::default()));
    asked.is_ok() && polled.iter().any(|polled| polled.revents().intersects(PollFlags::HUP | PollFlags::ERR))
}

/// Descriptors of one receipt.
pub(super) type Fds = SmallVec<[OwnedFd; ROOM]>;

/// What one `recvmsg(2)` gave.
pub(super) struct Received {
    pub(super) bytes: usize,
    pub(super) fds: Fds,
    /// Whether there was more beside the bytes than could be taken.
    pub(super) cut: bool,
}

/// Whether there is something to be received, or the peer is gone.
fn is_ready(socket: BorrowedFd<'_>) -> bool {
    let mut polled = [PollFd::from_borrowed_fd(socket, PollFlags::IN)];
    let asked = poll(&mut polled, Some(&Timespec::default()));
    asked.is_err() || polled.iter().any(|polled| !polled.revents().is_empty())
}

/// One `recvmsg(2)`. What is made of the descriptors is the caller's.
pub(super) fn receive_all(socket: BorrowedFd<'_>, bytes: &mut [u8], flags: RecvFlags) -> io::Result<Received> {
    let mut space = [MaybeUninit::uninit(); CONTROL];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(socket, &mut [IoSliceMut::new(bytes)], &mut control, flags | RecvFlags::CMSG_CLOEXEC)?;
    let mut all = Fds::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(fds) = message {
            all.extend(fds);
        }
    }
    Ok(Received { bytes: received.bytes, fds: all, cut: received.flags.contains(ReturnFlags::CTRUNC) })
}

/// One `recvmsg(2)`: how many bytes and descriptors came. The inner result is a violation of the peer's; without cargo any
/// descriptor is one.
pub(super) fn receive_once(
    socket: BorrowedFd<'_>,
    bytes: &mut [u8],
    cargo: Option<&mut Cargo>,
    flags: RecvFlags,
) -> io::Result<Result<(usize, usize), TransportError>> {
    let Received { bytes, fds, cut } = receive_all(socket, bytes, flags)?;
    let arrived = fds.len();
    let Some(cargo) = cargo else {
        discard(fds);
        return Ok(if cut || arrived > 0 { Err(Violation::Descriptors.into()) } else { Ok((bytes, 0)) });
    };
    cargo.load(fds);
    if cut {
        // What arrived may be any part of what was sent, so none of it is of use.
        cargo.clear();
        cargo.lost = true;
    }
    if arrived > ROOM {
        cargo.clear();
        return Ok(Err(Violation::Descriptors.into()));
    }
    Ok(Ok((bytes, arrived)))
}

/// Ends a connection, and takes out what its peer has sent over it: whoever closes the socket would close that too.
pub(super) fn empty(socket: BorrowedFd<'_>, is_stream: bool) {
    let was_idle = !is_ready(socket);
    // From here on nothing comes.
    let _ = shutdown(socket, Shutdown::Both);
    let mut bytes = [0; 4096];
    // Nothing is the end of a stream; elsewhere it may be a message without bytes as well. Of those a peer that had sent
    // none till now could have sent few.
    let most = match (is_stream, was_idle) {
        (true, _) => 1,
        (false, true) => QUEUE_JUST_NOW,
        (false, false) => QUEUE_MAX,
    };
    let mut nothing = 0;
    while nothing < most {
        match receive_all(socket, &mut bytes, RecvFlags::DONTWAIT) {
            Ok(Received { bytes: 0, fds, .. }) if fds.is_empty() => nothing = nothing.saturating_add(1),
            Ok(received) => {
                discard(received.fds);
                nothing = 0;
            }
            Err(_) => break,
        }
    }
}

/// Sends bytes and descriptors in one `sendmsg(2)`.
pub(super) fn send_once(
    socket: BorrowedFd<'_>,
    parts: &[IoSlice<'_>],
    fds: &[BorrowedFd<'_>],
    flags: SendFlags,
) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(KEPT))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(io::Errno::INVAL);
    }
    sendmsg(socket, parts, &mut control, flags | SendFlags::NOSIGNAL)
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
