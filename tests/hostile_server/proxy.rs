//! Passes requests and answers on, and replaces an answer when it is told to.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::{IoSlice, IoSliceMut};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use std::io::{Read as _, Write as _};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// Longest that a stall lasts if nobody ends it.
const STALL_MAX: Duration = Duration::from_secs(20);

/// A request that is answered with a failure for want of an attribute.
const XATTR: u16 = 25;

/// An answer on its way to the client.
pub(crate) struct Reply {
    pub(crate) mid: u16,
    pub(crate) payload: Vec<u8>,
    pub(crate) fds: Vec<OwnedFd>,
    /// The length in the header, where that is not the payload's.
    pub(crate) announced: Option<u32>,
    /// How many bytes of the frame are sent before the connection ends.
    pub(crate) cut: Option<usize>,
    /// How many bytes of the frame are sent before nothing comes for a while.
    pub(crate) stall: Option<usize>,
    /// Bytes behind the frame.
    pub(crate) behind: Vec<u8>,
    /// The directory that is served.
    pub(crate) root: PathBuf,
    /// How many answers were replaced before.
    pub(crate) nth: u64,
}

/// What becomes of an answer.
pub(crate) type Lie = Arc<dyn Fn(&mut Reply) + Send + Sync>;

#[derive(Default)]
struct State {
    /// The request whose answer is replaced, by what, and whether each of them is.
    armed: Option<(u16, Lie, bool)>,
    told: u64,
    released: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// Between a client and a server.
pub(crate) struct Proxy {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// A proxy before `server`, which serves `root`; the client's end of it.
    pub(crate) fn before(server: UnixStream, root: PathBuf) -> (Proxy, UnixStream) {
        let (client, ours) = UnixStream::pair().expect("a pair");
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            // Whoever goes first ends it.
            let _ = run(&of_thread, &ours, &server, &root);
            let _ = ours.shutdown(Shutdown::Both);
        });
        (Proxy { shared, thread: Some(thread) }, client)
    }

    /// Replaces the next answer to `mid`, or all of them if `always`.
    pub(crate) fn arm(&self, mid: u16, lie: &Lie, always: bool) {
        let mut state = self.shared.state.lock().expect("no panic");
        (state.armed, state.told, state.released) = (Some((mid, Arc::clone(lie), always)), 0, false);
    }

    /// How many answers were replaced.
    pub(crate) fn told(&self) -> u64 {
        self.shared.state.lock().expect("no panic").told
    }

    /// Says the truth again, and goes on where it stalled; how many answers were replaced.
    pub(crate) fn disarm(&self) -> u64 {
        let mut state = self.shared.state.lock().expect("no panic");
        (state.armed, state.released) = (None, true);
        self.shared.changed.notify_all();
        state.told
    }

    /// Waits for its end, which comes with the client's.
    pub(crate) fn join(mut self) {
        self.disarm();
        self.thread.take().expect("once").join().expect("no panic");
    }
}

fn run(shared: &Shared, mut client: &UnixStream, mut server: &UnixStream, root: &Path) -> std::io::Result<()> {
    loop {
        let mut header = [0; 8];
        client.read_exact(&mut header)?;
        let (length, mid) = parse(header);
        let mut request = vec![0; length];
        client.read_exact(&mut request)?;
        server.write_all(&[&header[..], &request].concat())?;
        let (header, fds) = receive_header(server)?;
        let (length, answer) = parse(header);
        let mut payload = vec![0; length];
        server.read_exact(&mut payload)?;
        let (cut, stall, behind) = (None, None, Vec::new());
        let mut reply =
            Reply { mid: answer, payload, fds, announced: None, cut, stall, behind, root: root.to_owned(), nth: 0 };
        let lie = {
            let mut state = shared.state.lock().expect("no panic");
            let lie = state
                .armed
                .as_ref()
                .filter(|(armed, ..)| *armed == mid)
                .map(|(_, lie, always)| (Arc::clone(lie), *always));
            if let Some((_, always)) = &lie {
                reply.nth = state.told;
                state.told += 1;
                if !always {
                    state.armed = None;
                }
            }
            lie
        };
        // Where the truth is a failure there is nothing to lie about.
        if let Some((lie, _)) = lie.filter(|_| reply.mid != 0 || mid == XATTR) {
            lie(&mut reply);
        }
        if !send(shared, client, reply)? {
            return Ok(());
        }
    }
}

fn parse(header: [u8; 8]) -> (usize, u16) {
    let length = u32::from_le_bytes(header[..4].try_into().expect("four bytes"));
    (length as usize, u16::from_le_bytes(header[4..6].try_into().expect("two bytes")))
}

/// A header, with the descriptors that came with it.
fn receive_header(socket: &UnixStream) -> std::io::Result<([u8; 8], Vec<OwnedFd>)> {
    let mut header = [0; 8];
    let mut fds = Vec::new();
    let mut filled = 0;
    while filled < header.len() {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut bytes = [IoSliceMut::new(&mut header[filled..])];
        let received = recvmsg(socket, &mut bytes, &mut control, RecvFlags::CMSG_CLOEXEC)?;
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(came) = message {
                fds.extend(came);
            }
        }
        if received.bytes == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        filled += received.bytes;
    }
    Ok((header, fds))
}

/// Sends an answer; false when that ended the connection.
fn send(shared: &Shared, socket: &UnixStream, reply: Reply) -> std::io::Result<bool> {
    let length = reply.announced.unwrap_or(u32::try_from(reply.payload.len()).expect("it fits"));
    let header = [&length.to_le_bytes()[..], &reply.mid.to_le_bytes(), &[0; 2]].concat();
    let frame = [header, reply.payload, reply.behind].concat();
    let first = reply.cut.or(reply.stall).unwrap_or(frame.len()).min(frame.len());
    send_all(socket, &frame[..first], &reply.fds)?;
    if reply.cut.is_some() {
        socket.shutdown(Shutdown::Both)?;
        return Ok(false);
    }
    if reply.stall.is_some() {
        let state = shared.state.lock().expect("no panic");
        let (state, _) =
            shared.changed.wait_timeout_while(state, STALL_MAX, |state| !state.released).expect("no panic");
        drop(state);
        send_all(socket, &frame[first..], if first == 0 { &reply.fds } else { &[] })?;
    }
    Ok(true)
}

fn send_all(socket: &UnixStream, mut bytes: &[u8], fds: &[OwnedFd]) -> std::io::Result<()> {
    let mut fds: Vec<BorrowedFd<'_>> = fds.iter().map(AsFd::as_fd).collect();
    while !bytes.is_empty() {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(32))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() {
            assert!(control.push(SendAncillaryMessage::ScmRights(&fds)), "there is room");
        }
        let count = sendmsg(socket, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL)?;
        fds.clear();
        bytes = &bytes[count..];
    }
    Ok(())
}
