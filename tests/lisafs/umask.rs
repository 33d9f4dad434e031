//! The modes of what is made: servers have no umask of their own, so the client has one.

use crate::runsc::Runsc;
use crate::subjects::serve;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use wasi_gofer::abi::{Call, Mode, Name, OpenFlags};
use wasi_gofer::backend::lisafs::{LisaFs, LisaFsOptions};
use wasi_gofer::backend::{Backend as _, NodeKind};

const CALL: &Call = &Call::WAITING;

/// Makes a file, a directory and an empty file; their modes as the host tells them.
fn made(root: &Path, socket: UnixStream, umask: Option<Mode>) -> [u32; 3] {
    let fs = LisaFs::connect(socket, LisaFsOptions { umask, ..LisaFsOptions::default() }).expect("mounted");
    let dir = fs.root(CALL).expect("the root").node;
    let name = |name: &'static str| Name::new(name.as_bytes()).expect("a name");
    let flags = OpenFlags::READ | OpenFlags::WRITE;
    fs.create(CALL, &dir, name("file"), flags, Mode::new(0o666)).expect("made");
    fs.mkdir(CALL, &dir, name("dir"), Mode::new(0o777)).expect("made");
    fs.mknod(CALL, &dir, name("node"), NodeKind::Regular, Mode::new(0o666)).expect("made");
    ["file", "dir", "node"].map(|name| root.join(name).metadata().expect("there").mode() & 0o7777)
}

/// What this process's own umask leaves.
fn of_process() -> [u32; 3] {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("file"), "").expect("written");
    std::fs::create_dir(dir.path().join("dir")).expect("made");
    let mode = |name| dir.path().join(name).metadata().expect("there").mode() & 0o7777;
    [mode("file"), mode("dir"), mode("file")]
}

#[test]
fn create_over_a_server_without_umask_has_the_mode_less_that_of_this_process() {
    let Some((runsc, socket)) = Runsc::start("umask", &[]) else { return };
    assert_eq!(made(&runsc.root(), socket, None), of_process());
    runsc.end();
    // It is not the server's doing.
    let (runsc, socket) = Runsc::start("umask", &[]).expect("it was there before");
    assert_eq!(made(&runsc.root(), socket, Some(Mode::new(0))), [0o666, 0o777, 0o666]);
    runsc.end();
}

#[test]
fn create_with_a_umask_of_the_mount_s_own_has_the_mode_less_that() {
    let dir = tempfile::tempdir().expect("a directory");
    let (_server, socket) = serve(dir.path());
    assert_eq!(made(dir.path(), socket, Some(Mode::new(0o077))), [0o600, 0o700, 0o600]);
}
