//! Starts gVisor's gofer over a directory, with a connection to it.

use rustix::fd::OwnedFd;
use rustix::io::{FdFlags, fcntl_setfd};
use std::ffi::{OsStr, OsString};
use std::io::{PipeReader, Write as _};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};
use wasi_gofer::abi::{Call, Error, Name};
use wasi_gofer::proto::lisafs::{FdId, Inode, Names, Request, Statx, Walk, WalkReply};
use wasi_gofer::transport::Stream;
use wasi_gofer::transport::lisafs::{Client, Mounted};

/// Programs are started one at a time, since what one is to inherit any other would, too.
static STARTING: Mutex<()> = Mutex::new(());

/// A directory, served by a gofer of its own.
pub(crate) struct Gofer {
    pub(crate) client: Client,
    pub(crate) root: FdId,
    child: Child,
    dir: tempfile::TempDir,
    _mounts: PipeReader,
}

impl Gofer {
    /// `None`, and a line that says so, where there is none to be started. `flags` are gVisor's own.
    pub(crate) fn start(test: &str, flags: &[&str]) -> Option<Gofer> {
        let program = program(test)?;
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path().join("root");
        std::fs::create_dir(&root).expect("made");
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        let (mounts, child) = spawn(&program, dir.path(), &root, theirs, flags);
        let mut client = Client::new(Stream::new(ours.into()).expect("a stream"));
        let mounted: Mounted = client.mount(&soon()).expect("mounted");
        Some(Gofer { client, root: mounted.root.control, child, dir, _mounts: mounts })
    }

    /// Where a name of the served root is on the host.
    pub(crate) fn host(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join("root").join(name)
    }

    /// Makes a request whose answer the test does not look at.
    pub(crate) fn done<R: Request>(&mut self, request: &R) -> Result<(), Error> {
        self.client.call(&soon(), request).map(|_| ())
    }

    /// The answer to a request, turned into something that does not borrow.
    pub(crate) fn ask<R: Request, T>(&mut self, request: &R, told: impl FnOnce(R::Reply<'_>) -> T) -> Result<T, Error> {
        self.client.call(&soon(), request).map(|answer| told(answer.message))
    }

    /// As [`Gofer::ask`], with the descriptors.
    pub(crate) fn ask_with_fds<R: Request, T>(
        &mut self,
        request: &R,
        told: impl FnOnce(R::Reply<'_>) -> T,
    ) -> Result<(T, Vec<OwnedFd>), Error> {
        let answer = self.client.call(&soon(), request)?;
        Ok((told(answer.message), answer.fds.into_iter().collect()))
    }

    /// A walk from the root, which has to find everything.
    pub(crate) fn find(&mut self, path: &[&str]) -> Vec<Inode> {
        let names: Vec<Name<'_>> = path.iter().copied().map(name).collect();
        let walk = Walk { dir: self.root, names: Names::List(&names) };
        let found = self.ask(&walk, |reply: WalkReply<'_>| reply.inodes.to_vec()).expect("walked");
        assert_eq!(found.len(), path.len());
        found
    }

    /// The control file of a name in the root.
    pub(crate) fn control(&mut self, name: &str) -> FdId {
        self.find(&[name])[0].control
    }

    /// Ends the connection: the program then ends by itself, without an error.
    pub(crate) fn end(mut self) {
        assert_eq!(self.client.ended(), None);
        drop(self.client);
        let status = self.child.wait().expect("it ends");
        assert!(status.success(), "{status}");
    }
}

/// A call that does not hold a test for ever.
pub(crate) fn soon() -> Call {
    Call { deadline: Some(Instant::now() + Duration::from_secs(60)), ..Call::WAITING }
}

pub(crate) fn name(name: &str) -> Name<'_> {
    Name::new(name.as_bytes()).expect("a name")
}

/// Compares attributes with those that the host tells.
#[track_caller]
pub(crate) fn assert_is(wire: &Statx, path: &Path) {
    use std::os::unix::fs::MetadataExt as _;
    let host = std::fs::symlink_metadata(path).expect("attributes");
    let stat = wire.to_stat().expect("attributes");
    assert_eq!((stat.key.dev, stat.key.ino, stat.nlink), (host.dev(), host.ino(), host.nlink()));
    assert_eq!((stat.uid, stat.gid, stat.size, stat.blocks), (host.uid(), host.gid(), host.size(), host.blocks()));
    assert_eq!(u32::from(wire.mode.get()), host.mode());
    let mtime = (stat.mtime.secs, i64::from(stat.mtime.nanos));
    assert_eq!(mtime, (host.mtime(), host.mtime_nsec()));
}

/// gVisor's program; `None`, and a line that says so, if there is none.
pub(crate) fn program(test: &str) -> Option<OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let installed = std::env::split_paths(&path).map(|dir| dir.join("runsc")).find(|program| program.is_file());
    let program = std::env::var_os("INTEROP_RUNSC").or(installed.map(PathBuf::into_os_string));
    if program.is_none() {
        let required = std::env::var("INTEROP_REQUIRED").unwrap_or_default();
        assert!(!required.split_whitespace().any(|name| name == "runsc"), "runsc is required, and not installed");
        // Not by the macro, whose words the test's success would swallow.
        writeln!(std::io::stderr(), "runsc is not installed: {test} is SKIPPED").expect("said");
    }
    program
}

/// The right to start a program that inherits something.
pub(crate) fn starting() -> MutexGuard<'static, ()> {
    STARTING.lock().expect("no test panicked while it started one")
}

/// What a version needs to be told, so that it serves every message: those from 2023 on hand out the tree instead, and
/// those from 2024 on want to know what each mount is.
fn version_flags(program: &OsStr) -> (&'static [&'static str], &'static [&'static str]) {
    let help = |arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().expect("runsc starts");
        [output.stdout, output.stderr].concat()
    };
    let has = |help: &[u8], flag: &str| help.windows(flag.len()).any(|window| window == flag.as_bytes());
    let own: &[_] = if has(&help(&["flags"]), "-directfs") { &["--directfs=false"] } else { &[] };
    let confs = has(&help(&["help", "gofer"]), "-gofer-mount-confs");
    (own, if confs { &["--gofer-mount-confs", "lisafs:none"] } else { &[] })
}

/// Starts the gofer of `bundle`, which serves `root` over `socket`.
fn spawn(program: &OsStr, bundle: &Path, root: &Path, socket: UnixStream, flags: &[&str]) -> (PipeReader, Child) {
    let config = serde_json::json!({
        "ociVersion": "1.0.2",
        "process": { "user": { "uid": 0, "gid": 0 }, "args": ["/none"], "cwd": "/" },
        "root": { "path": root, "readonly": false },
        "mounts": [],
    });
    let path = bundle.join("config.json");
    std::fs::write(&path, config.to_string()).expect("written");
    let spec = std::fs::File::open(&path).expect("open");
    let (mounts, mounts_end) = std::io::pipe().expect("a pipe");
    let (own_flags, gofer_flags) = version_flags(program);
    let _starting = starting();
    let inherited = [OwnedFd::from(spec), OwnedFd::from(mounts_end), OwnedFd::from(socket)];
    let numbers = inherited.each_ref().map(|fd| {
        fcntl_setfd(fd, FdFlags::empty()).expect("it is inherited");
        fd.as_raw_fd().to_string()
    });
    let child = Command::new(program)
        .arg("--TESTONLY-unsafe-nonroot")
        .args(own_flags)
        .args(flags)
        .args(["gofer", "--setup-root=false", "--apply-caps=false", "--bundle"])
        .args([bundle.as_os_str(), OsStr::new("--spec-fd"), OsStr::new(&numbers[0])])
        .args(["--mounts-fd", &numbers[1], "--io-fds", &numbers[2]])
        .args(gofer_flags)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn();
    (mounts, child.expect("runsc starts"))
}
