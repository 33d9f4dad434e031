//! What becomes of writes that a policy held back, when the guest ends.

use super::{Done, Place, guests};
use serde_json::Value;
use std::process::Stdio;

const WRITE_64K: &str = "(call $put (local.get $fd) (i32.const 65536) (i32.const 60000))";
const LOOP: &str = "(loop $again (br $again))";

/// The command where files cannot grow beyond 1 KiB: the system call that would do it fails with `EFBIG`. The signal
/// that comes with that is ignored, as it can be for any process.
fn where_files_stay_small(place: &Place, words: &str) -> std::process::Command {
    // Neither compiled code nor the image of a guest's memory could be kept in a file there.
    let command = format!("\"$0\" -C cache=n -O memory-init-cow=n {words}");
    let line = format!("ulimit -f 2; trap '' XFSZ; exec env --default-signal=TERM {command}");
    let mut shell = std::process::Command::new("sh");
    shell.current_dir(place.0.path()).args(["-c", &line, env!("CARGO_BIN_EXE_wasi-gofer")]);
    shell
}

#[test]
fn writes_that_the_source_refuses_are_told_to_the_guest_or_where_they_were_held_back_by_file_at_the_end() {
    let place = Place::new();
    place.file("app.wat", guests::write_file_then("a.txt", &WRITE_64K.repeat(2)));
    const FBIG: i32 = 22;
    for cache in ["exclusive", "writethrough", "shared", "none"] {
        let _ = std::fs::remove_dir_all(place.path("data"));
        place.dir("data");
        let words = format!("--mount=src=data,dst=/d,cache={cache} app.wat");
        let done = Done::from(where_files_stay_small(&place, &words).output().expect("started"));
        if cache == "exclusive" {
            // The guest ended with 0.
            done.is(125, "").says(&["`a.txt`", "`/d`", "EFBIG"]);
        } else {
            done.is(FBIG, "");
        }
    }
}

#[test]
fn writes_that_the_source_refuses_leave_the_guests_own_failure_its_code() {
    let place = Place::new();
    place.dir("data");
    for (end, code) in [("(call $proc_exit (i32.const 7))", 7), ("unreachable", 134)] {
        place.file("app.wat", guests::write_file_then("a.txt", &format!("{WRITE_64K} {end}")));
        let words = "--mount=src=data,dst=/d,cache=exclusive app.wat";
        let done = Done::from(where_files_stay_small(&place, words).output().expect("started"));
        done.is(code, "").says(&["`a.txt`", "EFBIG"]);
    }
}

#[test]
fn writes_that_the_source_refuses_are_told_by_file_when_a_signal_ends_the_guest() {
    use rustix::process::{Pid, Signal, kill_process};
    use std::io::Read;
    let place = Place::new();
    place.dir("data");
    place.file("app.wat", guests::write_file_then("a.txt", &format!("{WRITE_64K} (call $ready) {LOOP}")));
    let words = "--mount=src=data,dst=/d,cache=exclusive,writeback=1h --stats=out.json app.wat";
    let mut command = where_files_stay_small(&place, words);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    let mut ready = [0; 5];
    child.stdout.as_mut().expect("piped").read_exact(&mut ready).expect("the guest runs");
    kill_process(Pid::from_child(&child), Signal::TERM).expect("sent");
    Done::from(child.wait_with_output().expect("ended")).is(143, "").says(&["`a.txt`", "`/d`", "EFBIG"]);
    let report = std::fs::read_to_string(place.path("out.json")).expect("a report");
    let report: Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(report["mounts"][0]["bytes"]["written"], 60_005, "{report}");
}

#[test]
fn writes_that_were_held_back_are_brought_out_however_the_guest_ends() {
    let place = Place::new();
    for (end, flag, code) in [
        ("", "-Wmax-wasm-stack=524288", 0),
        ("(call $proc_exit (i32.const 7))", "-Wmax-wasm-stack=524288", 7),
        ("unreachable", "-Wmax-wasm-stack=524288", 134),
        (LOOP, "-Wtimeout=3s", 134),
        (LOOP, "-Wfuel=100000", 134),
    ] {
        let _ = std::fs::remove_dir_all(place.path("data"));
        place.dir("data");
        place.file("app.wat", guests::write_file_then("a.txt", end));
        let mount = "--mount=src=data,dst=/d,cache=exclusive,writeback=1h";
        let done = place.run(&[flag, "--stats=out.json", mount, "app.wat"]);
        done.is(code, "");
        assert_eq!(std::fs::read_to_string(place.path("data/a.txt")).expect("written"), "a.txt", "{end} {flag}");
        let report = std::fs::read_to_string(place.path("out.json")).expect("a report");
        let report: Value = serde_json::from_str(&report).expect("JSON");
        let bytes = &report["mounts"][0]["bytes"];
        assert_eq!((&bytes["written_back"], &bytes["not_written_back"]), (&5.into(), &0.into()), "{report}");
    }
}
