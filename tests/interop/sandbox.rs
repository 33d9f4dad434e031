//! gVisor's sandbox over a server that it did not start itself, by the way in which `runsc` of 2022 starts its parts.

use crate::runsc::starting;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::io::{FdFlags, fcntl_setfd};
use std::ffi::OsStr;
use std::io::{PipeReader, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The version that is started in this way.
const VERSION: &str = "20221219";

/// How long anything of it may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A sandbox, which is killed at the end.
pub(crate) struct Sandbox {
    child: Child,
    controller: UnixStream,
    _mounts: PipeReader,
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // It has ended, or is to.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether this `runsc` is of the version that is started in this way.
pub(crate) fn can_start(runsc: &OsStr) -> bool {
    let version = Command::new(runsc).arg("--version").output().expect("runsc starts");
    String::from_utf8_lossy(&version.stdout).contains(VERSION)
}

/// What the program has as its standard streams where it needs none.
pub(crate) fn no_streams() -> [OwnedFd; 3] {
    let null = || OwnedFd::from(std::fs::OpenOptions::new().read(true).write(true).open("/dev/null").expect("open"));
    [null(), null(), null()]
}

/// Starts a sandbox for a program of the directory `root` and its arguments, which is served at the other end of `gofer`.
/// `flags` are gVisor's own options.
pub(crate) fn spawn(
    (runsc, flags): (&OsStr, &[&str]),
    bundle: &Path,
    (root, args): (&Path, &[&str]),
    gofer: UnixStream,
    [stdin, stdout, stderr]: [OwnedFd; 3],
) -> Sandbox {
    let config = serde_json::json!({
        "ociVersion": "1.0.2",
        "process": { "user": { "uid": 0, "gid": 0 }, "args": args, "cwd": "/" },
        "root": { "path": root, "readonly": false },
        "mounts": [],
    });
    std::fs::write(bundle.join("config.json"), config.to_string()).expect("written");
    let spec = std::fs::File::open(bundle.join("config.json")).expect("open");
    let path: PathBuf = bundle.join("controller");
    let listener = UnixListener::bind(&path).expect("bound");
    let (mut started, start) = std::io::pipe().expect("a pipe");
    let (mounts, mut list) = std::io::pipe().expect("a pipe");
    list.write_all(b"[]").expect("written");
    drop(list);
    let mounts_end = mounts.try_clone().expect("duplicated");
    let inherited: [OwnedFd; 8] =
        [spec.into(), listener.into(), start.into(), mounts_end.into(), gofer.into(), stdin, stdout, stderr];
    let _starting = starting();
    let numbers = inherited.each_ref().map(|fd| {
        fcntl_setfd(fd, FdFlags::empty()).expect("it is inherited");
        fd.as_raw_fd().to_string()
    });
    let [spec, listener, start, mounts_fd, gofer, stdin, stdout, stderr] = &numbers;
    let child = Command::new(runsc)
        .args(["--TESTONLY-unsafe-nonroot", "--platform=ptrace", "--network=none", "--overlay2=none"])
        .args(flags)
        .args(["boot", "--bundle"])
        .arg(bundle)
        .args(["--spec-fd", spec, "--controller-fd", listener, "--start-sync-fd", start, "--mounts-fd", mounts_fd])
        .args(["--io-fds", gofer, "--stdio-fds", stdin, "--stdio-fds", stdout, "--stdio-fds", stderr])
        .args(["--cpu-num", "2", "served"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("runsc starts");
    drop(inherited);
    let mut polled = [PollFd::new(&started, PollFlags::IN)];
    let patience = Timespec::try_from(PATIENCE).expect("a minute");
    assert_eq!(poll(&mut polled, Some(&patience)), Ok(1), "the sandbox does not start");
    assert_eq!(started.read(&mut [0]).expect("read"), 1, "the sandbox ended");
    let controller = UnixStream::connect(&path).expect("it listens");
    controller.set_read_timeout(Some(PATIENCE)).expect("set");
    Sandbox { child, controller, _mounts: mounts }
}

impl Sandbox {
    /// Asks the sandbox's controller for something.
    pub(crate) fn ask(&mut self, method: &str) -> serde_json::Value {
        let request = serde_json::json!({ "method": format!("containerManager.{method}"), "arg": "served" });
        self.controller.write_all(request.to_string().as_bytes()).expect("sent");
        let mut answers = serde_json::Deserializer::from_reader(&self.controller).into_iter();
        let answer: serde_json::Value = answers.next().expect("an answer").expect("JSON");
        assert_eq!(answer["success"], true, "{method}: {answer}");
        answer["result"].clone()
    }
}
