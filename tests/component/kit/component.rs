//! A component in text form that calls each host function by an export of the same name, with the arguments as the
//! canonical ABI flattens them: handles, pointers and discriminants are whatever the test says. A test is its program.

use crate::kit::functions::{self, LIFT};
use std::fmt::Write as _;
use std::sync::OnceLock;
use wasmtime::Engine;
use wasmtime::component::Component;

/// The host functions that both versions have with the same parameters: the instance, the name there, and the flattened
/// parameters, `i` for i32 and `l` for i64; behind `=` the result, where it is no pointer that is passed in.
const FUNCTIONS: &[(&str, &str, &str)] = &[
    ("$types", "[method]descriptor.advise", "illii"),
    ("$types", "[method]descriptor.sync-data", "ii"),
    ("$types", "[method]descriptor.get-flags", "ii"),
    ("$types", "[method]descriptor.get-type", "ii"),
    ("$types", "[method]descriptor.set-size", "ili"),
    ("$types", "[method]descriptor.set-times", "iiliilii"),
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
    ("$preopens", "get-directories", "i"),
];

pub(crate) const MEMORY: &str = "(memory (core memory $libc \"memory\"))";
pub(crate) const REALLOC: &str = "(realloc (core func $libc \"realloc\"))";

/// The guest's memory: what host functions return into is made by a pointer that only grows, from 2 MiB on, until
/// `reset`; below it the test may do as it likes.
const LIBC: &str = r#"
  (core module $libc-module
    (memory (export "memory") 64 1024)
    (global $next (mut i32) (i32.const 0x200000))
    (func (export "realloc") (param $old i32) (param $old-len i32) (param $align i32) (param $len i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
      (global.set $next (i32.add (local.get $at) (local.get $len)))
      (if (i32.gt_u (global.get $next) (i32.mul (memory.size) (i32.const 65536)))
        (then (drop (memory.grow (i32.add (i32.shr_u (local.get $len) (i32.const 16)) (i32.const 16))))))
      (local.get $at))
    (func (export "reset") (global.set $next (i32.const 0x200000)))
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
    ENGINE.get_or_init(|| Engine::new(&functions::config()).expect("an engine"))
}

/// The component, compiled once.
pub(crate) fn component() -> &'static Component {
    static COMPONENT: OnceLock<Component> = OnceLock::new();
    COMPONENT.get_or_init(|| Component::new(engine(), text()).expect("a valid component"))
}

/// `[method]descriptor.stat-at` as `descriptor-stat-at`.
pub(crate) fn export_name(function: &str) -> String {
    function.trim_start_matches("[method]").replace('.', "-")
}

/// Every core function: its name, how it is defined, and its signature.
fn core_functions() -> Vec<(String, String, &'static str)> {
    let lowered = FUNCTIONS.iter().chain(functions::FUNCTIONS).map(|(instance, function, signature)| {
        let lower = format!("lower (func {instance} \"{function}\") {MEMORY} {REALLOC}");
        (export_name(function), lower, *signature)
    });
    lowered.chain(functions::further()).collect()
}

fn core_type(letter: char) -> &'static str {
    if letter == 'l' { " i64" } else { " i32" }
}

fn type_of(letter: char) -> &'static str {
    if letter == 'l' { "u64" } else { "u32" }
}

fn text() -> String {
    let mut text = format!("(component\n{}\n{LIBC}", functions::IMPORTS);
    // A function that was lowered cannot be lifted at once: a module passes it on.
    let (mut pass, mut exports, mut instance, mut lifts) = (String::new(), String::new(), String::new(), String::new());
    for (name, definition, signature) in core_functions() {
        let (params, result) = signature.split_once('=').unwrap_or((signature, ""));
        let core: String = params.chars().map(core_type).collect();
        let core_result: String = result.chars().map(|c| format!(" (result{})", core_type(c))).collect();
        let lifted: String =
            params.chars().enumerate().map(|(n, c)| format!(" (param \"p{n}\" {})", type_of(c))).collect();
        let lifted_result: String = result.chars().map(|c| format!(" (result {})", type_of(c))).collect();
        writeln!(text, "  (core func ${name} (canon {definition}))").expect("a string");
        writeln!(pass, "    (import \"\" \"{name}\" (func ${name} (param{core}){core_result}))").expect("a string");
        writeln!(exports, "    (export \"{name}\" (func ${name}))").expect("a string");
        writeln!(instance, "    (export \"{name}\" (func ${name}))").expect("a string");
        writeln!(
            lifts,
            "  (func (export \"{name}\"){LIFT}{lifted}{lifted_result} (canon lift (core func $pass \"{name}\")))"
        )
        .expect("a string");
    }
    format!(
        "{text}  (core module $pass-module\n{pass}{exports})\n  (core instance $pass (instantiate $pass-module (with \"\" \
         (instance\n{instance}))))\n{lifts})"
    )
}
