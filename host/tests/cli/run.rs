//! `run`: exit codes, streams, arguments, environment, functions.

use super::{Place, guests};

#[test]
fn exit_code_is_the_guests_own() {
    let place = Place::new();
    for code in [0, 1, 42, 125] {
        place.file("app.wat", guests::exit(code));
        place.run(&["app.wat"]).is(code as i32, "");
        place.run(&["run", "app.wat"]).is(code as i32, "");
    }
}

#[test]
fn exit_code_of_a_start_that_returns_is_0() {
    let place = Place::new();
    place.file("app.wat", guests::start(""));
    place.run(&["app.wat"]).is(0, "");
}

#[test]
fn exit_code_of_a_trap_is_134_and_the_trap_is_told() {
    let place = Place::new();
    place.file("app.wat", guests::start("unreachable"));
    place.run(&["app.wat"]).is(134, "").says(&["app.wat", "trapped", "unreachable"]);
    place.file("early.wat", "(module (func unreachable) (start 0))");
    place.run(&["early.wat"]).is(134, "").says(&["unreachable"]);
    place.file("init.wat", guests::module("(func (export \"_initialize\") unreachable)"));
    place.run(&["init.wat"]).is(134, "");
}

#[test]
fn exit_code_of_an_exit_outside_of_wasis_range_is_1_as_in_wasmtime() {
    let place = Place::new();
    place.file("app.wat", guests::exit(126));
    place.run(&["app.wat"]).is(1, "").says(&["exit status"]);
}

#[test]
fn exit_in_a_start_function_is_the_guests_own() {
    let place = Place::new();
    place.file("app.wat", guests::module("(func $s (call $proc_exit (i32.const 9))) (start $s)"));
    place.run(&["app.wat"]).is(9, "");
}

#[test]
fn standard_streams_are_the_guests_and_nothing_of_ours_is_on_the_output() {
    let place = Place::new();
    place.file("out.wat", guests::print(1, "one\n"));
    place.run(&["--log=trace", "--stats", "--dir=.::/", "out.wat"]).is(0, "one\n");
    place.file("err.wat", guests::print(2, "two\n"));
    let done = place.run(&["err.wat"]);
    assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("", "two\n"));
    place.file("in.wat", guests::copy_stdin());
    let done = place.command().arg("in.wat").write_stdin("three\n").output().expect("started");
    super::Done::from(done).is(0, "three\n");
}

#[test]
fn standard_streams_that_are_not_inherited_are_empty_or_dropped() {
    let place = Place::new();
    place.file("out.wat", guests::print(1, "one\n"));
    place.run(&["-Sinherit-stdout=n", "out.wat"]).is(0, "");
    place.file("err.wat", guests::print(2, "two\n"));
    assert_eq!(place.run(&["-Sinherit-stderr=n", "err.wat"]).is(0, "").stderr, "");
    place.file("in.wat", guests::copy_stdin());
    let done = place.command().args(["-Sinherit-stdin=n", "in.wat"]).write_stdin("three\n").output().expect("started");
    super::Done::from(done).is(0, "");
}

#[test]
fn arguments_go_to_the_guest_behind_the_modules_file_name() {
    let place = Place::new();
    let app = place.file("sub/app.wat", guests::print_args_and_environment());
    let app = app.to_str().expect("UTF-8");
    place.run(&[app, "a", "--dir", "-S", "--"]).is(0, "app.wat\na\n--dir\n-S\n--\n");
    place.run(&["--argv0", "/bin/x", app, "a"]).is(0, "/bin/x\na\n");
    place.run(&["run", "--", app, "--help"]).is(0, "app.wat\n--help\n");
}

#[test]
fn environment_is_what_env_says() {
    let place = Place::new();
    place.file("app.wat", guests::print_args_and_environment());
    let mut command = place.command();
    command.env("HERE", "from here").env_remove("NOT_HERE");
    command.args(["--env", "A=b=c", "--env=E=", "--env", "HERE", "--env", "NOT_HERE", "app.wat"]);
    super::Done::from(command.output().expect("started")).is(0, "app.wat\nA=b=c\nE=\nHERE=from here\n");
}

#[test]
fn environment_has_each_name_once_and_the_last_value_that_it_was_given() {
    let place = Place::new();
    place.file("app.wat", guests::print_args_and_environment());
    let environment = |words: &[&str]| -> Vec<String> {
        let mut command = place.command();
        command.env("X", "1").env_remove("NOT_HERE");
        let done = super::Done::from(command.args(words).arg("app.wat").output().expect("started"));
        assert_eq!(done.code, Some(0), "{done:?}");
        let ours = |line: &&str| ["X=", "Y=", "NOT_HERE="].iter().any(|name| line.starts_with(name));
        done.stdout.lines().filter(ours).map(ToOwned::to_owned).collect()
    };
    assert_eq!(environment(&["-Sinherit-env", "--env=X=2"]), ["X=2"]);
    assert_eq!(environment(&["--env=X=2", "--env=Y=", "--env=X=3"]), ["X=3", "Y="]);
    assert_eq!(environment(&["--env=X=2", "--env=X"]), ["X=1"]);
    assert_eq!(environment(&["-Sinherit-env", "--env=X=2", "--env=X"]), ["X=1"]);
    assert_eq!(environment(&["--env=NOT_HERE=2", "--env=NOT_HERE"]), ["NOT_HERE=2"], "there is nothing to hand on");
}

#[test]
fn environment_is_inherited_when_asked_and_env_comes_behind() {
    let place = Place::new();
    place.file("app.wat", guests::print_args_and_environment());
    let mut command = place.command();
    command.env("HERE", "from here").args(["-Sinherit-env", "--env=LAST=1", "app.wat"]);
    let done = super::Done::from(command.output().expect("started"));
    assert!(done.stdout.contains("\nHERE=from here\n") && done.stdout.ends_with("\nLAST=1\n"), "{done:?}");
}

#[test]
fn initialize_runs_before_start() {
    let place = Place::new();
    let fields = "(global $g (mut i32) (i32.const 1))
        (func (export \"_initialize\") (global.set $g (i32.const 7)))
        (func (export \"_start\") (call $proc_exit (global.get $g)))";
    place.file("app.wat", guests::module(fields));
    place.run(&["app.wat"]).is(7, "");
}

#[test]
fn invoke_calls_an_export_with_arguments_and_prints_its_results() {
    let place = Place::new();
    let app = r#"(module
        (func (export "add") (param i32 i64) (result i64) (i64.add (i64.extend_i32_s (local.get 0)) (local.get 1)))
        (func (export "two") (result f32 f64) (f32.const 1.5) (f64.const -0.5))
        (func (export "null") (result externref) (ref.null extern))
        (func (export "none"))
        (func (export "_start") unreachable))"#;
    place.file("app.wat", app);
    place.run(&["--invoke", "add", "app.wat", "-3", "0x10"]).is(0, "13\n");
    place.run(&["--invoke", "two", "app.wat"]).is(0, "1.5\n-0.5\n");
    place.run(&["--invoke", "null", "app.wat"]).is(0, "<null externref>\n");
    place.run(&["--invoke", "none", "app.wat"]).is(0, "");
}

#[test]
fn invoke_of_something_else_is_refused_before_anything_runs() {
    let place = Place::new();
    let app = r#"(module (memory (export "memory") 1) (global $never (mut i32) (i32.const 0))
        (func (export "_initialize") unreachable)
        (func (export "add") (param i32 i32)) (func (export "vector") (param v128)))"#;
    place.file("app.wat", app);
    place.run(&["--invoke", "sub", "app.wat"]).refuses(&["`sub`"]);
    place.run(&["--invoke", "memory", "app.wat"]).refuses(&["`memory`"]);
    place.run(&["--invoke", "add", "app.wat", "1"]).refuses(&["`add`", "2 are needed and 1 given"]);
    place.run(&["--invoke", "add", "app.wat", "1", "x"]).refuses(&["`x` is not a number of type i32"]);
    place.run(&["--invoke", "vector", "app.wat", "1"]).refuses(&["v128"]);
}

#[test]
fn preload_gives_the_main_module_its_imports() {
    let place = Place::new();
    place.file("lib.wat", "(module (func (export \"six\") (result i32) (i32.const 6)))");
    let app = r#"(module
        (import "math" "six" (func $six (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (func (export "_start") (call $exit (call $six))))"#;
    place.file("app.wat", app);
    place.run(&["--preload", "math=lib.wat", "app.wat"]).is(6, "");
    place.run(&["--preload", "other=lib.wat", "app.wat"]).refuses(&["math"]);
    place.run(&["--preload", "math=nowhere.wat", "app.wat"]).refuses(&["--preload math", "nowhere.wat"]);
    place.run(&["--preload", "math", "app.wat"]).refuses(&["NAME=MODULE"]);
}

#[test]
fn log_goes_to_the_error_stream_at_the_level_asked_for() {
    let place = Place::new();
    place.file("app.wat", guests::start(""));
    for level in ["off", "error", "warn", "info", "debug", "trace"] {
        place.run(&["--log", level, "app.wat"]).is(0, "");
    }
    assert_eq!(place.run(&["app.wat"]).is(0, "").stderr, "");
    place.run(&["--log", "debgu", "app.wat"]).refuses(&["debgu", "debug"]);
}

#[test]
fn log_is_chosen_by_the_environment_and_turned_off_by_a_sub_option() {
    let place = Place::new();
    place.file("app.wat", guests::stat_file("missing", 1));
    let run = |words: &[&str], filter: &str| {
        let mut command = place.command();
        command.env("RUST_LOG", filter).args(words).args(["--dir=.::/", "app.wat"]);
        super::Done::from(command.output().expect("started")).stderr
    };
    assert!(run(&[], "wasi_gofer=debug").contains("path_filestat_get"));
    assert!(!run(&[], "wasi_gofer=error").contains("path_filestat_get"));
    assert!(run(&["--log=debug"], "error").contains("path_filestat_get"));
    assert_eq!(run(&["-Dlogging=n"], "trace"), "");
}

#[test]
fn help_and_version_are_on_the_output() {
    let place = Place::new();
    for words in [["--help"], ["-h"], ["--version"], ["help"]] {
        let done = place.run(&words);
        assert!(done.code == Some(0) && done.stdout.contains("wasi-gofer") && done.stderr.is_empty(), "{done:?}");
    }
    for command in ["run", "ls", "stat", "cat"] {
        assert!(place.run(&[command, "--help"]).stdout.contains("--mount"), "{command}");
    }
}
