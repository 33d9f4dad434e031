//! gVisor's sentry, which runs a program over a directory that our server serves.

use crate::runsc::program;
use crate::sandbox::{can_start, no_streams, spawn};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use wasi_gofer::sidecar::{Export, Server};
use wasi_gofer::transport::Stream;

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

/// Runs the program in a sandbox of gVisor's over a directory that is served, and looks at what it left.
fn runs(test: &str, access: &str) {
    let Some(runsc) = program(test) else { return };
    if !can_start(&runsc) {
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
    let mut sandbox = spawn((&runsc, access), dir.path(), (&root, "/program"), theirs, no_streams());
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
