//! Signals that end a run: what is brought out, what is told, and that nothing can keep them from it.

use super::{Done, Place, guests};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

pub(crate) const LOOP: &str = "(loop $again (br $again))";
pub(crate) const READY: &str = "ready";

/// A guest that has said that it runs.
pub(crate) struct Running {
    child: Child,
    stdout: Option<std::process::ChildStdout>,
}

impl Running {
    /// Starts the command with these words and waits until the guest prints [`READY`]. Its input has no end.
    pub(crate) fn start(place: &Place, words: &[&str]) -> Running {
        Running::start_with(place, "--default-signal=TERM,INT,HUP", words)
    }

    /// Likewise, with what `env` makes of the signals first: whoever runs the tests may ignore some.
    fn start_with(place: &Place, env: &str, words: &[&str]) -> Running {
        let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let mut command = std::process::Command::new("env");
        command.args([env, env!("CARGO_BIN_EXE_wasi-gofer")]).args(words).current_dir(place.0.path());
        command.env("XDG_CACHE_HOME", tmp.join("cache")).env("XDG_CONFIG_HOME", tmp.join("config"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("started");
        let mut stdout = child.stdout.take().expect("piped");
        let mut ready = [0; READY.len()];
        stdout.read_exact(&mut ready).expect("the guest runs");
        assert_eq!(ready, READY.as_bytes());
        Running { child, stdout: Some(stdout) }
    }

    pub(crate) fn send(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("sent");
    }

    /// Waits until the process has a thread of this name.
    fn await_thread(&self, name: &str) {
        let tasks = format!("/proc/{}/task", self.child.id());
        watchdog(name, || {
            let tasks = std::fs::read_dir(&tasks).expect("a process").filter_map(Result::ok);
            let mut names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
            names.any(|comm| comm.trim() == name).then_some(())
        });
    }

    /// What it came to.
    pub(crate) fn end(mut self) -> Done {
        let status = watchdog("the end", || self.child.try_wait().expect("waited"));
        let (mut stdout, mut stderr) = (String::new(), String::new());
        self.stdout.take().expect("taken once").read_to_string(&mut stdout).expect("read");
        self.child.stderr.take().expect("piped").read_to_string(&mut stderr).expect("read");
        Done { code: status.code(), stdout, stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Only one that hangs is still there.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Looks until there is something. What hangs is told from what is slow by a limit far above either's time.
pub(crate) fn watchdog<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        match look() {
            Some(found) => return found,
            None if start.elapsed() > Duration::from_secs(120) => panic!("it hangs: no {what}"),
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

/// A guest that says that it runs and goes on so.
fn ready_then(body: &str) -> String {
    guests::print_then(READY, body)
}

const EXCLUSIVE: &str = "--mount=src=data,dst=/d,cache=exclusive";

#[test]
fn signal_to_a_guest_that_computes_sleeps_or_waits_for_input_ends_it_by_128_and_its_number() {
    let place = Place::new();
    place.dir("data");
    place.file("loop.wat", ready_then(LOOP));
    place.file("sleep.wat", ready_then(guests::SLEEP));
    place.file("wait.wat", ready_then("(call $copy (i32.const 0))"));
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129)] {
        for app in ["loop.wat", "sleep.wat", "wait.wat"] {
            let running = Running::start(&place, &[EXCLUSIVE, app]);
            running.send(signal);
            let done = running.end();
            done.is(code, "");
            assert_eq!(done.stderr, "", "{app}");
        }
    }
}

#[test]
fn signal_to_a_guest_under_a_timeout_ends_it_by_the_signal() {
    let place = Place::new();
    place.file("loop.wat", ready_then(LOOP));
    let running = Running::start(&place, &["-Wtimeout=3600s", "loop.wat"]);
    running.send(Signal::TERM);
    running.end().is(143, "");
}

#[test]
fn signal_before_the_guest_closed_its_file_brings_out_what_it_wrote() {
    for cache in ["exclusive", "writethrough", "shared", "none"] {
        let place = Place::new();
        place.dir("data");
        place.file("app.wat", guests::write_file_then("a.txt", &format!("(call $ready) {LOOP}")));
        // Held back for longer than the test may take.
        let writeback = if cache == "exclusive" { ",writeback=1h" } else { "" };
        let mount = format!("--mount=src=data,dst=/d,cache={cache}{writeback}");
        let running = Running::start(&place, &[&mount, "app.wat"]);
        running.send(Signal::TERM);
        running.end().is(143, "");
        assert_eq!(std::fs::read_to_string(place.path("data/a.txt")).expect("written"), "a.txt", "{cache}");
    }
}

#[test]
fn signal_to_a_guest_that_writes_without_end_stops_it_between_two_writes() {
    for cache in ["exclusive", "shared"] {
        let place = Place::new();
        place.dir("data");
        let more = "(call $ready) (loop $again
            (call $put (local.get $fd) (i32.const 1024) (i32.const 5)) (br $again))";
        place.file("app.wat", guests::write_file_then("a.txt", more));
        let mount = format!("--mount=src=data,dst=/d,cache={cache}");
        let running = Running::start(&place, &[&mount, "app.wat"]);
        running.send(Signal::TERM);
        running.end().is(143, "");
        let written = std::fs::read(place.path("data/a.txt")).expect("written");
        assert!(written.len() >= 5 && written.len().is_multiple_of(5), "{cache}: {} bytes", written.len());
        assert!(written.chunks(5).all(|record| record == b"a.txt"), "{cache}: a record in parts");
    }
}

#[test]
fn signal_writes_the_report_once() {
    let place = Place::new();
    place.file("data/a.txt", "12345");
    place.file("app.wat", ready_then(LOOP));
    let running = Running::start(&place, &["--stats=out.json", EXCLUSIVE, "app.wat"]);
    running.send(Signal::TERM);
    running.end().is(143, "");
    let text = std::fs::read_to_string(place.path("out.json")).expect("a report");
    assert_eq!(text.lines().count(), 1, "{text}");
    assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON")["mounts"][0]["dst"], "/d");
    let running = Running::start(&place, &["--stats", EXCLUSIVE, "app.wat"]);
    running.send(Signal::TERM);
    let done = running.end();
    done.is(143, "");
    assert_eq!(done.stderr.lines().count(), 1, "{done:?}");
}

#[test]
fn signal_while_the_guest_ends_by_itself_is_one_end_or_the_other() {
    let place = Place::new();
    place.dir("data");
    place.file("app.wat", ready_then("(call $proc_exit (i32.const 7))"));
    for _ in 0..20 {
        let running = Running::start(&place, &["--stats=out.json", EXCLUSIVE, "app.wat"]);
        // It may be gone already.
        let _ = kill_process(Pid::from_child(&running.child), Signal::TERM);
        let done = running.end();
        assert!(matches!(done.code, Some(7 | 143)), "{done:?}");
        assert_eq!(done.stderr, "");
        let text = std::fs::read_to_string(place.path("out.json")).expect("a report");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
}

#[test]
fn signal_twice_at_once_is_one_request() {
    let place = Place::new();
    place.dir("data");
    place.file("app.wat", guests::write_file_then("a.txt", &format!("(call $ready) {LOOP}")));
    let running = Running::start(&place, &["--stats=out.json", EXCLUSIVE, "app.wat"]);
    running.send(Signal::TERM);
    running.send(Signal::TERM);
    running.end().is(143, "");
    assert_eq!(std::fs::read_to_string(place.path("data/a.txt")).expect("written"), "a.txt");
    assert!(std::fs::read_to_string(place.path("out.json")).expect("a report").ends_with("}\n"));
}

#[test]
fn signal_that_was_ignored_from_the_start_stays_ignored() {
    let place = Place::new();
    place.file("loop.wat", ready_then(LOOP));
    let running = Running::start_with(&place, "--ignore-signal=HUP,INT", &["loop.wat"]);
    running.send(Signal::HUP);
    running.send(Signal::INT);
    running.send(Signal::TERM);
    running.end().is(143, "");
}

/// A pipe with a name that takes nothing more, held open.
fn full_pipe(place: &Place, name: &str) -> std::fs::File {
    use rustix::fs::{CWD, FileType, Mode, OFlags};
    let path = place.path(name);
    rustix::fs::mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("made");
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let pipe = rustix::fs::open(&path, flags, Mode::empty()).expect("opened");
    for len in [4096, 1] {
        while rustix::io::write(&pipe, &vec![b'x'; len]).is_ok() {}
    }
    pipe.into()
}

#[test]
fn signal_behind_the_first_leaves_at_once_whatever_blocks() {
    let place = Place::new();
    place.file("app.wat", ready_then(LOOP));
    let pipe = full_pipe(&place, "stats");
    let running = Running::start(&place, &["--shutdown-timeout=1h", "--stats=stats", "app.wat"]);
    running.send(Signal::TERM);
    running.await_thread("ending");
    std::thread::sleep(Duration::from_millis(250));
    running.send(Signal::INT);
    running.end().is(130, "");
    drop(pipe);
}

#[test]
fn shutdown_timeout_bounds_the_end_by_a_signal_and_the_guests_own() {
    let place = Place::new();
    place.file("loop.wat", ready_then(LOOP));
    place.file("exit.wat", ready_then("(call $proc_exit (i32.const 0))"));
    place.file("fail.wat", ready_then("(call $proc_exit (i32.const 7))"));
    let pipe = full_pipe(&place, "stats");
    for (app, code) in [("loop.wat", 143), ("exit.wat", 125), ("fail.wat", 7)] {
        let running = Running::start(&place, &["--shutdown-timeout=50ms", "--stats=stats", app]);
        if app == "loop.wat" {
            running.send(Signal::TERM);
        }
        let done = running.end();
        done.is(code, "").says(&["--stats file `stats`", "within 50ms (`--shutdown-timeout`)"]);
    }
    drop(pipe);
}

#[test]
fn shutdown_is_not_held_up_by_an_error_stream_that_nobody_reads() {
    let place = Place::new();
    // The guest holds the stream's lock while it is blocked in a write.
    let flood = "(loop $again (call $put (i32.const 2) (i32.const 1024) (i32.const 65536)) (br $again))";
    place.file("app.wat", ready_then(flood));
    let running = Running::start(&place, &["--shutdown-timeout=50ms", "--stats", "app.wat"]);
    running.send(Signal::TERM);
    let mut running = running;
    let status = watchdog("the end", || running.child.try_wait().expect("waited"));
    assert_eq!(status.code(), Some(143));
}

#[test]
fn shutdown_timeout_bounds_the_end_of_a_guest_that_fails_while_nobody_reads_the_error_stream() {
    let place = Place::new();
    place.dir("data");
    let write = |end: &str| guests::write_file_then("a.txt", end);
    place.file("trap.wat", write("unreachable"));
    place.file("fail.wat", write("(call $proc_exit (i32.const 200))"));
    place.file("loop.wat", write(LOOP));
    let pipe = full_pipe(&place, "err");
    for (app, words, code) in [
        ("trap.wat", &[][..], 134),
        ("trap.wat", &["--stats", "-Dcoredump=err"], 134),
        ("fail.wat", &["--stats"], 1),
        ("loop.wat", &["-Wtimeout=3s"], 134),
    ] {
        let _ = std::fs::remove_file(place.path("data/a.txt"));
        let err = std::fs::OpenOptions::new().write(true).open(place.path("err")).expect("opened");
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_wasi-gofer"));
        command.arg("--shutdown-timeout=2s").args([EXCLUSIVE]).args(words).arg(app).current_dir(place.0.path());
        command.env("XDG_CACHE_HOME", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"));
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(err).spawn().expect("started");
        let mut running = Running { child, stdout: None };
        let status = watchdog("the end", || running.child.try_wait().expect("waited"));
        assert_eq!(status.code(), Some(code), "{app} {words:?}");
        assert_eq!(std::fs::read_to_string(place.path("data/a.txt")).expect("written"), "a.txt", "{app} {words:?}");
    }
    drop(pipe);
}

#[test]
fn options_of_the_end_that_cannot_be_are_named() {
    let place = Place::new();
    place.file("app.wat", guests::print(1, "ran"));
    for good in ["--shutdown-timeout=10ms", "--shutdown-timeout=1h", "--shutdown-timeout=3"] {
        place.run(&[good, "app.wat"]).is(0, "ran");
    }
    for bad in ["9ms", "0", "2h", "soon", ""] {
        let option = format!("--shutdown-timeout={bad}");
        place.run(&[&option, "app.wat"]).refuses(&["--shutdown-timeout", &format!("`{bad}`")]);
    }
    for good in ["--pagecache-max=1m", "--pagecache-max=1g"] {
        place.run(&[good, "app.wat"]).is(0, "ran");
    }
    for bad in ["0", "1023k", "much"] {
        let option = format!("--pagecache-max={bad}");
        place.run(&[&option, "app.wat"]).refuses(&["--pagecache-max", &format!("`{bad}`")]);
    }
}
