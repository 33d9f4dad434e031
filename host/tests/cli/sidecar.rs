//! Mounts of type lisafs: a sidecar that the command starts, or a server that is there.

use super::serving::serving;
use super::signals::{LOOP, READY, Running, watchdog};
use super::{Done, Place, guests};
use rustix::fd::AsFd;
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, getpgid, kill_process};
use std::ffi::OsStr;
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

const ROFS: i32 = 69;

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
pub(crate) struct Served(pub(crate) Child);

impl Served {
    /// `wasi-gofer serve` of a directory, by these words.
    pub(crate) fn start(root: &str, words: &[&OsStr], stdin: Stdio) -> Served {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wasi-gofer"));
        // As one argument, which is how a mount starts it too.
        let root = format!("--root={root}");
        command.args(["serve", "--protocol", "lisafs", "--quiet", &root]).args(words).stdin(stdin);
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
    watchdog("end of the sidecars", || serving(Path::new(&root)).is_empty().then_some(()));
}

#[test]
fn a_source_that_begins_with_a_hyphen_is_no_option_of_the_sidecar() {
    let place = Place::new();
    place.file("-data/sub/a.txt", "hello\n");
    place.file("read.wat", guests::read_file("sub/a.txt"));
    place.run(&["--mount=type=lisafs,src=-data,dst=/d", "read.wat"]).is(0, "hello\n");
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
        assert!(!serving(Path::new(&root)).is_empty(), "{signal:?}");
        running.send(signal);
        running.end();
        watchdog("end of the sidecar", || serving(Path::new(&root)).is_empty().then_some(()));
    }
    place.file("trap.wat", guests::print_then(READY, "unreachable"));
    place.run(&[&mount, "trap.wat"]).is(134, READY);
    watchdog("end of the sidecar", || serving(Path::new(&root)).is_empty().then_some(()));
}

#[test]
fn what_was_held_back_is_brought_out_through_the_sidecar_when_a_terminal_interrupts_the_run() {
    let (place, root) = place();
    place.file("app.wat", guests::write_file_then("sub/new.txt", &format!("(call $ready) {LOOP}")));
    // Held back for longer than the test may take.
    let mount = format!("--mount=type=lisafs,src={root},dst=/d,cache=exclusive,writeback=1h");
    let running = Running::start(&place, &[&mount, "app.wat"]);
    for pid in serving(Path::new(&root)) {
        // A terminal interrupts a whole group: this one must not be in it.
        assert_ne!(getpgid(Some(pid)).expect("it runs"), getpgid(None).expect("it runs"));
    }
    running.send(Signal::INT);
    running.end().is(130, "");
    assert_eq!(std::fs::read_to_string(place.path("data/sub/new.txt")).expect("written"), "sub/new.txt");
}

#[test]
fn a_guest_of_a_hard_mount_does_not_notice_that_its_sidecar_was_killed() {
    let (place, root) = place();
    // It asks for a name until that is gone.
    place.file("app.wat", guests::watch("sub/a.txt"));
    let mount = format!("--mount=type=lisafs,src={root},dst=/d,hard");
    let mut command = Command::new(env!("CARGO_BIN_EXE_wasi-gofer"));
    command
        .args(["--stats=stats.json", &mount, "app.wat"])
        .current_dir(place.0.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    command.env("XDG_CACHE_HOME", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"));
    let mut run = command.stderr(Stdio::piped()).spawn().expect("started");
    let mut stdout = run.stdout.take().expect("piped");
    let mut ready = [0; "sub/a.txt".len()];
    stdout.read_exact(&mut ready).expect("the guest runs");
    for _ in 0..3 {
        let killed = watchdog("sidecar", || Some(serving(Path::new(&root))).filter(|pids| !pids.is_empty()));
        for pid in &killed {
            // The outer one ends with the inner.
            let _ = kill_process(*pid, Signal::KILL);
        }
        let again = || serving(Path::new(&root)).iter().any(|pid| !killed.contains(pid)).then_some(());
        watchdog("next sidecar", again);
        assert!(run.try_wait().expect("waited").is_none(), "the guest goes on");
    }
    std::fs::remove_file(place.path("data/sub/a.txt")).expect("removed");
    let done = run.wait_with_output().expect("waited");
    // The errno with which the guest ends when the name is gone.
    assert_eq!(done.status.code(), Some(44), "{done:?}");
    let told = counters(&std::fs::read_to_string(place.path("stats.json")).expect("a report"));
    let count = |name: &str| told.get(name).and_then(serde_json::Value::as_u64).expect("counted");
    // One that was killed before it had answered is none that it was attached to.
    assert!((1..=3).contains(&count("reattached")), "{told:?}");
    assert!(count("Mount") > count("reattached") && count("undecided") == 0, "{told:?}");
    watchdog("end of the sidecar", || serving(Path::new(&root)).is_empty().then_some(()));
}

/// What the backend of the only mount counted, of a report.
fn counters(report: &str) -> serde_json::Map<String, serde_json::Value> {
    let report: serde_json::Value = serde_json::from_str(report).unwrap_or_else(|error| panic!("{error}: {report}"));
    report["mounts"][0]["backend_counters"].as_object().expect("an object").clone()
}

#[test]
fn stats_tell_the_messages_that_were_sent_and_what_became_of_a_hard_mount() {
    let (place, root) = place();
    place.file("stat.wat", guests::stat_file("sub/a.txt", 10));
    for (how, looks_at_the_root, of_a_hard_mount) in [("soft", 1, &[][..]), ("hard", 2, &["reattached", "undecided"])] {
        let mount = format!("--mount=type=lisafs,src={root},dst=/d,cache=exclusive,{how}");
        place.run(&["--stats=stats.json", &mount, "stat.wat"]).is(0, "");
        let mut told = counters(&std::fs::read_to_string(place.path("stats.json")).expect("a report"));
        for name in of_a_hard_mount {
            assert_eq!(told.remove(*name), Some(0.into()), "{how}: {name}");
        }
        // As many as there are processors, within bounds.
        let channels = told.remove("Channel").and_then(|count| count.as_u64()).expect("counted");
        assert!((2..=4).contains(&channels), "{how}: {channels} channels");
        let told = serde_json::Value::from(told);
        assert_eq!(
            told,
            serde_json::json!({ "Mount": 1, "FStat": looks_at_the_root, "FStatFS": 1, "Walk": 1 }),
            "{how}"
        );
    }
}
