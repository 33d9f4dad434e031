//! A served directory, with the proxy before its server.

use crate::descriptors::assert_none_is_left;
use crate::proxy::Proxy;
use std::collections::BTreeSet;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use wasi_gofer::abi::{Errno, Error, Result};
use wasi_gofer::backend::lisafs::{LisaFs, LisaFsOptions};
use wasi_gofer::sidecar::{Export, Server};
use wasi_gofer::transport::Stream;

/// What `d/f` holds.
pub(crate) const CONTENTS: &[u8] = b"hello";

/// How long a request may take where the server stalls. It may pass before the request went.
pub(crate) const SHORT: Duration = Duration::from_millis(60);

/// How long one may take elsewhere: only a failing test waits for it.
pub(crate) const LONG: Duration = Duration::from_secs(20);

pub(crate) struct Scene {
    pub(crate) proxy: Proxy,
    server: Server,
    dir: TempDir,
}

impl Scene {
    /// A fresh one, and the client's end of it.
    pub(crate) fn new() -> (Scene, UnixStream) {
        let dir = tempfile::tempdir().expect("a directory");
        let path = |name: &str| dir.path().join(name);
        std::fs::create_dir(path("d")).expect("made");
        std::fs::write(path("d/f"), CONTENTS).expect("written");
        std::fs::write(path("g"), "other").expect("written");
        std::os::unix::fs::symlink("f", path("d/l")).expect("made");
        let server =
            Server::lisafs(Export::open_ambient(dir.path()).expect("an export").xattrs(true)).expect("a server");
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        server.serve(Stream::new(theirs.into()).expect("a stream")).expect("served");
        let (proxy, client) = Proxy::before(ours, dir.path().to_owned());
        (Scene { proxy, server, dir }, client)
    }

    pub(crate) fn host(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Ends once the client has.
    pub(crate) fn end(self) {
        self.proxy.join();
        assert_eq!(self.server.drain(LONG), 0, "a connection is left");
    }
}

/// Mounted over the socket alone: what goes through shared memory does not pass the proxy.
pub(crate) fn connect(socket: UnixStream, timeout: Duration, host_fds: bool) -> wasi_gofer::abi::Result<LisaFs> {
    LisaFs::connect(socket, LisaFsOptions { timeout, host_fds, channels: 0, ..LisaFsOptions::default() })
}

/// Descriptors of this process.
pub(crate) fn descriptors() -> BTreeSet<String> {
    let names = std::fs::read_dir("/proc/self/fd").expect("listed").flatten();
    let told = names.filter_map(|entry| {
        let to = std::fs::read_link(entry.path()).ok()?;
        Some(format!("{} {}", entry.file_name().display(), to.display()))
    });
    // Not the one that is being listed with.
    told.filter(|fd| !fd.contains("/proc/")).collect()
}

/// Looks, and again where a request took longer than it may, as on a slow machine any may.
#[track_caller]
pub(crate) fn in_time(case: &str, look: impl Fn() -> Result<()>) {
    let until = Instant::now() + LONG;
    loop {
        match look() {
            Err(Error::Errno(Errno::Timedout)) if Instant::now() < until => {}
            outcome => return outcome.unwrap_or_else(|error| panic!("{case}: {error}")),
        }
    }
}

/// Waits until no more descriptors are open than `before`: threads that end close theirs a little later.
#[track_caller]
pub(crate) fn assert_no_descriptor_is_left(before: &BTreeSet<String>, name: &str) {
    assert_none_is_left(name, || {
        let now = descriptors();
        if now.len() <= before.len() { Vec::new() } else { now.difference(before).cloned().collect() }
    });
}

/// Memory of this process that no file backs, in bytes.
pub(crate) fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("read");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("told");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}
