//! What can be run: binaries, text, the standard input, precompiled modules, and the compile cache.

use super::{Done, Place, guests};
use std::path::Path;

fn precompiled(text: &str) -> Vec<u8> {
    wasmtime::Engine::default().precompile_module(text.as_bytes()).expect("compiled")
}

#[test]
fn modules_are_binaries_or_text() {
    let place = Place::new();
    place.file("app.wasm", wat::parse_str(guests::exit(3)).expect("valid"));
    place.run(&["app.wasm"]).is(3, "");
    place.file("app", guests::exit(4));
    place.run(&["app"]).is(4, "");
}

#[test]
fn module_of_the_standard_input_is_a_dash() {
    let place = Place::new();
    for bytes in [guests::exit(5).into_bytes(), wat::parse_str(guests::exit(5)).expect("valid")] {
        let done = place.command().arg("-").write_stdin(bytes).output().expect("started");
        Done::from(done).is(5, "");
    }
}

#[test]
fn module_without_anything_to_run_is_instantiated_and_that_is_all() {
    let place = Place::new();
    place.file("app.wat", "(module)");
    place.run(&["app.wat"]).is(0, "");
}

#[test]
fn precompiled_modules_run_when_that_is_allowed() {
    let place = Place::new();
    let bytes = precompiled(&guests::exit(6));
    place.file("app.cwasm", &bytes);
    place.run(&["app.cwasm"]).refuses(&["precompiled", "--allow-precompiled"]);
    place.run(&["--allow-precompiled", "app.cwasm"]).is(6, "");
    let done = place.command().args(["--allow-precompiled", "-"]).write_stdin(bytes).output().expect("started");
    Done::from(done).is(6, "");
}

#[test]
fn precompiled_modules_of_another_configuration_are_refused() {
    let place = Place::new();
    place.file("app.cwasm", precompiled(&guests::exit(6)));
    place.run(&["--allow-precompiled", "-Wfuel=10", "app.cwasm"]).refuses(&["app.cwasm"]);
}

#[test]
fn modules_that_are_none_are_refused() {
    let place = Place::new();
    place.file("bytes", b"\x7fELF\xff\xfe");
    place.run(&["bytes"]).refuses(&["`bytes` is neither"]);
    place.file("words", "hello");
    place.run(&["words"]).refuses(&["`words` is neither"]);
    place.file("empty", "");
    place.run(&["empty"]).refuses(&["`empty`"]);
    let mut cut = wat::parse_str(guests::exit(0)).expect("valid");
    cut.truncate(cut.len() / 2);
    place.file("cut.wasm", cut);
    place.run(&["cut.wasm"]).refuses(&["`cut.wasm` is not a valid module"]);
    place.file("false.wat", "(module (func (result i32)))");
    place.run(&["false.wat"]).refuses(&["`false.wat` is not a valid module"]);
    place.run(&["nowhere.wasm"]).refuses(&["`nowhere.wasm`", "No such file"]);
    place.dir("dir");
    place.run(&["dir"]).refuses(&["`dir`", "directory"]);
    place.run(&[""]).refuses(&["``"]);
}

#[test]
fn modules_with_unknown_imports_are_refused_with_the_import() {
    let place = Place::new();
    place.file("app.wat", "(module (import \"x\" \"y\" (func)))");
    place.run(&["app.wat"]).refuses(&["cannot instantiate `app.wat`", "x::y"]);
    place.file("old.wat", "(module (import \"wasi_unstable\" \"proc_exit\" (func (param i32))))");
    place.run(&["old.wat"]).refuses(&["wasi_unstable", "older"]);
}

/// Files below `dir`, at any depth.
fn files(dir: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    let count = |entry: std::fs::DirEntry| {
        if entry.path().is_dir() { files(&entry.path()) } else { 1 }
    };
    entries.map(|entry| count(entry.expect("an entry"))).sum()
}

#[test]
fn compile_cache_is_on_unless_told_otherwise() {
    let place = Place::new();
    place.file("app.wat", guests::exit(0));
    let cache = place.path("cache");
    let run = |words: &[&str]| {
        let output = place.command().env("XDG_CACHE_HOME", &cache).args(words).output().expect("started");
        Done::from(output).is(0, "");
        files(&cache)
    };
    assert_eq!(run(&["-Ccache=n", "app.wat"]), 0);
    let first = run(&["app.wat"]);
    assert!(first > 0);
    run(&["app.wat"]);
}

#[test]
fn compile_cache_by_default_is_no_reason_to_fail() {
    let place = Place::new();
    let file = place.file("plain-file", "");
    place.file("app.wat", guests::exit(0));
    let mut command = place.command();
    command.env("XDG_CACHE_HOME", &file).arg("app.wat");
    Done::from(command.output().expect("started")).is(0, "");
    let mut command = place.command();
    command.env("XDG_CACHE_HOME", &file).args(["-Ccache", "app.wat"]);
    Done::from(command.output().expect("started")).refuses(&["cache"]);
}

#[test]
fn compile_cache_has_its_own_configuration_file() {
    let place = Place::new();
    place.file("app.wat", guests::exit(0));
    let dir = place.path("mine");
    let toml = format!("[cache]\ndirectory = {:?}\n", dir.to_str().expect("UTF-8"));
    place.file("cache.toml", toml);
    place.run(&["-C", "cache-config=cache.toml", "app.wat"]).is(0, "");
    assert!(files(&dir) > 0);
    place.run(&["-C", "cache-config=nowhere.toml", "app.wat"]).refuses(&["nowhere.toml"]);
}
