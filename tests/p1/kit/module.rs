//! Guests in text form: each host function, called by an export of the same name. A test is the guest's program.

use std::sync::OnceLock;
use wasmtime::{Config, Engine, Module};

/// The functions of `wasi_snapshot_preview1` with their parameters, `i` for i32 and `l` for i64. All but `proc_exit`
/// answer an i32.
const FUNCTIONS: &[(&str, &str)] = &[
    ("args_get", "ii"),
    ("args_sizes_get", "ii"),
    ("clock_res_get", "ii"),
    ("clock_time_get", "ili"),
    ("environ_get", "ii"),
    ("environ_sizes_get", "ii"),
    ("fd_advise", "illi"),
    ("fd_allocate", "ill"),
    ("fd_close", "i"),
    ("fd_datasync", "i"),
    ("fd_fdstat_get", "ii"),
    ("fd_fdstat_set_flags", "ii"),
    ("fd_fdstat_set_rights", "ill"),
    ("fd_filestat_get", "ii"),
    ("fd_filestat_set_size", "il"),
    ("fd_filestat_set_times", "illi"),
    ("fd_pread", "iiili"),
    ("fd_prestat_dir_name", "iii"),
    ("fd_prestat_get", "ii"),
    ("fd_pwrite", "iiili"),
    ("fd_read", "iiii"),
    ("fd_readdir", "iiili"),
    ("fd_renumber", "ii"),
    ("fd_seek", "ilii"),
    ("fd_sync", "i"),
    ("fd_tell", "ii"),
    ("fd_write", "iiii"),
    ("path_create_directory", "iii"),
    ("path_filestat_get", "iiiii"),
    ("path_filestat_set_times", "iiiilli"),
    ("path_link", "iiiiiii"),
    ("path_open", "iiiiillii"),
    ("path_readlink", "iiiiii"),
    ("path_remove_directory", "iii"),
    ("path_rename", "iiiiii"),
    ("path_symlink", "iiiii"),
    ("path_unlink_file", "iii"),
    ("poll_oneoff", "iiii"),
    ("proc_exit", "i"),
    ("proc_raise", "i"),
    ("random_get", "ii"),
    ("sched_yield", ""),
    ("sock_accept", "iii"),
    ("sock_recv", "iiiiii"),
    ("sock_send", "iiiii"),
    ("sock_shutdown", "ii"),
];

/// `probe(names, count)`: asks for the attributes of `count` names of seven digits in the first preopen, counting on from
/// the one at `names`; the first answer that is not `ENOENT`, or that.
const PROBE: &str = r#"
  (func (export "probe") (param $name i32) (param $count i32) (result i32)
    (local $errno i32) (local $digit i32)
    (loop $names
      (local.set $errno
        (call $path_filestat_get (i32.const 3) (i32.const 0) (local.get $name) (i32.const 7) (i32.const 64)))
      (if (i32.ne (local.get $errno) (i32.const 44)) (then (return (local.get $errno))))
      (local.set $digit (i32.add (local.get $name) (i32.const 6)))
      (block $counted
        (loop $carry
          (if (i32.ne (i32.load8_u (local.get $digit)) (i32.const 57))
            (then
              (i32.store8 (local.get $digit) (i32.add (i32.load8_u (local.get $digit)) (i32.const 1)))
              (br $counted)))
          (i32.store8 (local.get $digit) (i32.const 48))
          (local.set $digit (i32.sub (local.get $digit) (i32.const 1)))
          (br $carry)))
      (br_if $names (local.tee $count (i32.sub (local.get $count) (i32.const 1)))))
    (local.get $errno))"#;

/// Pages of a guest's memory.
pub(crate) const PAGES: u32 = 64;

/// What memory a module has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Memories {
    /// Its own, exported.
    Exported,
    /// Its own, not exported.
    Hidden,
    /// None; `memory` is a function.
    Misnamed,
    /// Shared, its own, exported.
    Shared,
    /// Shared, imported from `host`, exported again.
    SharedImported,
}

/// The engine of the process.
pub(crate) fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let mut config = Config::new();
        config.wasm_threads(true).shared_memory(true);
        Engine::new(&config).expect("an engine")
    })
}

/// The module with such a memory, compiled once.
pub(crate) fn module(memories: Memories) -> &'static Module {
    static MODULES: [OnceLock<Module>; 5] = [const { OnceLock::new() }; 5];
    MODULES[memories as usize].get_or_init(|| {
        let wasm = wat::parse_str(text(memories)).expect("the module is well-formed");
        Module::new(engine(), wasm).expect("the module compiles")
    })
}

fn text(memories: Memories) -> String {
    let mut imports = String::new();
    let mut exports = String::new();
    for (name, params) in FUNCTIONS {
        let types: String = params.chars().map(|param| if param == 'i' { " i32" } else { " i64" }).collect();
        let param = if types.is_empty() { String::new() } else { format!("(param{types})") };
        let result = if *name == "proc_exit" { "" } else { "(result i32)" };
        let given: String = (0..params.len()).map(|index| format!("(local.get {index})")).collect();
        imports += &format!("(import \"wasi_snapshot_preview1\" \"{name}\" (func ${name} {param} {result}))\n");
        exports += &format!("(func (export \"{name}\") {param} {result} (call ${name} {given}))\n");
    }
    let memory = match memories {
        Memories::Exported => format!("(memory (export \"memory\") {PAGES})"),
        Memories::Hidden => format!("(memory (export \"hidden\") {PAGES})"),
        Memories::Misnamed => "(memory 1) (func (export \"memory\"))".to_owned(),
        Memories::Shared => format!("(memory (export \"memory\") {PAGES} {PAGES} shared)"),
        Memories::SharedImported => {
            imports += &format!("(import \"host\" \"memory\" (memory {PAGES} {PAGES} shared))");
            "(export \"memory\" (memory 0))".to_owned()
        }
    };
    format!(
        "(module {imports} {memory} {exports}
           {PROBE}
           (func (export \"peek\") (param i32) (result i32) (i32.load8_u (local.get 0)))
           (func (export \"poke\") (param i32 i32) (i32.store8 (local.get 0) (local.get 1))))"
    )
}
