//! A stream socket between two processes of one host, with descriptors as cargo.

use super::error::{TransportError, Violation, goes_on};
use crate::abi::{Call, Errno};
use crate::sync::monotonic;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::{self, IoSlice, IoSliceMut};
use rustix::net::sockopt::{Timeout, set_socket_timeout, socket_domain, socket_type};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketType, recvmsg, sendmsg,
};
use smallvec::SmallVec;
use std::mem::MaybeUninit;
use std::time::Duration;

/// How long one system call waits before the call that waits in it is looked at again.
pub(super) const SLICE: Duration = Duration::from_millis(50);

/// Descriptors that one receipt has room for; alignment may make it one or two more. More than any message has, so that
/// surplus ones can be told from a lack of descriptors.
pub(super) const ROOM: usize = 8;

/// Descriptors of one message that are kept; the protocol has none with more.
pub(super) const KEPT: usize = 2;

/// Descriptors that came with a message. Dropping closes them.
#[derive(Debug, Default)]
pub(super) struct Cargo {
    pub(super) fds: SmallVec<[OwnedFd; KEPT]>,
    /// Whether some could not be taken, because this process has no descriptor left.
    pub(super) lost: bool,
}

/// A connected stream socket of the unix domain.
#[derive(Debug)]
pub struct Stream {
    fd: OwnedFd,
}

impl Stream {
    /// Takes a socket over. `ENOTSOCK` for anything but a socket, `EINVAL` for one that is no stream of the unix domain.
    pub fn new(fd: OwnedFd) -> Result<Stream, Errno> {
        let errno = |errno: io::Errno| Errno::from_raw(errno.raw_os_error());
        let domain = socket_domain(&fd).map_err(errno)?;
        if domain != AddressFamily::UNIX || socket_type(&fd).map_err(errno)? != SocketType::STREAM {
            return Err(Errno::Inval);
        }
        // So that a peer that answers at once costs one system call and not a poll(2) before it.
        set_socket_timeout(&fd, Timeout::Recv, Some(SLICE)).map_err(errno)?;
        set_socket_timeout(&fd, Timeout::Send, Some(SLICE)).map_err(errno)?;
        Ok(Stream { fd })
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

/// One `recvmsg(2)`: how many bytes and descriptors came. The inner result is a violation of the peer's.
pub(super) fn receive_once(
    socket: BorrowedFd<'_>,
    bytes: &mut [u8],
    cargo: Option<&mut Cargo>,
    flags: RecvFlags,
) -> io::Result<Result<(usize, usize), TransportError>> {
    let flags = flags | RecvFlags::CMSG_CLOEXEC;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(ROOM))];
    let Some(cargo) = cargo else {
        // Without room the kernel closes what came, and says that it did.
        let received = recvmsg(socket, &mut [IoSliceMut::new(bytes)], &mut Default::default(), flags)?;
        let refused = received.flags.contains(ReturnFlags::CTRUNC);
        return Ok(if refused { Err(Violation::Descriptors.into()) } else { Ok((received.bytes, 0)) });
    };
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(socket, &mut [IoSliceMut::new(bytes)], &mut control, flags)?;
    let mut arrived = 0usize;
    for message in control.drain() {
        let RecvAncillaryMessage::ScmRights(fds) = message else { continue };
        for fd in fds {
            arrived = arrived.saturating_add(1);
            if cargo.fds.len() < KEPT {
                cargo.fds.push(fd);
            }
        }
    }
    if received.flags.contains(ReturnFlags::CTRUNC) {
        // What arrived may be any part of what was sent, so none of it is of use.
        cargo.fds.clear();
        cargo.lost = true;
        if arrived >= ROOM {
            return Ok(Err(Violation::Descriptors.into()));
        }
    }
    Ok(Ok((received.bytes, arrived)))
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
