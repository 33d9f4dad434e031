//! Starts gVisor's gofer over a directory of its own.

use rustix::fd::OwnedFd;
use rustix::io::{FdFlags, fcntl_setfd};
use std::ffi::{OsStr, OsString};
use std::io::{PipeReader, Write as _};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock};

/// Programs are started one at a time, since what one is to inherit any other would, too.
static STARTING: Mutex<()> = Mutex::new(());

/// The program, which ends with the connection that it was started with.
pub(crate) struct Runsc {
    child: Child,
    dir: tempfile::TempDir,
    _mounts: PipeReader,
}

impl Runsc {
    /// The program and the connection to it; `None`, and a line that says so, where there is none to be started. `flags`
    /// are gVisor's own.
    pub(crate) fn start(test: &str, flags: &[&str]) -> Option<(Runsc, UnixStream)> {
        Runsc::start_over(test, None, flags)
    }

    /// As [`Runsc::start`], over a directory that is there.
    pub(crate) fn start_over(test: &str, root: Option<&Path>, flags: &[&str]) -> Option<(Runsc, UnixStream)> {
        let program = program(test)?;
        let dir = tempfile::tempdir().expect("a directory");
        let own = dir.path().join("root");
        std::fs::create_dir(&own).expect("made");
        let root = root.unwrap_or(&own);
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        let (mounts, child) = spawn(&program, dir.path(), root, theirs, flags);
        Some((Runsc { child, dir, _mounts: mounts }, ours))
    }

    /// The directory of its own.
    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    /// Waits for the end, which must be one without an error. The connection is closed before.
    pub(crate) fn end(mut self) {
        let status = self.child.wait().expect("it ends");
        assert!(status.success(), "{status}");
    }
}

/// Also when a test fails, or does not ask how it ended.
impl Drop for Runsc {
    fn drop(&mut self) {
        // One that has ended is waited for already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
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
    // There is one program, which takes longer to say what it is than to start.
    static FLAGS: OnceLock<(&[&str], &[&str])> = OnceLock::new();
    *FLAGS.get_or_init(|| asked_flags(program))
}

fn asked_flags(program: &OsStr) -> (&'static [&'static str], &'static [&'static str]) {
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
