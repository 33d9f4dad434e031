//! What bounds a guest: time, fuel, memory; and what happens then.

use super::{Done, Place, guests};
use std::time::{Duration, Instant};

const LOOP: &str = "(loop $again (br $again))";

#[test]
fn timeout_ends_a_guest_that_computes_sleeps_or_waits_for_input() {
    let place = Place::new();
    place.file("loop.wat", guests::start(LOOP));
    place.file("sleep.wat", guests::sleep());
    place.file("wait.wat", guests::copy_stdin());
    for app in ["loop.wat", "sleep.wat", "wait.wat"] {
        let start = Instant::now();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_wasi-gofer"));
        let input = std::process::Stdio::piped();
        let mut child = command
            .current_dir(place.0.path())
            .args(["-Wtimeout=300ms", app])
            .stdin(input)
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("started");
        // Held open: the guest's input has no end.
        let held = child.stdin.take();
        let done = Done::from(child.wait_with_output().expect("ended"));
        drop(held);
        done.is(134, "").says(&["timed out after 300ms", app]);
        assert!(start.elapsed() < Duration::from_secs(60), "{app}: {:?}", start.elapsed());
    }
}

#[test]
fn timeout_that_is_not_reached_changes_nothing() {
    let place = Place::new();
    place.file("app.wat", guests::print(1, "x"));
    place.run(&["-Wtimeout=60s", "app.wat"]).is(0, "x");
    place.file("in.wat", guests::copy_stdin());
    let output = place.command().args(["-Wtimeout=60s", "in.wat"]).write_stdin("y").output();
    Done::from(output.expect("started")).is(0, "y");
}

#[test]
fn timeout_also_ends_a_start_function_and_a_preload() {
    let place = Place::new();
    place.file("loop.wat", format!("(module (func {LOOP}) (start 0))"));
    place.file("app.wat", guests::exit(0));
    place.run(&["-Wtimeout=100ms", "loop.wat"]).is(134, "");
    place.run(&["-Wtimeout=100ms", "--preload=x=loop.wat", "app.wat"]).is(134, "");
}

#[test]
fn epoch_interruption_alone_interrupts_nothing() {
    let place = Place::new();
    place.file("app.wat", guests::print(1, "x"));
    place.run(&["-Wepoch-interruption", "app.wat"]).is(0, "x");
}

#[test]
fn fuel_that_is_used_up_is_a_trap() {
    let place = Place::new();
    place.file("app.wat", guests::start(LOOP));
    place.run(&["-Wfuel=1000", "app.wat"]).is(134, "").says(&["fuel"]);
    place.file("app.wat", guests::exit(3));
    place.run(&["-Wfuel=1000", "app.wat"]).is(3, "");
}

#[test]
fn memory_limit_makes_growth_fail_or_trap() {
    let place = Place::new();
    place.file(
        "app.wat",
        guests::start(
            "(if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then (call $proc_exit (i32.const 8))))",
        ),
    );
    place.run(&["app.wat"]).is(0, "");
    place.run(&["-Wmax-memory-size=262144", "app.wat"]).is(8, "");
    place.run(&["-Wmax-memory-size=262144,trap-on-grow-failure", "app.wat"]).is(1, "").says(&["growing memory"]);
    place.run(&["-Wmax-memory-size=1000", "app.wat"]).refuses(&["memory", "limit"]);
}

#[test]
fn other_limits_of_the_store_refuse_the_module() {
    let place = Place::new();
    place.file("app.wat", "(module (memory 1) (table 100 funcref))");
    place.run(&["app.wat"]).is(0, "");
    for limit in ["max-instances=0", "max-memories=0", "max-tables=0", "max-table-elements=99"] {
        place.run(&["-W", limit, "app.wat"]).refuses(&["cannot instantiate"]);
    }
}

#[test]
fn stack_limit_is_the_one_asked_for() {
    let place = Place::new();
    let deep = "(func $down (param i32) (if (local.get 0) (then (call $down (i32.sub (local.get 0) (i32.const 1))))))
        (func (export \"_start\") (call $down (i32.const 30000)))";
    place.file("app.wat", guests::module(deep));
    place.run(&["-Wmax-wasm-stack=8000000", "app.wat"]).is(0, "");
    place.run(&["-Wmax-wasm-stack=65536", "app.wat"]).is(134, "").says(&["stack"]);
}

#[test]
fn unknown_imports_trap_or_answer_defaults_when_asked() {
    let place = Place::new();
    let app = r#"(module (import "x" "y" (func $y (result i32))) (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (func (export "calls") (call $exit (i32.add (i32.const 3) (call $y)))) (func (export "not")))"#;
    place.file("app.wat", app);
    place.run(&["--invoke=not", "app.wat"]).refuses(&["x::y"]);
    place.run(&["-Wunknown-imports-trap", "--invoke=not", "app.wat"]).is(0, "");
    place.run(&["-Wunknown-imports-trap", "--invoke=calls", "app.wat"]).is(1, "").says(&["x::y"]);
    place.run(&["-Wunknown-imports-default", "--invoke=calls", "app.wat"]).is(3, "");
}

#[test]
fn unknown_exports_of_a_preload_that_is_a_command_are_allowed_when_asked() {
    let place = Place::new();
    place.file("lib.wat", "(module (memory (export \"odd\") 1) (func (export \"_start\")))");
    place.file("app.wat", guests::exit(0));
    place.run(&["--preload=x=lib.wat", "app.wat"]).refuses(&["odd"]);
    place.run(&["-Wunknown-exports-allow", "--preload=x=lib.wat", "app.wat"]).is(0, "");
}

#[test]
fn proposals_can_be_switched() {
    let place = Place::new();
    place.file("simd.wat", "(module (func (export \"_start\") (drop (v128.const i64x2 0 0))))");
    place.run(&["simd.wat"]).is(0, "");
    place.run(&["-Wsimd=n,relaxed-simd=n", "simd.wat"]).refuses(&["not a valid module"]);
    let throws = "(module (tag $t) (func (export \"_start\") (block $b (try_table (catch $t $b) (throw $t)))))";
    place.file("throws.wat", throws);
    place.run(&["-Wexceptions", "throws.wat"]).is(0, "");
    place.run(&["-Wexceptions=n", "throws.wat"]).refuses(&["not a valid module"]);
    place.run(&["-Wall-proposals", "throws.wat"]).is(0, "");
    place.file("uncaught.wat", "(module (tag $t) (func (export \"_start\") (throw $t)))");
    place.run(&["-Wexceptions", "uncaught.wat"]).is(1, "").says(&["exception"]);
}

#[test]
fn core_dump_is_written_after_a_trap() {
    let place = Place::new();
    place.file("app.wat", guests::start("unreachable"));
    place.run(&["-Dcoredump=core", "app.wat"]).is(134, "").says(&["core dump: core"]);
    assert!(std::fs::read(place.path("core")).expect("a core dump").starts_with(b"\0asm"));
    place.run(&["-Dcoredump=no/where", "app.wat"]).is(134, "").says(&["no core dump: `no/where`"]);
    place.run(&["-Dcoredump=core-%p", "app.wat"]).refuses(&["coredump"]);
}

#[test]
fn wasi_can_be_left_out() {
    let place = Place::new();
    place.file("app.wat", guests::exit(0));
    for flag in ["-Scli=n", "-Scommon=n"] {
        place.run(&[flag, "app.wat"]).refuses(&["wasi_snapshot_preview1"]);
    }
    place.file("bare.wat", "(module)");
    place.run(&["-Scli=n", "bare.wat"]).is(0, "");
}

#[test]
fn resources_are_the_descriptors_beside_the_standard_streams() {
    let place = Place::new();
    place.dir("data");
    const MFILE: i32 = 33;
    // The preopened directory is one of them.
    place.file("app.wat", guests::open_root(2));
    place.run(&["-Smax-resources=3", "--dir=data::/d", "app.wat"]).is(0, "");
    place.run(&["-Smax-resources=2", "--dir=data::/d", "app.wat"]).is(MFILE, "");
}

#[test]
fn random_bytes_and_copies_through_the_host_have_their_limits() {
    let place = Place::new();
    place.file("random.wat", guests::random(1000));
    place.run(&["-Smax-random-size=1000", "random.wat"]).is(0, "");
    place.run(&["-Smax-random-size=999", "random.wat"]).is(1, "").says(&["random"]);
    place.file("print.wat", guests::print(1, "x"));
    const NOMEM: i32 = 48;
    place.run(&["-Shostcall-fuel=100", "print.wat"]).is(0, "x");
    place.run(&["-Shostcall-fuel=1", "print.wat"]).is(NOMEM, "");
}

#[test]
fn open_file_limit_is_raised_to_the_hard_one() {
    let place = Place::new();
    place.file("app.wat", guests::exit(0));
    let run = |limits: &str, fds: &str| {
        let line = format!("{limits}; exec \"$0\" --fds={fds} app.wat");
        let mut command = assert_cmd::Command::new("sh");
        command.current_dir(place.0.path()).args(["-c", &line, env!("CARGO_BIN_EXE_wasi-gofer")]);
        Done::from(command.output().expect("started"))
    };
    run("ulimit -Sn 100; ulimit -Hn 200", "150").is(0, "");
    run("ulimit -Sn 100; ulimit -Hn 200", "201").refuses(&["--fds says 201", "200"]);
}
