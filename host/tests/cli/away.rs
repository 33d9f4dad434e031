//! The end of a run over a server that is away, and does not come back.

use super::components::component;
use super::serving::serving;
use super::sidecar::Served;
use super::signals::{LOOP, Running, watchdog};
use super::{Done, Place, guests};
use rustix::process::{Signal, kill_process};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;

/// A mount whose server serves `data` at `socket`: what is written is held back for longer than the test may take, and
/// calls wait for a server that went.
const AWAY: &str = "type=lisafs,socket=socket,cache=exclusive,writeback=1h,hard,host_fds=off";

/// A server of `data` in this place.
struct Server {
    root: String,
    served: Served,
}

impl Server {
    fn start(place: &Place) -> Server {
        let root = place.dir("data").display().to_string();
        let socket = place.path("socket");
        let served = Served::start(&root, &["--socket".as_ref(), socket.as_os_str()], Stdio::null());
        watchdog("socket", || UnixStream::connect(&socket).ok());
        Server { root, served }
    }

    fn kill(mut self) {
        for pid in serving(Path::new(&self.root)) {
            // The outer one ends with the inner.
            let _ = kill_process(pid, Signal::KILL);
        }
        watchdog("end of the server", || self.served.0.try_wait().expect("waited"));
        watchdog("end of its process", || serving(Path::new(&self.root)).is_empty().then_some(()));
    }
}

#[test]
fn signal_with_one_mount_whose_server_is_away_brings_out_what_was_written_to_the_other() {
    for away_first in [true, false] {
        let place = Place::new();
        place.dir("good");
        place.file("app.wat", guests::write_files_then("a.txt", &format!("(call $ready) {LOOP}")));
        let server = Server::start(&place);
        let mut mounts =
            [format!("--mount={AWAY},dst=/a"), "--mount=src=good,dst=/b,cache=exclusive,writeback=1h".to_owned()];
        if !away_first {
            mounts.reverse();
        }
        let running = Running::start(&place, &["--shutdown-timeout=3s", &mounts[0], &mounts[1], "app.wat"]);
        server.kill();
        running.send(Signal::TERM);
        let done = running.end();
        done.is(143, "").says(&["`a.txt`", "`/a`", "within 3s (`--shutdown-timeout`)"]);
        assert!(!done.stderr.contains("`/b`"), "{done:?}");
        assert_eq!(std::fs::read_to_string(place.path("good/a.txt")).expect("made"), "a.txt", "{away_first}");
    }
}

/// A run whose guest, once its server is away, ends with its file open.
fn ended_by_itself(place: &Place, words: &[&str]) -> Done {
    let server = Server::start(place);
    let mount = format!("--mount={AWAY},dst=/");
    let running = Running::start(place, &[&["--shutdown-timeout=500ms", &mount], words].concat());
    server.kill();
    place.file("go/now", "");
    running.end()
}

/// How a guest can end, and what the command ends with.
const ENDS: [(&str, i32); 3] =
    [("(call $proc_exit (i32.const 0))", 125), ("(call $proc_exit (i32.const 7))", 7), ("unreachable", 134)];

const LATE: [&str; 3] = ["`a.txt`", "`/`", "within 500ms (`--shutdown-timeout`)"];

#[test]
fn shutdown_timeout_bounds_the_end_of_a_guest_with_a_file_open_on_a_server_that_is_away() {
    // Opens `now` under descriptor 4 until it is there.
    let wait = "(call $ready)
        (i32.store (i32.const 512) (i32.const 0x00776f6e))
        (loop $again (br_if $again
          (call $path_open (i32.const 4) (i32.const 1) (i32.const 512) (i32.const 3) (i32.const 0) (i64.const 2)
            (i64.const 0) (i32.const 0) (i32.const 16))))";
    for (end, code) in ENDS {
        let place = Place::new();
        place.dir("go");
        place.file("app.wat", guests::write_file_then("a.txt", &format!("{wait} {end}")));
        let done = ended_by_itself(&place, &["--mount=src=go,dst=/go,cache=none", "app.wat"]);
        done.is(code, "").says(&LATE);
    }
}

#[test]
fn shutdown_timeout_bounds_the_end_of_a_component_with_a_file_open_on_a_server_that_is_away() {
    // The same, below the root.
    let body = "(local.set $file (call $open (local.get $root) (i32.const 5) (i32.const 1) (i32.const 3)))
      (call $write (local.get $file) (i32.const 1024) (i32.const 5) (i64.const 0) (i32.const 0))
      (call $check (i32.const 8))
      (call $print (call $get-stdout) (i32.const 1035) (i32.const 5) (i32.const 32))
      (loop $again
        (call $open-at (local.get $root) (i32.const 1) (i32.const 1029) (i32.const 6) (i32.const 0) (i32.const 1)
          (i32.const 0))
        (br_if $again (i32.load8_u (i32.const 0))))";
    for (end, code) in [("(i32.const 0)", 125), ("(i32.const 1)", 1), ("unreachable", 134)] {
        let place = Place::new();
        place.dir("go");
        place.file("app.wat", component("a.txtgo/nowready", &format!("{body} {end}")));
        let done = ended_by_itself(&place, &["--mount=src=go,dst=/go,cache=none", "app.wat"]);
        done.is(code, "").says(&LATE);
    }
}
