//! Who answers: a directory, served to one client.

use crate::gofer::{Gofer, soon};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::io::{FdFlags, fcntl_setfd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, Once};
use std::time::Duration;
use wasi_gofer::abi::{Error, Name};
use wasi_gofer::proto::lisafs::{FdId, Inode, Names, Request, Statx, Walk, WalkReply, WalkStatus};
use wasi_gofer::sidecar::{Export, Limits, Server};
use wasi_gofer::transport::Stream;
use wasi_gofer::transport::lisafs::Client;

/// A directory that is served, and a client of it.
pub(crate) trait Subject: Sized {
    /// Whether sockets of the host can be bound by messages.
    const BINDS: bool;

    /// Whether the server is ours.
    const IS_OURS: bool = true;

    /// `None`, and a line that says so, where there is none to be started.
    fn begin(test: &str) -> Option<Self>;
    fn client(&mut self) -> &mut Client;
    fn root(&self) -> FdId;
    /// Where a name of the served root is on the host.
    fn host(&self, name: &str) -> PathBuf;
    /// Ends the connection, behind which nothing may be left of it.
    fn finish(self);

    /// The answer to a request, turned into something that does not borrow.
    fn ask<R: Request, T>(&mut self, request: &R, told: impl FnOnce(R::Reply<'_>) -> T) -> Result<T, Error> {
        self.client().call(&soon(), request).map(|answer| told(answer.message))
    }

    /// As [`Subject::ask`], with the descriptors.
    fn ask_with_fds<R: Request, T>(
        &mut self,
        request: &R,
        told: impl FnOnce(R::Reply<'_>) -> T,
    ) -> Result<(T, Vec<OwnedFd>), Error> {
        let answer = self.client().call(&soon(), request)?;
        Ok((told(answer.message), answer.fds.into_iter().collect()))
    }

    /// Makes a request whose answer the test does not look at.
    fn done<R: Request>(&mut self, request: &R) -> Result<(), Error> {
        self.ask(request, |_| ())
    }

    /// A walk, with its status.
    fn walk(&mut self, dir: FdId, path: &[&str]) -> Result<(WalkStatus, Vec<Inode>), Error> {
        let names: Vec<Name<'_>> = path.iter().map(|part| Name::new(part.as_bytes()).expect("a name")).collect();
        let walk = Walk { dir, names: Names::List(&names) };
        self.ask(&walk, |reply: WalkReply<'_>| (reply.status, reply.inodes.to_vec()))
    }

    /// The control file of a path that there is.
    fn control(&mut self, path: &[&str]) -> FdId {
        let (status, found) = self.walk(self.root(), path).expect("walked");
        assert_eq!((status, found.len()), (WalkStatus::Complete, path.len()));
        found.last().expect("a path").control
    }

    fn stat(&mut self, fd: FdId) -> Result<Statx, Error> {
        self.ask(&wasi_gofer::proto::lisafs::FStat { fd }, |stat| *stat)
    }
}

/// What is made has the mode that was asked for, as in a program of its own.
pub(crate) fn clear_umask() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        rustix::process::umask(rustix::fs::Mode::empty());
    });
}

/// Our server, on a thread of this process.
pub(crate) struct Here {
    pub(crate) client: Client,
    pub(crate) root: FdId,
    pub(crate) server: Server,
    pub(crate) dir: tempfile::TempDir,
}

/// A client that has mounted, and the root.
pub(crate) fn mounted(stream: Stream) -> (Client, FdId) {
    let mut client = Client::new(stream);
    let root = client.mount(&soon()).expect("mounted").root.control;
    (client, root)
}

impl Here {
    pub(crate) fn over(dir: tempfile::TempDir, with: impl FnOnce(Export) -> Export) -> Here {
        clear_umask();
        let server = Server::lisafs(with(Export::open_ambient(dir.path()).expect("a directory"))).expect("serves");
        let (client, root) = mounted(server.connect().expect("connected"));
        Here { client, root, server, dir }
    }

    pub(crate) fn new() -> Here {
        Here::over(tempfile::tempdir().expect("a directory"), |export| export)
    }

    pub(crate) fn limited(change: impl FnOnce(&mut Limits)) -> Here {
        let mut limits = Limits::default();
        change(&mut limits);
        Here::over(tempfile::tempdir().expect("a directory"), |export| export.limits(limits))
    }

    /// As [`Subject::finish`], with the directory left where it is.
    pub(crate) fn finish_but_keep(self) {
        let Here { client, server, dir, .. } = self;
        let _ = dir.keep();
        ended(client, &server);
    }

    /// Another client of the same server.
    pub(crate) fn another(&self) -> (Client, FdId) {
        mounted(self.server.connect().expect("connected"))
    }
}

/// Waits for something that another thread or process does by itself.
#[track_caller]
pub(crate) fn eventually(what: &str, mut is: impl FnMut() -> bool) {
    for _ in 0..6000 {
        if is() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("{what} did not come about");
}

impl Subject for Here {
    const BINDS: bool = false;

    fn begin(_: &str) -> Option<Here> {
        Some(Here::new())
    }

    fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    fn root(&self) -> FdId {
        self.root
    }

    fn host(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn finish(self) {
        ended(self.client, &self.server);
    }
}

/// Ends a server's last connection, behind which nothing is left of any.
fn ended(client: Client, server: &Server) {
    drop(client);
    eventually("the end of the connection", || server.connections() == 0);
    eventually("the end of what it had", || server.taken() == "0 nodes, 0 open files");
}

/// Our program, in its jail.
pub(crate) struct Program {
    pub(crate) client: Client,
    pub(crate) root: FdId,
    pub(crate) child: Child,
    pub(crate) dir: tempfile::TempDir,
}

/// Programs are started one at a time, since what one is to inherit any other would, too.
static STARTING: Mutex<()> = Mutex::new(());

/// Starts the program over a directory with one connection.
pub(crate) fn start(dir: &Path, options: &[&str], stderr: Stdio) -> (Child, UnixStream) {
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    let mut command = Command::new(env!("CARGO_BIN_EXE_wasi-gofer-sidecar"));
    let starting = STARTING.lock().expect("no test panicked while it started one");
    fcntl_setfd(&theirs, FdFlags::empty()).expect("it is inherited");
    command.args(["--fd", &theirs.as_raw_fd().to_string(), "--root"]).arg(dir).args(options);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr).spawn().expect("it starts");
    drop(theirs);
    drop(starting);
    (child, ours)
}

impl Program {
    pub(crate) fn with(options: &[&str]) -> Program {
        Program::over(tempfile::tempdir().expect("a directory"), options)
    }

    pub(crate) fn over(dir: tempfile::TempDir, options: &[&str]) -> Program {
        let (child, socket) = start(dir.path(), options, Stdio::null());
        let (client, root) = mounted(Stream::new(socket.into()).expect("a stream"));
        Program { client, root, child, dir }
    }

    /// The connection, for whoever ends it.
    pub(crate) fn take_client(&mut self) -> Client {
        let (ended, _) = UnixStream::pair().expect("a pair");
        std::mem::replace(&mut self.client, Client::new(Stream::new(ended.into()).expect("a stream")))
    }
}

impl Subject for Program {
    const BINDS: bool = false;

    fn begin(_: &str) -> Option<Program> {
        Some(Program::with(&[]))
    }

    fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    fn root(&self) -> FdId {
        self.root
    }

    fn host(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn finish(mut self) {
        assert_eq!(self.client.ended(), None);
        // The connection's end is the program's.
        drop(self.take_client());
        let status = self.child.wait().expect("it ends");
        assert!(status.success(), "{status}");
    }
}

/// Also when a test fails.
impl Drop for Program {
    fn drop(&mut self) {
        // One that has ended is waited for already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// gVisor's gofer.
impl Subject for Gofer {
    const BINDS: bool = true;
    const IS_OURS: bool = false;

    fn begin(test: &str) -> Option<Gofer> {
        clear_umask();
        Gofer::start(test, &["--host-uds=all"])
    }

    fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    fn root(&self) -> FdId {
        self.root
    }

    fn host(&self, name: &str) -> PathBuf {
        Gofer::host(self, name)
    }

    fn finish(self) {
        self.end();
    }
}
