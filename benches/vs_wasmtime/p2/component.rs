//! The guest: a component with a loop for each operation.

use anyhow::Result;
use wasmtime::Engine;
use wasmtime::component::Component;

/// Where the guest keeps what it passes and what it is answered.
pub(super) const PATH_AT: u32 = 0x1000;
pub(super) const DATA_AT: u32 = 0x20000;
pub(super) const RETURNED_AT: u32 = 0x100;

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

/// The compiled guest: one engine and one component for all subjects.
#[derive(Clone)]
pub(super) struct Program {
    pub(super) engine: Engine,
    pub(super) component: Component,
}

impl Program {
    /// Compiles the guest.
    pub(super) fn new() -> Result<Self> {
        let engine = Engine::default();
        let component = Component::new(&engine, text())?;
        Ok(Program { engine, component })
    }
}

fn text() -> String {
    let imports = include_str!("../../../tests/p2/kit/imports.wat");
    let (mut lowered, mut imported, mut passed, mut lifted) = Default::default();
    let push = |text: &mut String, line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    for (instance, name, here, params) in FUNCTIONS {
        let core: String = params.chars().map(|c| if c == 'l' { " i64" } else { " i32" }).collect();
        push(
            &mut lowered,
            format!(
                "(core func ${here} (canon lower (func {instance} \"{name}\") (memory $memory) (realloc $realloc)))"
            ),
        );
        push(&mut imported, format!("(import \"host\" \"{here}\" (func ${here} (param{core})))"));
        push(&mut passed, format!("(export \"{here}\" (func ${here}))"));
    }
    for resource in DROPS {
        push(&mut lowered, format!("(core func $drop-{resource} (canon resource.drop ${resource}))"));
        push(&mut imported, format!("(import \"host\" \"drop-{resource}\" (func $drop-{resource} (param i32)))"));
        push(&mut passed, format!("(export \"drop-{resource}\" (func $drop-{resource}))"));
    }
    for name in LOOPED {
        let params = "(param \"n\" u32) (param \"fd\" u32) (param \"len\" u32) (param \"expected\" u32)";
        push(
            &mut lifted,
            format!("(func (export \"loop-{name}\") {params} (result u32) (canon lift (core func $main \"{name}\")))"),
        );
    }
    format!(
        r#"(component
{imports}
  (core module $libc-module
    (memory (export "memory") 64)
    (global $next (export "next") (mut i32) (i32.const 0x100000))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.get $next)
      (global.set $next (i32.and (i32.add (i32.add (global.get $next) (local.get 3)) (i32.const 15)) (i32.const -16))))
    (func (export "put") (param $from i32) (param $len i32) (param $to i32)
      (memory.copy (local.get $to) (local.get $from) (local.get $len)))
    (func (export "get") (param $from i32) (param $len i32) (result i32)
      (i32.store (i32.const 0) (local.get $from))
      (i32.store (i32.const 4) (local.get $len))
      (i32.const 0)))
  (core instance $libc (instantiate $libc-module))
  (alias core export $libc "memory" (core memory $memory))
  (alias core export $libc "realloc" (core func $realloc))
  {lowered}
  (core module $main-module
    (import "libc" "memory" (memory 64))
    (import "libc" "next" (global $next (mut i32)))
    {imported}
    {LOOPS})
  (core instance $main (instantiate $main-module (with "libc" (instance $libc)) (with "host" (instance {passed}))))
  (func (export "put") (param "bytes" (list u8)) (param "to" u32)
    (canon lift (core func $libc "put") (memory $memory) (realloc $realloc)))
  (func (export "get") (param "from" u32) (param "len" u32) (result (list u8))
    (canon lift (core func $libc "get") (memory $memory) (realloc $realloc)))
  (func (export "root") (result u32) (canon lift (core func $main "root")))
  (func (export "open") (param "fd" u32) (param "len" u32) (param "flags" u32) (result u32)
    (canon lift (core func $main "open")))
  {lifted})"#
    )
}
