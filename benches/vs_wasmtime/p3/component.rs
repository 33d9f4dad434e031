//! The guest: a component with a loop for each operation.

use crate::component::{Program, Text};
use anyhow::Result;
use wasmtime::{Config, Engine};

/// What the loops call, as [`Text::function`] takes it.
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
    (func (export "open") (param $fd i32) (param $len i32) (param $flags i32) (result i32)
      (call $open-at (local.get $fd) (i32.const 1) (i32.const 0x1000) (local.get $len) (i32.const 0)
        (local.get $flags) (i32.const 0x100))
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

/// Compiles the guest.
pub(super) fn program() -> Result<Program> {
    let mut text = Text::default();
    for (name, definition, signature) in FUNCTIONS {
        text.function(name, definition, signature)?;
    }
    text.export("root", "root", "async (result u32)")?;
    text.export("open", "open", "async (param \"fd\" u32) (param \"len\" u32) (param \"flags\" u32) (result u32)")?;
    text.export("digest", "digest", "async (param \"fd\" u32) (param \"arg\" u32) (result u64)")?;
    for name in LOOPED {
        let params = "(param \"n\" u32) (param \"fd\" u32) (param \"arg\" u32) (param \"size\" u32)";
        text.export(&format!("loop-{name}"), name, &format!("async {params} (result u32)"))?;
    }
    let engine = Engine::new(Config::new().wasm_component_model_async(true))?;
    Program::new(engine, &text.component(include_str!("../../../tests/p3/kit/imports.wat"), LOOPS))
}
