//! Mounts of type lisafs: a sidecar that the command starts, or a server that is there.

use super::signals::{LOOP, READY, Running, watchdog};
use super::{Done, Place, guests};
use rustix::fd::AsFd;
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, getpgid, kill_process};
use std::ffi::OsStr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

const ROFS: i32 = 69;

/// The processes that serve this directory.
fn sidecars_of(root: &Path) -> Vec<String> {
    let marker = root.as_os_str().as_encoded_bytes();
    let serves = |pid: &String| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let has = |word: &[u8]| line.split(|byte| *byte == 0).any(|argument| argument == word);
        has(marker) && has(b"serve")
    };
    let pids = std::fs::read_dir("/proc").expect("it is there").flatten();
    pids.filter_map(|entry| entry.file_name().into_string().ok()).filter(serves).collect()
}

/// A place with `data/sub/a.txt`, a guest that reads it and one that writes `sub/new.txt`; and the mount's source.
fn place() -> (Place, String) {
    let place = Place::new();
    place.file("data/sub/a.txt", "hello\n");
    place.file("read.wat", guests::read_file("sub/a.txt"));
    place.file("write.wat", guests::write_file("sub/new.txt"));
    let root = place.path("data").display().to_string();
    (place, root)
}

/// A server that is there, and ends with the test at the latest.
struct Served(Child);

impl Served {
    /// `wasi-gofer serve` of a directory, by these words.
    fn start(root: &str, words: &[&OsStr], stdin: Stdio) -> Served {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wasi-gofer"));
        command.args(["serve", "--protocol", "lisafs", "--quiet", "--root", root]).args(words).stdin(stdin);
        Served(command.spawn().expect("started"))
    }

    /// One with one client, at the other end of the socket.
    fn of_one(root: &str) -> (Served, OwnedFd) {
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        let words = ["--fd".as_ref(), "0".as_ref()];
        (Served::start(root, &words, Stdio::from(OwnedFd::from(theirs))), ours.into())
    }

    /// It ends by itself, well.
    #[track_caller]
    fn ends(mut self) {
        let status = watchdog("end of the server", || self.0.try_wait().expect("waited"));
        assert!(status.success(), "{status}");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Only one that a test failed over is still there.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn files_are_read_and_written_through_a_sidecar_in_every_policy() {
    let (place, root) = place();
    for cache in ["exclusive", "writethrough", "shared", "none"] {
        let mount = format!("--mount=type=lisafs,src={root},dst=/d,cache={cache},jail=auto");
        place.run(&[&mount, "read.wat"]).is(0, "hello\n");
        place.run(&[&mount, "write.wat"]).is(0, "");
        assert_eq!(std::fs::read_to_string(place.path("data/sub/new.txt")).expect("written"), "sub/new.txt", "{cache}");
        std::fs::remove_file(place.path("data/sub/new.txt")).expect("removed");
    }
    watchdog("end of the sidecars", || sidecars_of(Path::new(&root)).is_empty().then_some(()));
}

#[test]
fn a_sidecar_says_nothing_unless_it_is_asked() {
    let (place, _) = place();
    let words = ["--mount=type=lisafs,src=data,dst=/d", "read.wat"];
    assert_eq!(place.run(&words).is(0, "hello\n").stderr, "");
    let asked: Done = place.command().env("RUST_LOG", "info").args(words).output().expect("started").into();
    asked.is(0, "hello\n").says(&["jail (auto)"]);
}

#[test]
fn read_only_mounts_refuse_changes_at_both_ends() {
    let (place, root) = place();
    place.run(&["--mount=type=lisafs,src=data,dst=/d,ro", "write.wat"]).is(ROFS, "");
    let (server, socket) = Served::of_one(&root);
    fcntl_setfd(&socket, FdFlags::empty()).expect("set");
    place.run(&[&format!("--mount=type=lisafs,fd={},dst=/d,ro", socket.as_raw_fd()), "write.wat"]).is(ROFS, "");
    drop(socket);
    server.ends();
    assert!(!place.path("data/sub/new.txt").exists());
}

#[test]
fn a_server_at_a_socket_serves_run_after_run() {
    let (place, root) = place();
    let path = place.path("socket");
    let server = Served::start(&root, &["--socket".as_ref(), path.as_os_str()], Stdio::null());
    watchdog("socket", || UnixStream::connect(&path).ok());
    for _ in 0..3 {
        place.run(&["--mount=type=lisafs,socket=socket,dst=/d", "read.wat"]).is(0, "hello\n");
    }
    place.run(&["--mount=type=lisafs,socket=socket,dst=/d", "write.wat"]).is(0, "");
    kill_process(Pid::from_child(&server.0), Signal::TERM).expect("sent");
    server.ends();
    place.run(&["--mount=type=lisafs,socket=socket,dst=/d", "read.wat"]).refuses(&["/d", "socket"]);
}

#[test]
fn a_server_at_an_inherited_descriptor_serves() {
    let (place, root) = place();
    let (server, socket) = Served::of_one(&root);
    fcntl_setfd(socket.as_fd(), FdFlags::empty()).expect("set");
    let mount = format!("--mount=type=lisafs,fd={},dst=/d", socket.as_raw_fd());
    place.run(&[&mount, "read.wat"]).is(0, "hello\n");
    drop(socket);
    server.ends();
    place.run(&["--mount=type=lisafs,fd=987654,dst=/d", "read.wat"]).refuses(&["/d", "descriptor 987654"]);
    place.run(&["--mount=type=lisafs,fd=1,dst=/d", "read.wat"]).refuses(&["/d", "descriptor 1"]);
}

#[test]
fn sources_that_cannot_be_served_are_named() {
    let (place, _) = place();
    place.file("file", "");
    for (src, why) in [("nowhere", "No such file"), ("file", "Not a directory")] {
        let mount = format!("--mount=type=lisafs,src={src},dst=/d");
        place.run(&[&mount, "read.wat"]).refuses(&["`/d`", src, "--root", why]);
    }
}

#[test]
fn a_tree_of_a_sidecar_that_another_process_owns_is_refused_unless_insisted() {
    use rustix::fs::{FlockOperation, flock};
    let (place, _) = place();
    let held = std::fs::File::open(place.path("data")).expect("opened");
    flock(&held, FlockOperation::LockExclusive).expect("locked");
    place.run(&["--mount=type=lisafs,src=data,dst=/d,cache=exclusive", "read.wat"]).refuses(&["/d", "lock"]);
    place.run(&["--mount=type=lisafs,src=data,dst=/d,cache=exclusive,lock=off", "read.wat"]).is(0, "hello\n");
    place.run(&["--mount=type=lisafs,src=data,dst=/d", "read.wat"]).is(0, "hello\n");
}

#[test]
fn no_sidecar_outlives_its_run_however_that_ends() {
    let (place, root) = place();
    place.file("loop.wat", guests::print_then(READY, LOOP));
    let mount = format!("--mount=type=lisafs,src={root},dst=/d");
    for signal in [Signal::KILL, Signal::TERM, Signal::INT] {
        let running = Running::start(&place, &[&mount, "loop.wat"]);
        assert!(!sidecars_of(Path::new(&root)).is_empty(), "{signal:?}");
        running.send(signal);
        running.end();
        watchdog("end of the sidecar", || sidecars_of(Path::new(&root)).is_empty().then_some(()));
    }
    place.file("trap.wat", guests::print_then(READY, "unreachable"));
    place.run(&[&mount, "trap.wat"]).is(134, READY);
    watchdog("end of the sidecar", || sidecars_of(Path::new(&root)).is_empty().then_some(()));
}

#[test]
fn what_was_held_back_is_brought_out_through_the_sidecar_when_a_terminal_interrupts_the_run() {
    let (place, root) = place();
    place.file("app.wat", guests::write_file_then("sub/new.txt", &format!("(call $ready) {LOOP}")));
    // Held back for longer than the test may take.
    let mount = format!("--mount=type=lisafs,src={root},dst=/d,cache=exclusive,writeback=1h");
    let running = Running::start(&place, &[&mount, "app.wat"]);
    for pid in sidecars_of(Path::new(&root)) {
        let pid = pid.parse().ok().and_then(Pid::from_raw).expect("a process");
        // A terminal interrupts a whole group: this one must not be in it.
        assert_ne!(getpgid(Some(pid)).expect("it runs"), getpgid(None).expect("it runs"));
    }
    running.send(Signal::INT);
    running.end().is(130, "");
    assert_eq!(std::fs::read_to_string(place.path("data/sub/new.txt")).expect("written"), "sub/new.txt");
}
