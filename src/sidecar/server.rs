//! A server: connections, each with a thread of its own, from the first byte to the end.
//!
//! Nothing here knows a protocol: a [`Service`] does.

use super::export::{Export, Limits};
use super::lisafs::Lisafs;
use super::quota::Quota;
use super::service::{STACK, Service};
use crate::abi::{Errno, Result};
use crate::hostfs::errno::{from_os, from_std};
use crate::sync::monotonic;
use crate::sys::peer::peer_uid;
use crate::transport::Stream;
use parking_lot::{Condvar, Mutex};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io;
use rustix::net::{Shutdown, SocketFlags, accept_with, shutdown};
use std::collections::HashMap;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long the next connection waits when there was no descriptor or no memory for one.
const PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// A directory, served to whoever is connected.
pub struct Server {
    service: Arc<dyn Service>,
    limits: Limits,
    live: Arc<Live>,
}

/// The connections that there are.
#[derive(Debug)]
struct Live {
    connections: Mutex<HashMap<u64, OwnedFd>>,
    changed: Condvar,
    next: AtomicU64,
    room: Arc<Quota>,
}

impl Server {
    /// A server that speaks lisafs, the protocol of gVisor's gofer.
    pub fn lisafs(export: Export) -> Result<Server> {
        let limits = export.limits;
        Ok(Server::new(Arc::new(Lisafs::new(export)?), limits))
    }

    fn new(service: Arc<dyn Service>, limits: Limits) -> Server {
        let most = usize::try_from(limits.connections).unwrap_or(usize::MAX);
        let live = Live {
            connections: Mutex::default(),
            changed: Condvar::new(),
            next: AtomicU64::new(0),
            room: Quota::new(most),
        };
        Server { service, limits, live: Arc::new(live) }
    }

    /// Serves a connection on a thread of its own. `EMFILE` when there are as many as there may be, `EAGAIN` when there
    /// can be no thread.
    pub fn serve(&self, stream: Stream) -> Result<()> {
        self.start(stream).map(|_| ())
    }

    /// Serves a connection within this process, and answers the client's end of it.
    pub fn connect(&self) -> Result<Stream> {
        let (ours, theirs) = UnixStream::pair().map_err(|error| from_std(&error))?;
        self.start(Stream::new(theirs.into())?)?;
        Ok(Stream::new(ours.into())?)
    }

    /// Connections that are served.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.live.room.taken()
    }

    /// What clients have taken, in words.
    #[must_use]
    pub fn taken(&self) -> String {
        self.service.taken()
    }

    fn start(&self, stream: Stream) -> Result<u64> {
        let permit = self.live.room.take().ok_or(Errno::Mfile)?;
        let socket = stream.as_fd().try_clone_to_owned().map_err(|error| from_std(&error))?;
        let number = self.live.next.fetch_add(1, Ordering::Relaxed);
        self.live.connections.lock().insert(number, socket);
        let (service, live) = (Arc::clone(&self.service), Arc::clone(&self.live));
        let thread = std::thread::Builder::new().stack_size(STACK);
        let started = thread.spawn(move || {
            // Also when a handler panics: the client sees the end, and no other connection notices.
            let ending = Ending { live, number };
            let _permit = permit;
            service.serve(stream, &|| ending.live.hang_up(number));
        });
        if started.is_err() {
            self.live.end(number);
            return Err(Errno::Again.into());
        }
        Ok(number)
    }

    /// Accepts connections from `listener` whose peer's user is one of `users`, until `stop` is readable; then drains.
    pub fn run(&self, listener: BorrowedFd<'_>, users: &[u32], stop: BorrowedFd<'_>, patience: Duration) -> Result<()> {
        loop {
            if wait(&[(listener, PollFlags::IN), (stop, PollFlags::IN)], None)?.contains(&1) {
                break;
            }
            match accept_with(listener, SocketFlags::CLOEXEC) {
                Ok(socket) => self.admit(socket, users),
                Err(io::Errno::AGAIN | io::Errno::INTR | io::Errno::CONNABORTED | io::Errno::PERM) => {}
                Err(io::Errno::MFILE | io::Errno::NFILE | io::Errno::NOBUFS | io::Errno::NOMEM) => {
                    tracing::warn!("there is no descriptor for a further connection");
                    if !wait(&[(stop, PollFlags::IN)], Some(PAUSE))?.is_empty() {
                        break;
                    }
                }
                Err(errno) => return Err(from_os(errno)),
            }
        }
        self.drain(patience);
        Ok(())
    }

    /// Serves the one connection `stream` until it ends, or `stop` is readable, behind which it is drained.
    pub fn run_one(&self, stream: Stream, stop: BorrowedFd<'_>, patience: Duration) -> Result<()> {
        let socket = stream.as_fd().try_clone_to_owned().map_err(|error| from_std(&error))?;
        self.start(stream)?;
        // Without events of its own: the end of both directions is told in any case.
        wait(&[(socket.as_fd(), PollFlags::empty()), (stop, PollFlags::IN)], None)?;
        self.drain(patience);
        Ok(())
    }

    /// Takes a connection, if its peer may have one.
    fn admit(&self, socket: OwnedFd, users: &[u32]) {
        let user = peer_uid(socket.as_fd());
        if !user.is_ok_and(|user| users.contains(&user)) {
            tracing::warn!("a connection of user {user:?} is refused");
            return;
        }
        let served = Stream::new(socket).map_err(Into::into).and_then(|stream| self.serve(stream));
        if let Err(error) = served {
            tracing::warn!(%error, "a connection is closed at once");
        }
    }

    /// Takes no further request on any connection, and waits until those that came are answered; no longer than
    /// `patience`, as a client may not take its answers. Answers how many connections were left then, which are ended.
    pub fn drain(&self, patience: Duration) -> usize {
        let deadline = monotonic().checked_add(patience);
        let mut connections = self.live.connections.lock();
        for socket in connections.values() {
            // One that has ended by itself is not connected any more.
            let _ = shutdown(socket, Shutdown::Read);
        }
        while !connections.is_empty() {
            match deadline {
                Some(deadline) if self.live.changed.wait_until(&mut connections, deadline).timed_out() => break,
                Some(_) => {}
                None => self.live.changed.wait(&mut connections),
            }
        }
        for socket in connections.values() {
            let _ = shutdown(socket, Shutdown::Both);
        }
        connections.len()
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("limits", &self.limits).field("live", &self.live).finish_non_exhaustive()
    }
}

/// Ends the connections that are left, without waiting for them.
impl Drop for Server {
    fn drop(&mut self) {
        self.drain(Duration::ZERO);
    }
}

impl Live {
    fn hang_up(&self, number: u64) {
        if let Some(socket) = self.connections.lock().get(&number) {
            // One that has ended by itself is not connected any more.
            let _ = shutdown(socket, Shutdown::Both);
        }
    }

    fn end(&self, number: u64) {
        let mut connections = self.connections.lock();
        if let Some(socket) = connections.remove(&number) {
            // The program's first thread may have it too.
            let _ = shutdown(&socket, Shutdown::Both);
        }
        drop(connections);
        self.changed.notify_all();
    }
}

/// Takes a connection out of those that there are, at its end.
struct Ending {
    live: Arc<Live>,
    number: u64,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.live.end(self.number);
    }
}

/// Waits for one of `events`, and answers the places of those that have come; none when `most` has passed. An error of a
/// descriptor counts as its event.
fn wait(events: &[(BorrowedFd<'_>, PollFlags)], most: Option<Timespec>) -> Result<Vec<usize>> {
    let mut polled: Vec<_> = events.iter().map(|(fd, events)| PollFd::from_borrowed_fd(*fd, *events)).collect();
    loop {
        match poll(&mut polled, most.as_ref()) {
            Ok(_) => break,
            Err(io::Errno::INTR) => {}
            Err(errno) => return Err(from_os(errno)),
        }
    }
    Ok(polled.iter().enumerate().filter(|(_, polled)| !polled.revents().is_empty()).map(|(at, _)| at).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    /// What is left to be done at the end of a connection.
    #[derive(Debug)]
    struct Waits(Mutex<mpsc::Receiver<()>>);

    impl Service for Waits {
        fn serve(&self, stream: Stream, hang_up: &dyn Fn()) {
            drop(stream);
            hang_up();
            // Fails if the other end is dropped, by a test that failed.
            let _ = self.0.lock().recv();
        }

        fn taken(&self) -> String {
            String::new()
        }
    }

    #[test]
    fn hang_up_is_seen_by_the_client_of_a_connection_that_is_still_drained() {
        let (done, left) = mpsc::channel();
        let server = Server::new(Arc::new(Waits(Mutex::new(left))), Limits::default());
        let client = server.connect().expect("connected");
        let patience = Timespec { tv_sec: 30, tv_nsec: 0 };
        let seen = wait(&[(client.as_fd(), PollFlags::empty())], Some(patience));
        assert_eq!(seen, Ok(vec![0]), "the connection is hung up");
        assert_eq!(server.connections(), 1);
        assert_eq!(server.drain(Duration::ZERO), 1, "it is drained until its service has ended");
        done.send(()).expect("it waits");
        assert_eq!(server.drain(Duration::from_secs(30)), 0);
    }
}
