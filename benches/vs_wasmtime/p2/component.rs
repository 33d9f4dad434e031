//! The guest: a component with a loop for each operation.

use crate::component::{Program, Text};
use anyhow::Result;
use wasmtime::Engine;

/// The functions that the loops call: where from, the name there, the name here, the flattened parameters (`i` for i32,
/// `l` for i64).
const FUNCTIONS: &[(&str, &str, &str, &str)] = &[
    ("$preopens", "get-directories", "get-directories", "i"),
    ("$types", "[method]descriptor.get-type", "get-type", "ii"),
    ("$types", "[method]descriptor.stat-at", "stat-at", "iiiii"),
    ("$types", "[method]descriptor.stat", "stat", "ii"),
    ("$types", "[method]descriptor.open-at", "open-at", "iiiiiii"),
    ("$types", "[method]descriptor.read", "read", "illi"),
    ("$types", "[method]descriptor.write", "write", "iiili"),
    ("$types", "[method]descriptor.read-via-stream", "read-via-stream", "ili"),
    ("$types", "[method]descriptor.read-directory", "read-directory", "ii"),
    ("$types", "[method]directory-entry-stream.read-directory-entry", "read-entry", "ii"),
    ("$streams", "[method]input-stream.blocking-read", "blocking-read", "ili"),
];

const DROPS: [&str; 3] = ["descriptor", "directory-entry-stream", "input-stream"];

/// Loops: each does its operation `n` times on `$fd`, `$len` long, and answers 0, or 1 and the code that was not
/// `$expected`. What the host returns goes to the same place each time.
const LOOPS: &str = r#"
    (func $again (global.set $next (i32.const 0x100000)))
    (func (export "root") (result i32)
      (call $get-directories (i32.const 0x100))
      (i32.load (i32.load (i32.const 0x100))))
    (func (export "open") (param $fd i32) (param $len i32) (param $flags i32) (result i32)
      (call $open-at (local.get $fd) (i32.const 1) (i32.const 0x1000) (local.get $len) (i32.const 0)
        (local.get $flags) (i32.const 0x100))
      (if (i32.load8_u (i32.const 0x100)) (then unreachable))
      (i32.load (i32.const 0x104)))
    ;; Whether the result at 0x100 is the one expected: 0 for success, else 1 and the code.
    (func $differs (param $payload i32) (param $expected i32) (result i32)
      (i32.ne (local.get $expected)
        (if (result i32) (i32.load8_u (i32.const 0x100))
          (then (i32.add (i32.load8_u (local.get $payload)) (i32.const 1)))
          (else (i32.const 0)))))
    (func (export "get-type") (param $n i32) (param $fd i32) (param $len i32) (param $expected i32) (result i32)
      (loop $more
        (call $get-type (local.get $fd) (i32.const 0x100))
        (if (call $differs (i32.const 0x101) (local.get $expected)) (then (return (i32.const 1))))
        (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (i32.const 0))
    (func (export "stat-at") (param $n i32) (param $fd i32) (param $len i32) (param $expected i32) (result i32)
      (loop $more
        (call $stat-at (local.get $fd) (i32.const 1) (i32.const 0x1000) (local.get $len) (i32.const 0x100))
        (if (call $differs (i32.const 0x108) (local.get $expected)) (then (return (i32.const 1))))
        (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (i32.const 0))
    (func (export "stat") (param $n i32) (param $fd i32) (param $len i32) (param $expected i32) (result i32)
      (loop $more
        (call $stat (local.get $fd) (i32.const 0x100))
        (if (call $differs (i32.const 0x108) (local.get $expected)) (then (return (i32.const 1))))
        (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (i32.const 0))
    (func (export "open-drop") (param $n i32) (param $fd i32) (param $len i32) (param $expected i32) (result i32)
      (loop $more
        (call $open-at (local.get $fd) (i32.const 1) (i32.const 0x1000) (local.get $len) (i32.const 0) (i32.const 1)
          (i32.const 0x100))
        (if (call $differs (i32.const 0x104) (local.get $expected)) (then (return (i32.const 1))))
        (call $drop-descriptor (i32.load (i32.const 0x104)))
        (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (i32.const 0))
    (func (export "read") (param $n i32) (param $fd i32) (param $len i32) (param $expected i32) (result i32)
      (loop $more
        (call $again)
        (call $read (local.get $fd) (i64.extend_i32_u (local.get $len)) (i64.const 0) (i32.const 0x100))
        (if (call $differs (i32.const 0x104) (local.get $expected)) (then (return (i32.const 1))))
        (if (i32.ne (i32.load (i32.const 0x108)) (local.get $len)) (then (return (i32.const 2))))
        (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (i32.const 0))
    (func (export "stream-read") (param $n i32) (param $fd i32) (param $len i32) (param $expected i32) (result i32)
      (local $stream i32) (local $left i32)
      (loop $more
        (call $again)
        (if (i32.eqz (local.get $left))
          (then
            (call $read-via-stream (local.get $fd) (i64.const 0) (i32.const 0x100))
            (if (call $differs (i32.const 0x104) (local.get $expected)) (then (return (i32.const 1))))
            (local.set $stream (i32.load (i32.const 0x104)))
            (local.set $left (i32.const 16))))
        (call $blocking-read (local.get $stream) (i64.extend_i32_u (local.get $len)) (i32.const 0x100))
        (if (call $differs (i32.const 0x104) (local.get $expected)) (then (return (i32.const 1))))
        (if (i32.ne (i32.load (i32.const 0x108)) (local.get $len)) (then (return (i32.const 2))))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (if (i32.eqz (local.get $left)) (then (call $drop-input-stream (local.get $stream))))
        (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (if (local.get $left) (then (call $drop-input-stream (local.get $stream))))
      (i32.const 0))
    (func (export "write") (param $n i32) (param $fd i32) (param $len i32) (param $expected i32) (result i32)
      (loop $more
        (call $write (local.get $fd) (i32.const 0x20000) (local.get $len) (i64.const 0) (i32.const 0x100))
        (if (call $differs (i32.const 0x108) (local.get $expected)) (then (return (i32.const 1))))
        (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (i32.const 0))
    ;; `$len` is the number of entries. Of the last listing the names and types stay behind 0x100000.
    (func (export "read-directory") (param $n i32) (param $fd i32) (param $len i32) (param $expected i32) (result i32)
      (local $entries i32) (local $count i32)
      (loop $more
        (call $again)
        (call $read-directory (local.get $fd) (i32.const 0x100))
        (if (call $differs (i32.const 0x104) (local.get $expected)) (then (return (i32.const 1))))
        (local.set $entries (i32.load (i32.const 0x104)))
        (local.set $count (i32.const 0))
        (block $end
          (loop $next-entry
            (call $read-entry (local.get $entries) (i32.const 0x100))
            (if (call $differs (i32.const 0x104) (local.get $expected)) (then (return (i32.const 1))))
            (br_if $end (i32.eqz (i32.load8_u (i32.const 0x104))))
            (local.set $count (i32.add (local.get $count) (i32.const 1)))
            (br $next-entry)))
        (if (i32.ne (local.get $count) (local.get $len)) (then (return (i32.const 2))))
        (call $drop-directory-entry-stream (local.get $entries))
        (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (i32.const 0))
"#;

/// The exports of the loops.
const LOOPED: [&str; 8] =
    ["get-type", "stat-at", "stat", "open-drop", "read", "stream-read", "write", "read-directory"];

/// Compiles the guest.
pub(super) fn program() -> Result<Program> {
    let mut text = Text::default();
    for (instance, name, here, params) in FUNCTIONS {
        text.function(here, &format!("lower (func {instance} \"{name}\") $m $r"), params)?;
    }
    for resource in DROPS {
        text.function(&format!("drop-{resource}"), &format!("resource.drop ${resource}"), "i")?;
    }
    text.export("root", "root", "(result u32)")?;
    text.export("open", "open", "(param \"fd\" u32) (param \"len\" u32) (param \"flags\" u32) (result u32)")?;
    for name in LOOPED {
        let params = "(param \"n\" u32) (param \"fd\" u32) (param \"len\" u32) (param \"expected\" u32)";
        text.export(&format!("loop-{name}"), name, &format!("{params} (result u32)"))?;
    }
    Program::new(Engine::default(), &text.component(include_str!("../../../tests/p2/kit/imports.wat"), LOOPS))
}
