//! A server whose connection ends at a chosen request: before it is carried out, or behind.

use parking_lot::Mutex;
use rustix::io::{IoSlice, IoSliceMut};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use std::io::{Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use wasi_gofer::abi::Errno;
use wasi_gofer::backend::lisafs::{HardLisaFs, LisaFsOptions};
use wasi_gofer::sidecar::{Export, Server};

/// On which side of a request the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Before,
    Behind,
}

/// A directory, the server of it, and the plan of its end.
pub(crate) struct Scene {
    pub(crate) dir: TempDir,
    plan: Arc<Mutex<Option<(u16, Side)>>>,
    gate: Arc<Mutex<Gate>>,
}

/// What comes before a further connection, and whether there is one.
type Gate = Box<dyn FnMut(&Path) -> bool + Send>;

impl Scene {
    /// A mount over connections that end as planned; there is always a next one.
    pub(crate) fn new() -> (Scene, HardLisaFs) {
        Scene::over(LisaFsOptions::default())
    }

    /// As [`Scene::new`], by these options.
    pub(crate) fn over(options: LisaFsOptions) -> (Scene, HardLisaFs) {
        let dir = TempDir::new().expect("a directory");
        let server = Server::lisafs(Export::open_ambient(dir.path()).expect("an export")).expect("a server");
        let plan = Arc::new(Mutex::new(None));
        let planned = Arc::clone(&plan);
        let gate = Arc::new(Mutex::new(Box::new(|_: &Path| true) as Gate));
        let (asked, path) = (Arc::clone(&gate), dir.path().to_owned());
        let connect = move || {
            if !asked.lock()(&path) {
                return Err(Errno::Connrefused.into());
            }
            let (ours, between) = UnixStream::pair().expect("a pair");
            let served = server.connect()?;
            let planned = Arc::clone(&planned);
            let behind = UnixStream::from(served.as_fd().try_clone_to_owned().expect("a descriptor"));
            // A stream looks up from its waiting now and then, which here would be the end of the connection.
            behind.set_read_timeout(None).expect("set");
            behind.set_write_timeout(None).expect("set");
            std::thread::spawn(move || pass(between, behind, &planned));
            drop(served);
            Ok(OwnedFd::from(ours))
        };
        // All requests go over the socket.
        let options = LisaFsOptions { channels: 0, ..options };
        (Scene { dir, plan, gate }, HardLisaFs::connect(connect, options).expect("mounted"))
    }

    /// The next request of this number is the connection's last.
    pub(crate) fn cut(&self, mid: u16, side: Side) {
        *self.plan.lock() = Some((mid, side));
    }

    /// As [`Scene::cut`], for who has not the scene.
    pub(crate) fn planner(&self) -> impl Fn(u16, Side) + Send + 'static {
        let plan = Arc::clone(&self.plan);
        move |mid, side| *plan.lock() = Some((mid, side))
    }

    /// No request ends a connection any more.
    pub(crate) fn unplan(&self) {
        *self.plan.lock() = None;
    }

    /// Has this done before each further connection, which is made if it says so.
    pub(crate) fn before_connections(&self, act: impl FnMut(&Path) -> bool + Send + 'static) {
        *self.gate.lock() = Box::new(act);
    }

    /// Whether the plan was carried out.
    pub(crate) fn was_cut(&self) -> bool {
        self.plan.lock().is_none()
    }
}

/// Passes requests on, and answers back, until one end is gone or the planned request comes.
fn pass(mut client: UnixStream, mut server: UnixStream, plan: &Mutex<Option<(u16, Side)>>) {
    loop {
        let mut header = [0; 8];
        if client.read_exact(&mut header).is_err() {
            return;
        }
        let length = u32::from_ne_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let mid = u16::from_ne_bytes([header[4], header[5]]);
        let mut payload = vec![0; length];
        client.read_exact(&mut payload).expect("a whole request");
        let cut = {
            let mut plan = plan.lock();
            if plan.is_some_and(|(planned, _)| planned == mid) { plan.take() } else { None }
        };
        if matches!(cut, Some((_, Side::Before))) {
            return;
        }
        server.write_all(&header).expect("it takes requests");
        server.write_all(&payload).expect("it takes requests");
        let Some((bytes, fds)) = answer(&mut server) else { return };
        if cut.is_some() {
            return;
        }
        if send(&client, &bytes, &fds).is_none() {
            return;
        }
    }
}

/// A whole answer, and what came with it.
fn answer(server: &mut UnixStream) -> Option<(Vec<u8>, Vec<OwnedFd>)> {
    let mut header = [0; 8];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let got = recvmsg(&*server, &mut [IoSliceMut::new(&mut header)], &mut ancillary, RecvFlags::CMSG_CLOEXEC).ok()?;
    let mut fds = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            fds.extend(rights);
        }
    }
    if got.bytes == 0 {
        return None;
    }
    server.read_exact(&mut header[got.bytes..]).ok()?;
    let length = u32::from_ne_bytes([header[0], header[1], header[2], header[3]]) as usize;
    let mut bytes = header.to_vec();
    bytes.resize(8 + length, 0);
    server.read_exact(&mut bytes[8..]).ok()?;
    Some((bytes, fds))
}

fn send(client: &UnixStream, mut bytes: &[u8], fds: &[OwnedFd]) -> Option<()> {
    let borrowed: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !borrowed.is_empty() {
        assert!(ancillary.push(SendAncillaryMessage::ScmRights(&borrowed)), "room");
    }
    let sent = sendmsg(client, &[IoSlice::new(bytes)], &mut ancillary, SendFlags::NOSIGNAL).ok()?;
    bytes = &bytes[sent..];
    let mut client = client;
    client.write_all(bytes).ok()
}
