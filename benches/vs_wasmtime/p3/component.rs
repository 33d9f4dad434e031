//! The guest: a component with a loop for each operation.

use anyhow::Result;
use std::fmt::Write as _;
use wasmtime::component::Component;
use wasmtime::{Config, Engine};

/// Where the guest keeps what it passes and what it is answered.
pub(super) const PATH_AT: u32 = 0x1000;
pub(super) const RETURNED_AT: u32 = 0x100;
/// Where entries are, one behind the other, and what their names are allocated in.
pub(super) const DATA_AT: u32 = 0x20000;
pub(super) const HEAP_AT: u32 = 0x100000;

/// What the loops call: the name here, how it is defined, and the flattened parameters (`i` for i32, `l` for i64), with
/// the result behind `=`.
const FUNCTIONS: &[(&str, &str, &str)] = &[
    ("get-directories", "lower (func $preopens \"get-directories\") $m $r", "i"),
    ("open-at", "lower (func $types \"[method]descriptor.open-at\") $m $r", "iiiiiii"),
    ("stat-at", "lower (func $types \"[method]descriptor.stat-at\") $m $r", "iiiii"),
    ("read-via-stream", "lower (func $types \"[method]descriptor.read-via-stream\") $m $r", "ili"),
    ("read-directory", "lower (func $types \"[method]descriptor.read-directory\") $m $r", "ii"),
    ("bytes-read", "stream.read $bytes async $m", "iii=i"),
    ("bytes-drop", "stream.drop-readable $bytes", "i"),
    ("entries-read", "stream.read $entries async $m $r", "iii=i"),
    ("entries-drop", "stream.drop-readable $entries", "i"),
    ("told-read", "future.read $told async $m $r", "ii=i"),
    ("told-drop", "future.drop-readable $told", "i"),
    ("set-new", "waitable-set.new", "=i"),
    ("set-wait", "waitable-set.wait $m", "ii=i"),
    ("join", "waitable.join", "ii"),
];

/// Loops: each does its operation `n` times on `$fd` and answers 0, or what is wrong. What the host returns goes to the
/// same place each time.
const LOOPS: &str = r#"
    (global $set (mut i32) (i32.const 0))
    (func (export "root") (result i32)
      (global.set $set (call $set-new))
      (call $get-directories (i32.const 0x100))
      (i32.load (i32.load (i32.const 0x100))))
    (func (export "open") (param $fd i32) (param $len i32) (result i32)
      (call $open-at (local.get $fd) (i32.const 1) (i32.const 0x1000) (local.get $len) (i32.const 0) (i32.const 1)
        (i32.const 0x100))
      (if (i32.load8_u (i32.const 0x100)) (then unreachable))
      (i32.load (i32.const 0x104)))
    ;; What an operation came to, that answered `code`: waits for it where it goes on.
    (func $settle (param $code i32) (param $waitable i32) (result i32)
      (if (i32.eq (local.get $code) (i32.const -1))
        (then
          (call $join (local.get $waitable) (global.get $set))
          (drop (call $set-wait (global.get $set) (i32.const 0x40)))
          (local.set $code (i32.load (i32.const 0x44)))
          (call $join (local.get $waitable) (i32.const 0))))
      (local.get $code))
    ;; Whether a stream's future tells a failure.
    (func $failed (param $told i32) (result i32)
      (drop (call $settle (call $told-read (local.get $told) (i32.const 0x200)) (local.get $told)))
      (call $told-drop (local.get $told))
      (i32.load8_u (i32.const 0x200)))
    ;; `$arg` is the length of the path.
    (func (export "stat-at") (param $n i32) (param $fd i32) (param $arg i32) (param $size i32) (result i32)
      (loop $more
        (call $stat-at (local.get $fd) (i32.const 1) (i32.const 0x1000) (local.get $arg) (i32.const 0x100))
        (if (i32.load8_u (i32.const 0x100)) (then (return (i32.const 1))))
        (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (i32.const 0))
    ;; `$arg` bytes at a time, `$size` in all.
    (func (export "read-via-stream") (param $n i32) (param $fd i32) (param $arg i32) (param $size i32) (result i32)
      (local $stream i32) (local $code i32) (local $total i32)
      (loop $more
        (call $read-via-stream (local.get $fd) (i64.const 0) (i32.const 0x100))
        (local.set $stream (i32.load (i32.const 0x100)))
        (local.set $total (i32.const 0))
        (loop $part
          (local.set $code
            (call $settle (call $bytes-read (local.get $stream) (i32.const 0x20000) (local.get $arg)) (local.get $stream)))
          (local.set $total (i32.add (local.get $total) (i32.shr_u (local.get $code) (i32.const 4))))
          (br_if $part (i32.eqz (i32.and (local.get $code) (i32.const 15)))))
        (call $bytes-drop (local.get $stream))
        (if (call $failed (i32.load (i32.const 0x104))) (then (return (i32.const 1))))
        (if (i32.ne (local.get $total) (local.get $size)) (then (return (i32.const 2))))
        (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (i32.const 0))
    ;; As one turn of that: what the bytes come to, in the order of their words.
    (func (export "digest") (param $fd i32) (param $arg i32) (result i64)
      (local $stream i32) (local $code i32) (local $at i32) (local $end i32) (local $sum i64)
      (call $read-via-stream (local.get $fd) (i64.const 0) (i32.const 0x100))
      (local.set $stream (i32.load (i32.const 0x100)))
      (loop $part
        (local.set $code
          (call $settle (call $bytes-read (local.get $stream) (i32.const 0x20000) (local.get $arg)) (local.get $stream)))
        (local.set $at (i32.const 0x20000))
        (local.set $end (i32.add (local.get $at) (i32.shr_u (local.get $code) (i32.const 4))))
        (block $last
          (loop $word
            (br_if $last (i32.ge_u (local.get $at) (local.get $end)))
            (local.set $sum
              (i64.mul (i64.xor (i64.rotl (local.get $sum) (i64.const 5)) (i64.load (local.get $at)))
                (i64.const 0x9e3779b97f4a7c15)))
            (local.set $at (i32.add (local.get $at) (i32.const 8)))
            (br $word)))
        (br_if $part (i32.eqz (i32.and (local.get $code) (i32.const 15)))))
      (call $bytes-drop (local.get $stream))
      (if (call $failed (i32.load (i32.const 0x104))) (then unreachable))
      (local.get $sum))
    ;; `$arg` entries at a time, `$size` in all, which stay at 0x20000.
    (func (export "read-directory") (param $n i32) (param $fd i32) (param $arg i32) (param $size i32) (result i32)
      (local $stream i32) (local $code i32) (local $at i32)
      (loop $more
        (global.set $next (i32.const 0x100000))
        (call $read-directory (local.get $fd) (i32.const 0x100))
        (local.set $stream (i32.load (i32.const 0x100)))
        (local.set $at (i32.const 0x20000))
        (loop $part
          (local.set $code
            (call $settle (call $entries-read (local.get $stream) (local.get $at) (local.get $arg)) (local.get $stream)))
          (local.set $at
            (i32.add (local.get $at) (i32.mul (i32.shr_u (local.get $code) (i32.const 4)) (i32.const 24))))
          (br_if $part (i32.eqz (i32.and (local.get $code) (i32.const 15)))))
        (call $entries-drop (local.get $stream))
        (if (call $failed (i32.load (i32.const 0x104))) (then (return (i32.const 1))))
        (if (i32.ne (i32.sub (local.get $at) (i32.const 0x20000)) (i32.mul (local.get $size) (i32.const 24)))
          (then (return (i32.const 2))))
        (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (i32.const 0))
"#;

/// The exports of the loops.
const LOOPED: [&str; 3] = ["stat-at", "read-via-stream", "read-directory"];

/// The compiled guest: one engine and one component for all subjects.
#[derive(Clone)]
pub(super) struct Program {
    pub(super) engine: Engine,
    pub(super) component: Component,
}

impl Program {
    /// Compiles the guest.
    pub(super) fn new() -> Result<Self> {
        let engine = Engine::new(Config::new().wasm_component_model_async(true))?;
        let component = Component::new(&engine, text()?)?;
        Ok(Program { engine, component })
    }
}

fn text() -> Result<String> {
    let imports = include_str!("../../../tests/p3/kit/imports.wat");
    let (mut defined, mut imported, mut passed, mut lifted) =
        (String::new(), String::new(), String::new(), String::new());
    let core = |letters: &str| -> String { letters.chars().map(|c| if c == 'l' { " i64" } else { " i32" }).collect() };
    for (name, definition, signature) in FUNCTIONS {
        let definition = definition.replace("$m", "(memory $memory)").replace("$r", "(realloc $realloc)");
        let (params, result) = signature.split_once('=').unwrap_or((signature, ""));
        let result = if result.is_empty() { String::new() } else { format!("(result{})", core(result)) };
        writeln!(defined, "(core func ${name} (canon {definition}))")?;
        writeln!(imported, "(import \"host\" \"{name}\" (func ${name} (param{}) {result}))", core(params))?;
        writeln!(passed, "(export \"{name}\" (func ${name}))")?;
    }
    for name in LOOPED {
        let params = "(param \"n\" u32) (param \"fd\" u32) (param \"arg\" u32) (param \"size\" u32)";
        writeln!(
            lifted,
            "(func (export \"loop-{name}\") async {params} (result u32) (canon lift (core func $main \"{name}\")))"
        )?;
    }
    Ok(format!(
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
  {defined}
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
  (func (export "root") async (result u32) (canon lift (core func $main "root")))
  (func (export "open") async (param "fd" u32) (param "len" u32) (result u32)
    (canon lift (core func $main "open")))
  (func (export "digest") async (param "fd" u32) (param "arg" u32) (result u64)
    (canon lift (core func $main "digest")))
  {lifted})"#
    ))
}
