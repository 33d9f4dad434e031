//! gVisor's sentry, which runs a program over a directory that our server serves.

use crate::runsc::{program, starting};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::io::{FdFlags, fcntl_setfd};
use std::ffi::OsStr;
use std::io::{PipeReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use wasi_gofer::sidecar::{Export, Server};
use wasi_gofer::transport::Stream;

/// How long anything of it may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A sandbox, which is killed at the end.
struct Sandbox {
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

/// Whether something is there, after a line that says so if it is not.
fn skipped(test: &str, what: &str) {
    writeln!(std::io::stderr(), "{what}: {test} is SKIPPED").expect("said");
}

/// The program that runs in the sandbox; `None` where it cannot be made.
fn compiled(root: &Path) -> Option<()> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/sentry.c");
    let made = Command::new("cc").args(["-static", "-O1", "-o"]).arg(root.join("program")).arg(source).output();
    made.ok().filter(|made| made.status.success()).map(|_| ())
}

fn spawn(runsc: &OsStr, bundle: &Path, root: &Path, gofer: UnixStream, access: &str) -> Sandbox {
    let config = serde_json::json!({
        "ociVersion": "1.0.2",
        "process": { "user": { "uid": 0, "gid": 0 }, "args": ["/program"], "cwd": "/" },
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
    let null = || OwnedFd::from(std::fs::OpenOptions::new().read(true).write(true).open("/dev/null").expect("open"));
    let mounts_end = mounts.try_clone().expect("duplicated");
    let inherited: [OwnedFd; 8] =
        [spec.into(), listener.into(), start.into(), mounts_end.into(), gofer.into(), null(), null(), null()];
    let _starting = starting();
    let numbers = inherited.each_ref().map(|fd| {
        fcntl_setfd(fd, FdFlags::empty()).expect("it is inherited");
        fd.as_raw_fd().to_string()
    });
    let [spec, listener, start, mounts_fd, gofer, stdin, stdout, stderr] = &numbers;
    let child = Command::new(runsc)
        .args(["--TESTONLY-unsafe-nonroot", "--platform=ptrace", "--network=none", "--overlay2=none"])
        .args([access, "boot", "--bundle"])
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
    fn ask(&mut self, method: &str) -> serde_json::Value {
        let request = serde_json::json!({ "method": format!("containerManager.{method}"), "arg": "served" });
        self.controller.write_all(request.to_string().as_bytes()).expect("sent");
        let mut answers = serde_json::Deserializer::from_reader(&self.controller).into_iter();
        let answer: serde_json::Value = answers.next().expect("an answer").expect("JSON");
        assert_eq!(answer["success"], true, "{method}: {answer}");
        answer["result"].clone()
    }
}

/// Runs the program in a sandbox of gVisor's over a directory that is served, and looks at what it left.
fn runs(test: &str, access: &str) {
    let Some(runsc) = program(test) else { return };
    let version = Command::new(&runsc).arg("--version").output().expect("runsc starts");
    if !String::from_utf8_lossy(&version.stdout).contains("20221219") {
        return skipped(test, "another version than that of 2022 is started in another way");
    }
    let dir = tempfile::tempdir().expect("a directory");
    let root = dir.path().join("root");
    std::fs::create_dir_all(root.join("many")).expect("made");
    if compiled(&root).is_none() {
        return skipped(test, "there is no compiler that links statically");
    }
    std::fs::write(root.join("in"), "hello\n").expect("written");
    (0..100).for_each(|index| std::fs::write(root.join(format!("many/file-{index}")), "").expect("written"));
    std::fs::set_permissions(&root, std::fs::Permissions::from_mode(0o755)).expect("set");
    let server = Server::lisafs(Export::open_ambient(&root).expect("a directory")).expect("serves");
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    server.serve(Stream::new(ours.into()).expect("a stream")).expect("served");
    let mut sandbox = spawn(&runsc, dir.path(), &root, theirs, access);
    sandbox.ask("StartRoot");
    // The number is where in the program something went wrong.
    assert_eq!(sandbox.ask("Wait"), 0, "{access}");
    assert_eq!(std::fs::read(root.join("dir/moved")).expect("there"), b"from inside\n");
    assert_eq!(std::fs::read_link(root.join("dir/link")).expect("there"), Path::new("moved"));
    assert_eq!(std::fs::read(root.join("in")).expect("there"), b"hel");
    let mode = root.join("dir").metadata().expect("there").permissions().mode();
    assert_eq!((mode & 0o7777, root.join("out").exists()), (0o750, false));
    assert_eq!(std::fs::read_dir(root.join("many")).expect("listed").count(), 99);
    drop(sandbox);
}

#[test]
fn sentry_reads_writes_lists_and_renames_over_our_server() {
    runs("sentry, exclusive", "--file-access=exclusive");
    runs("sentry, shared", "--file-access=shared");
}
