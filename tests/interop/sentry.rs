//! gVisor's sentry, which runs a program over a directory that our server serves.

use crate::runsc::program;
use crate::sandbox::{PATIENCE, Sandbox, can_start, no_streams, spawn};
use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use wasi_gofer::sidecar::{Export, HostUds, Server};
use wasi_gofer::transport::Stream;

/// Whether something is there, after a line that says so if it is not.
fn skipped(test: &str, what: &str) {
    writeln!(std::io::stderr(), "{what}: {test} is SKIPPED").expect("said");
}

/// The program that runs in the sandbox; `None` where it cannot be made.
fn compiled(source: &str, root: &Path) -> Option<()> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop").join(source);
    let made = Command::new("cc").args(["-static", "-O1", "-o"]).arg(root.join("program")).arg(source).output();
    made.ok().filter(|made| made.status.success()).map(|_| ())
}

/// A directory with a program in it, and gVisor's.
struct Prepared {
    runsc: OsString,
    dir: tempfile::TempDir,
    root: PathBuf,
}

impl Prepared {
    /// `None`, and a line that says so, where one of them cannot be.
    fn with(test: &str, source: &str) -> Option<Prepared> {
        let runsc = program(test)?;
        if !can_start(&runsc) {
            skipped(test, "another version than that of 2022 is started in another way");
            return None;
        }
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path().join("root");
        std::fs::create_dir(&root).expect("made");
        std::fs::set_permissions(&root, std::fs::Permissions::from_mode(0o755)).expect("set");
        if compiled(source, &root).is_none() {
            skipped(test, "there is no compiler that links statically");
            return None;
        }
        Some(Prepared { runsc, dir, root })
    }

    /// Starts the program over our server, which serves as `with` says for as long as it is kept.
    fn start(&self, with: impl FnOnce(Export) -> Export, flags: &[&str], args: &[&str]) -> (Sandbox, Server) {
        let export = with(Export::open_ambient(&self.root).expect("a directory"));
        let server = Server::lisafs(export).expect("serves");
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        server.serve(Stream::new(ours.into()).expect("a stream")).expect("served");
        let mut sandbox = spawn((&self.runsc, flags), self.dir.path(), (&self.root, args), theirs, no_streams());
        sandbox.ask("StartRoot");
        (sandbox, server)
    }
}

/// Runs the program in a sandbox of gVisor's over a directory that is served, and looks at what it left.
fn runs(test: &str, access: &str) {
    let Some(prepared) = Prepared::with(test, "sentry.c") else { return };
    let root = &prepared.root;
    std::fs::create_dir_all(root.join("many")).expect("made");
    std::fs::write(root.join("in"), "hello\n").expect("written");
    (0..100).for_each(|index| std::fs::write(root.join(format!("many/file-{index}")), "").expect("written"));
    let (mut sandbox, _server) = prepared.start(std::convert::identity, &[access], &["/program"]);
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

/// Says a word over a connection, and hears one.
fn says(mut peer: UnixStream) {
    peer.set_read_timeout(Some(PATIENCE)).expect("set");
    peer.write_all(b"world").expect("sent");
    let mut read = [0; 5];
    peer.read_exact(&mut read).expect("read");
    assert_eq!(&read, b"hello");
}

#[test]
fn sentry_takes_connections_of_the_host_and_connects_to_it_over_our_server() {
    let Some(prepared) = Prepared::with("sentry, sockets", "sentry_sockets.c") else { return };
    let listener = UnixListener::bind(prepared.root.join("host")).expect("bound");
    let with = |export: Export| export.host_uds(HostUds::All);
    let (mut sandbox, _server) = prepared.start(with, &["--host-uds=all"], &["/program", "host"]);
    let host = std::thread::spawn({
        let root = prepared.root.clone();
        move || {
            let begun = std::time::Instant::now();
            while !root.join("ready").exists() {
                assert!(begun.elapsed() < PATIENCE, "it makes no socket");
                std::thread::sleep(Duration::from_millis(5));
            }
            says(UnixStream::connect(root.join("made")).expect("connected"));
            says(listener.accept().expect("accepted").0);
        }
    });
    assert_eq!(sandbox.ask("Wait"), 0);
    host.join().expect("it was heard");
}

#[test]
fn sentry_has_sockets_of_its_own_over_our_server_that_has_none() {
    let Some(prepared) = Prepared::with("sentry, its own sockets", "sentry_sockets.c") else { return };
    let listener = UnixListener::bind(prepared.root.join("host")).expect("bound");
    listener.set_nonblocking(true).expect("set");
    let (mut sandbox, _server) = prepared.start(std::convert::identity, &[], &["/program", "alone"]);
    assert_eq!(sandbox.ask("Wait"), 0);
    assert!(listener.accept().is_err());
    assert!(!prepared.root.join("made").exists());
}
