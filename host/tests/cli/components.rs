//! Components of WASI 0.2.

use super::{Done, Place, guests};

/// A component in text form whose `wasi:cli/run` is `body`: core instructions that leave 0 for success. The first preopen
/// is in `$root`, text in memory from 1024 on.
pub(crate) fn component(text: &str, body: &str) -> String {
    let imports = include_str!("../../../tests/p2/kit/imports.wat");
    format!(
        r#"(component
{imports}
  (import "wasi:cli/exit@0.2.12" (instance $exit
    (export "exit" (func (param "status" (result))))
    (export "exit-with-code" (func (param "status-code" u8)))))
  (import "wasi:cli/stdout@0.2.12" (instance $stdout
    (alias outer 1 $output-stream (type $outer))
    (export "output-stream" (type $stream (eq $outer)))
    (export "get-stdout" (func (result (own $stream))))))
  (core module $libc-module
    (memory (export "memory") 4)
    (global $next (mut i32) (i32.const 65536))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.get $next)
      (global.set $next (i32.and (i32.add (i32.add (global.get $next) (local.get 3)) (i32.const 15)) (i32.const -16)))))
  (core instance $libc (instantiate $libc-module))
  (alias core export $libc "memory" (core memory $memory))
  (alias core export $libc "realloc" (core func $realloc))
  (core func $exit (canon lower (func $exit "exit")))
  (core func $exit-with-code (canon lower (func $exit "exit-with-code")))
  (core func $get-stdout (canon lower (func $stdout "get-stdout")))
  (core func $print (canon lower (func $streams "[method]output-stream.blocking-write-and-flush") (memory $memory)))
  (core func $get-directories
    (canon lower (func $preopens "get-directories") (memory $memory) (realloc $realloc)))
  (core func $open-at
    (canon lower (func $types "[method]descriptor.open-at") (memory $memory) (realloc $realloc)))
  (core func $read (canon lower (func $types "[method]descriptor.read") (memory $memory) (realloc $realloc)))
  (core func $write (canon lower (func $types "[method]descriptor.write") (memory $memory) (realloc $realloc)))
  (core module $main-module
    (import "libc" "memory" (memory 4))
    (import "host" "exit" (func $exit (param i32)))
    (import "host" "exit-with-code" (func $exit-with-code (param i32)))
    (import "host" "get-stdout" (func $get-stdout (result i32)))
    (import "host" "print" (func $print (param i32 i32 i32 i32)))
    (import "host" "get-directories" (func $get-directories (param i32)))
    (import "host" "open-at" (func $open-at (param i32 i32 i32 i32 i32 i32 i32)))
    (import "host" "read" (func $read (param i32 i64 i64 i32)))
    (import "host" "write" (func $write (param i32 i32 i32 i64 i32)))
    (data (i32.const 1024) "{text}")
    ;; Ends the guest with the error code, counted from 1, of the result at 0 whose payload is at this place.
    (func $check (param $payload i32)
      (if (i32.load8_u (i32.const 0))
        (then (call $exit-with-code (i32.add (i32.load8_u (local.get $payload)) (i32.const 1))))))
    ;; Opens the path of this length from 1024 on.
    (func $open (param $root i32) (param $len i32) (param $open-flags i32) (param $flags i32) (result i32)
      (call $open-at (local.get $root) (i32.const 1) (i32.const 1024) (local.get $len) (local.get $open-flags)
        (local.get $flags) (i32.const 0))
      (call $check (i32.const 4))
      (i32.load (i32.const 4)))
    (func (export "run") (result i32)
      (local $root i32) (local $file i32)
      (call $get-directories (i32.const 0))
      (if (i32.load (i32.const 4)) (then (local.set $root (i32.load (i32.load (i32.const 0))))))
      {body}))
  (core instance $main (instantiate $main-module
    (with "libc" (instance $libc))
    (with "host" (instance
      (export "exit" (func $exit))
      (export "exit-with-code" (func $exit-with-code))
      (export "get-stdout" (func $get-stdout))
      (export "print" (func $print))
      (export "get-directories" (func $get-directories))
      (export "open-at" (func $open-at))
      (export "read" (func $read))
      (export "write" (func $write))))))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $run-instance (export "run" (func $run)))
  (export "wasi:cli/run@0.2.12" (instance $run-instance)))"#
    )
}

/// Prints the file `path`.
fn cat(path: &str) -> String {
    let len = path.len();
    component(
        path,
        &format!(
            "(local.set $file (call $open (local.get $root) (i32.const {len}) (i32.const 0) (i32.const 1)))
      (call $read (local.get $file) (i64.const 4096) (i64.const 0) (i32.const 0))
      (call $check (i32.const 4))
      (call $print (call $get-stdout) (i32.load (i32.const 4)) (i32.load (i32.const 8)) (i32.const 32))
      (i32.const 0)"
        ),
    )
}

/// Writes its own name into the file `path`, which it makes.
fn write(path: &str) -> String {
    let len = path.len();
    component(
        path,
        &format!(
            "(local.set $file (call $open (local.get $root) (i32.const {len}) (i32.const 1) (i32.const 3)))
      (call $write (local.get $file) (i32.const 1024) (i32.const {len}) (i64.const 0) (i32.const 0))
      (call $check (i32.const 8))
      (i32.const 0)"
        ),
    )
}

const LOOP: &str = "(loop $again (br $again)) (i32.const 0)";

#[test]
fn exit_codes_are_what_run_returns_and_what_exit_is_given() {
    let place = Place::new();
    for (code, body) in [
        (0, "(i32.const 0)"),
        (1, "(i32.const 1)"),
        (0, "(call $exit (i32.const 0)) (i32.const 1)"),
        (1, "(call $exit (i32.const 1)) (i32.const 0)"),
        (7, "(call $exit-with-code (i32.const 7)) (i32.const 0)"),
    ] {
        place.file("app.wat", component("", body));
        place.run(&["app.wat"]).is(code, "");
    }
    place.file("app.wat", component("", "unreachable"));
    place.run(&["app.wat"]).is(134, "").says(&["app.wat", "trapped", "unreachable"]);
}

#[test]
fn components_are_binaries_or_text_or_precompiled_where_that_is_allowed() {
    let place = Place::new();
    place.file("data/file", "contents");
    let text = cat("file");
    let binary = wat::parse_str(&text).expect("valid");
    place.file("text.wat", &text);
    place.file("binary.wasm", &binary);
    place.file("ready.cwasm", wasmtime::Engine::default().precompile_component(&binary).expect("compiled"));

    place.run(&["--dir=data::/", "text.wat"]).is(0, "contents");
    place.run(&["--dir=data::/", "binary.wasm"]).is(0, "contents");
    place.run(&["--dir=data::/", "ready.cwasm"]).refuses(&["precompiled component", "--allow-precompiled"]);
    place.run(&["--dir=data::/", "--allow-precompiled", "ready.cwasm"]).is(0, "contents");
    let done = place.command().args(["--dir=data::/", "-"]).write_stdin(binary).output().expect("started");
    Done::from(done).is(0, "contents");
}

#[test]
fn what_a_component_writes_reaches_its_mount_under_every_policy() {
    for policy in ["exclusive", "writethrough", "shared", "none"] {
        let place = Place::new();
        place.dir("data");
        place.file("app.wat", write("new-file"));
        place.run(&[&format!("--mount=type=directfs,src=data,dst=/,cache={policy}"), "app.wat"]).is(0, "");
        assert_eq!(std::fs::read_to_string(place.path("data/new-file")).expect("written"), "new-file", "{policy}");
    }
}

#[test]
fn what_a_component_writes_reaches_its_mount_though_it_traps() {
    let place = Place::new();
    place.dir("data");
    place.file(
        "app.wat",
        write("new-file").replace("(i32.const 0)))\n  (core instance $main", "unreachable))\n  (core instance $main"),
    );
    place.run(&["--mount=type=directfs,src=data,dst=/,cache=exclusive", "app.wat"]).is(134, "");
    assert_eq!(std::fs::read_to_string(place.path("data/new-file")).expect("written"), "new-file");
}

#[test]
fn read_only_mounts_are_read_only_and_missing_files_missing() {
    let place = Place::new();
    place.dir("data");
    place.file("write.wat", write("new-file"));
    place.file("cat.wat", cat("none"));
    // `read-only` and `no-entry`, counted from 1.
    place.run(&["--dir=data::/::ro", "write.wat"]).is(34, "");
    place.run(&["--dir=data::/", "cat.wat"]).is(21, "");
}

#[test]
fn components_without_mounts_have_no_directories() {
    let place = Place::new();
    place.file("app.wat", component("", "(call $get-directories (i32.const 0)) (i32.load (i32.const 4))"));
    place.run(&["app.wat"]).is(0, "");
}

#[test]
fn components_that_export_no_run_or_import_what_is_not_there_are_refused() {
    let place = Place::new();
    place.file("empty.wat", "(component)");
    place.run(&["empty.wat"]).refuses(&["`empty.wat`", "wasi:cli/run"]);
    place.file("other.wat", "(component (import \"of:nobody/at-all\" (func)))");
    place.run(&["other.wat"]).refuses(&["`other.wat`", "of:nobody/at-all"]);
    place.file("app.wat", component("", "(i32.const 0)"));
    place.run(&["-Scli=n", "app.wat"]).refuses(&["`app.wat`", "wasi:"]);
    place.file("false.wat", "(component (core module (func (result i32))))");
    place.run(&["false.wat"]).refuses(&["`false.wat` is not a valid component"]);
}

#[test]
fn imports_that_are_not_there_trap_when_that_is_asked_for() {
    let place = Place::new();
    let text = component("", "(i32.const 0)");
    let text = text.replacen(
        "(component\n",
        "(component\n  (import \"of:nobody/at-all\" (instance (export \"f\" (func))))\n",
        1,
    );
    place.file("app.wat", text);
    place.run(&["app.wat"]).refuses(&["of:nobody/at-all"]);
    place.run(&["-Wunknown-imports-trap", "app.wat"]).is(0, "");
}

#[test]
fn options_of_the_other_kind_of_program_are_refused_by_name() {
    let place = Place::new();
    place.file("component.wat", component("", "(i32.const 0)"));
    place.file("module.wat", guests::exit(0));
    place.run(&["--invoke=run", "component.wat"]).refuses(&["--invoke", "component"]);
    place.run(&["--preload=m=module.wat", "component.wat"]).refuses(&["--preload", "component"]);
    place.run(&["--preload=c=component.wat", "module.wat"]).refuses(&["--preload c", "is a component"]);
    place.run(&["-Wunknown-imports-default", "component.wat"]).refuses(&["-W unknown-imports-default", "component"]);
    place.run(&["-Wunknown-exports-allow", "component.wat"]).refuses(&["-W unknown-exports-allow", "component"]);
    place.run(&["-Snetwork-error-code", "module.wat"]).refuses(&["-S network-error-code", "core module"]);
    place.run(&["-Snetwork-error-code,cli-exit-with-code", "component.wat"]).is(0, "");
    place.run(&["-Sp3", "component.wat"]).is(0, "");
}

#[test]
fn time_and_fuel_end_a_component_that_computes() {
    let place = Place::new();
    place.file("app.wat", component("", LOOP));
    place.run(&["-Wtimeout=200ms", "app.wat"]).is(134, "").says(&["timed out after 200ms"]);
    place.run(&["-Wfuel=1000", "app.wat"]).is(134, "").says(&["fuel"]);
}

#[test]
fn resources_over_the_limit_end_the_component() {
    let place = Place::new();
    place.file("data/file", "x");
    let open =
        "(loop $again (drop (call $open (local.get $root) (i32.const 4) (i32.const 0) (i32.const 1))) (br $again))";
    place.file("app.wat", component("file", &format!("{open} (i32.const 0)")));
    // Descriptors first: `insufficient-memory`, counted from 1, where the limit is that of files.
    let done = place.run(&["--dir=data::/", "-Smax-resources=20", "app.wat"]);
    done.is(1, "").says(&["app.wat"]);
}

#[test]
fn stats_count_what_a_component_does() {
    let place = Place::new();
    place.file("data/file", "contents");
    place.file("app.wat", cat("file"));
    place.run(&["--stats=stats.json", "--dir=data::/", "app.wat"]).is(0, "contents");
    let stats = std::fs::read_to_string(place.path("stats.json")).expect("a report");
    assert!(stats.contains("\"/\""), "{stats}");
}

#[test]
fn components_of_both_versions_run_over_every_policy_and_0_3_can_be_turned_off() {
    let place = Place::new();
    let guest =
        |version: &str| format!("{}/../guest-tests/guests/behaviours-{version}.wasm", env!("CARGO_MANIFEST_DIR"));
    for policy in ["exclusive", "writethrough", "shared", "none"] {
        for version in ["p2", "p3"] {
            let data = format!("{version}-{policy}");
            place.dir(&data);
            let mount = format!("--mount=src={data},dst=/,cache={policy}");
            place.run(&[&mount, &guest(version), "write_then_read_back"]).is(0, "");
        }
    }
    let (off, mount) = ("-Sp3=n", "--mount=type=memory,dst=/");
    place.run(&[off, mount, &guest("p2"), "write_then_read_back"]).is(0, "");
    place.run(&[off, mount, &guest("p3"), "write_then_read_back"]).refuses(&["behaviours-p3.wasm", "0.3"]);
    // What it needs of the engine turns it off too, unless it is asked for.
    place.run(&["-Wcomponent-model-async=n", mount, &guest("p2"), "write_then_read_back"]).is(0, "");
}
