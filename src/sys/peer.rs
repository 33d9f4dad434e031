//! Who is at the other end of a connection.

use super::process::last;
use rustix::fd::{AsRawFd, BorrowedFd};
use rustix::io;

/// The user who connected a unix socket, as the user namespace of this process numbers users.
///
/// rustix's own question has the peer's process as a number that is never 0, which it is for one outside of the pid
/// namespace of this process.
pub(crate) fn peer_uid(socket: BorrowedFd<'_>) -> io::Result<u32> {
    let mut peer = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut length = libc::socklen_t::try_from(size_of::<libc::ucred>()).unwrap_or(0);
    // SAFETY: both pointers are to places of the sizes that are told, and the descriptor is open for the call.
    let got = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut peer).cast(),
            &raw mut length,
        )
    };
    if got == -1 { Err(last()) } else { Ok(peer.uid) }
}
