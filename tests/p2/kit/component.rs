//! A component in text form that calls each host function by an export of the same name, with the arguments as the
//! canonical ABI flattens them: handles, pointers and discriminants are whatever the test says. A test is its program.

use std::fmt::Write as _;
use std::sync::OnceLock;
use wasmtime::component::Component;
use wasmtime::{Config, Engine};

/// The host functions: the instance, the name there, and the flattened parameters, `i` for i32 and `l` for i64; behind
/// `=` the result, where it is no pointer that is passed in.
const FUNCTIONS: &[(&str, &str, &str)] = &[
    ("$types", "[method]descriptor.read-via-stream", "ili"),
    ("$types", "[method]descriptor.write-via-stream", "ili"),
    ("$types", "[method]descriptor.append-via-stream", "ii"),
    ("$types", "[method]descriptor.advise", "illii"),
    ("$types", "[method]descriptor.sync-data", "ii"),
    ("$types", "[method]descriptor.get-flags", "ii"),
    ("$types", "[method]descriptor.get-type", "ii"),
    ("$types", "[method]descriptor.set-size", "ili"),
    ("$types", "[method]descriptor.set-times", "iiliilii"),
    ("$types", "[method]descriptor.read", "illi"),
    ("$types", "[method]descriptor.write", "iiili"),
    ("$types", "[method]descriptor.read-directory", "ii"),
    ("$types", "[method]descriptor.sync", "ii"),
    ("$types", "[method]descriptor.create-directory-at", "iiii"),
    ("$types", "[method]descriptor.stat", "ii"),
    ("$types", "[method]descriptor.stat-at", "iiiii"),
    ("$types", "[method]descriptor.set-times-at", "iiiiiliilii"),
    ("$types", "[method]descriptor.link-at", "iiiiiiii"),
    ("$types", "[method]descriptor.open-at", "iiiiiii"),
    ("$types", "[method]descriptor.readlink-at", "iiii"),
    ("$types", "[method]descriptor.remove-directory-at", "iiii"),
    ("$types", "[method]descriptor.rename-at", "iiiiiii"),
    ("$types", "[method]descriptor.symlink-at", "iiiiii"),
    ("$types", "[method]descriptor.unlink-file-at", "iiii"),
    ("$types", "[method]descriptor.is-same-object", "ii=i"),
    ("$types", "[method]descriptor.metadata-hash", "ii"),
    ("$types", "[method]descriptor.metadata-hash-at", "iiiii"),
    ("$types", "[method]directory-entry-stream.read-directory-entry", "ii"),
    ("$types", "filesystem-error-code", "ii"),
    ("$preopens", "get-directories", "i"),
    ("$streams", "[method]input-stream.read", "ili"),
    ("$streams", "[method]input-stream.blocking-read", "ili"),
    ("$streams", "[method]input-stream.skip", "ili"),
    ("$streams", "[method]input-stream.blocking-skip", "ili"),
    ("$streams", "[method]input-stream.subscribe", "i=i"),
    ("$streams", "[method]output-stream.check-write", "ii"),
    ("$streams", "[method]output-stream.write", "iiii"),
    ("$streams", "[method]output-stream.blocking-write-and-flush", "iiii"),
    ("$streams", "[method]output-stream.flush", "ii"),
    ("$streams", "[method]output-stream.blocking-flush", "ii"),
    ("$streams", "[method]output-stream.subscribe", "i=i"),
    ("$streams", "[method]output-stream.write-zeroes", "ili"),
    ("$streams", "[method]output-stream.blocking-write-zeroes-and-flush", "ili"),
    ("$streams", "[method]output-stream.splice", "iili"),
    ("$streams", "[method]output-stream.blocking-splice", "iili"),
    ("$poll", "[method]pollable.ready", "i=i"),
    ("$poll", "[method]pollable.block", "i"),
    ("$poll", "poll", "iii"),
];

/// The resources, each of which has a function that drops a handle: `drop-descriptor` and so on.
const RESOURCES: [&str; 6] =
    ["descriptor", "directory-entry-stream", "input-stream", "output-stream", "pollable", "error"];

/// The guest's memory: what host functions return into is made by a pointer that only grows, from `HEAP` on, until
/// `reset`; below it the test may do as it likes.
const LIBC: &str = r#"
  (core module $libc-module
    (memory (export "memory") 64 1024)
    (global $next (mut i32) (i32.const 0x100000))
    (func (export "realloc") (param $old i32) (param $old-len i32) (param $align i32) (param $len i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
      (global.set $next (i32.add (local.get $at) (local.get $len)))
      (if (i32.gt_u (global.get $next) (i32.mul (memory.size) (i32.const 65536)))
        (then (drop (memory.grow (i32.add (i32.shr_u (local.get $len) (i32.const 16)) (i32.const 16))))))
      (local.get $at))
    (func (export "reset") (global.set $next (i32.const 0x100000)))
    (func (export "put") (param $from i32) (param $len i32) (param $to i32)
      (memory.copy (local.get $to) (local.get $from) (local.get $len)))
    (func (export "get") (param $from i32) (param $len i32) (result i32)
      (i32.store (i32.const 0) (local.get $from))
      (i32.store (i32.const 4) (local.get $len))
      (i32.const 0)))
  (core instance $libc (instantiate $libc-module))
  (func (export "reset") (canon lift (core func $libc "reset")))
  (func (export "put") (param "bytes" (list u8)) (param "to" u32)
    (canon lift (core func $libc "put") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (func (export "get") (param "from" u32) (param "len" u32) (result (list u8))
    (canon lift (core func $libc "get") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
"#;

pub(crate) fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::new(&Config::new()).expect("an engine"))
}

/// The component, compiled once.
pub(crate) fn component() -> &'static Component {
    static COMPONENT: OnceLock<Component> = OnceLock::new();
    COMPONENT.get_or_init(|| Component::new(engine(), text()).expect("a valid component"))
}

/// `[method]descriptor.stat-at` as `descriptor-stat-at`.
fn export_name(function: &str) -> String {
    function.trim_start_matches("[method]").replace('.', "-")
}

fn text() -> String {
    let mut text = format!("(component\n{}\n{LIBC}", include_str!("imports.wat"));
    let (mut names, mut imports) = (Vec::new(), String::new());
    for (instance, function, signature) in FUNCTIONS {
        let name = export_name(function);
        let lower = format!(
            "(func {instance} \"{function}\") (memory (core memory $libc \"memory\")) (realloc (core func $libc \"realloc\"))"
        );
        writeln!(text, "  (core func ${name} (canon lower {lower}))").expect("a string");
        names.push((name, *signature));
    }
    for resource in RESOURCES {
        let name = format!("drop-{resource}");
        writeln!(text, "  (core func ${name} (canon resource.drop ${resource}))").expect("a string");
        names.push((name, "i"));
    }
    // A function that was lowered cannot be lifted at once: a module passes it on.
    let mut lifts = String::new();
    text.push_str("  (core module $pass-module\n");
    for (name, signature) in &names {
        let (params, result) = signature.split_once('=').unwrap_or((signature, ""));
        let core: String = params.chars().map(|c| if c == 'l' { " i64" } else { " i32" }).collect();
        let core_result = if result.is_empty() { "" } else { " (result i32)" };
        writeln!(text, "    (import \"\" \"{name}\" (func ${name} (param{core}){core_result}))").expect("a string");
        writeln!(imports, "    (export \"{name}\" (func ${name}))").expect("a string");
        let lifted: String = (params.chars().enumerate())
            .map(|(n, c)| format!(" (param \"p{n}\" {})", if c == 'l' { "u64" } else { "u32" }))
            .collect();
        let lifted_result = if result.is_empty() { "" } else { " (result u32)" };
        writeln!(
            lifts,
            "  (func (export \"{name}\"){lifted}{lifted_result} (canon lift (core func $pass \"{name}\")))"
        )
        .expect("a string");
    }
    for (name, _) in &names {
        writeln!(text, "    (export \"{name}\" (func ${name}))").expect("a string");
    }
    format!("{text})\n  (core instance $pass (instantiate $pass-module (with \"\" (instance\n{imports}))))\n{lifts})")
}
