//! The guest: a component with a loop for each operation.

use anyhow::Result;
use std::fmt::Write as _;
use wasmtime::Engine;
use wasmtime::component::Component;

/// Where the guest keeps what it passes and what it is answered.
pub(crate) const PATH_AT: u32 = 0x1000;
pub(crate) const DATA_AT: u32 = 0x20000;
pub(crate) const RETURNED_AT: u32 = 0x100;
/// What the answers' lists are allocated in.
pub(crate) const HEAP_AT: u32 = 0x100000;

/// The compiled guest: one engine and one component for all subjects.
#[derive(Clone)]
pub(crate) struct Program {
    pub(crate) engine: Engine,
    pub(crate) component: Component,
}

impl Program {
    /// Compiles the guest.
    pub(crate) fn new(engine: Engine, text: &str) -> Result<Self> {
        let component = Component::new(&engine, text)?;
        Ok(Program { engine, component })
    }
}

/// The text of a guest, while it is put together.
#[derive(Default)]
pub(crate) struct Text {
    defined: String,
    imported: String,
    passed: String,
    lifted: String,
}

impl Text {
    /// Adds a function that the loops call: the name here, how it is defined (`$m` and `$r` are the options for memory and
    /// allocation), and the flattened parameters (`i` for i32, `l` for i64), with the result behind `=`.
    pub(crate) fn function(&mut self, name: &str, definition: &str, signature: &str) -> Result<()> {
        let core =
            |letters: &str| -> String { letters.chars().map(|c| if c == 'l' { " i64" } else { " i32" }).collect() };
        let definition = definition.replace("$m", "(memory $memory)").replace("$r", "(realloc $realloc)");
        let (params, result) = signature.split_once('=').unwrap_or((signature, ""));
        let result = if result.is_empty() { String::new() } else { format!("(result{})", core(result)) };
        writeln!(self.defined, "(core func ${name} (canon {definition}))")?;
        writeln!(self.imported, "(import \"host\" \"{name}\" (func ${name} (param{}) {result}))", core(params))?;
        writeln!(self.passed, "(export \"{name}\" (func ${name}))")?;
        Ok(())
    }

    /// Exports a function of the loops' module under a name, with the type that it has there.
    pub(crate) fn export(&mut self, name: &str, function: &str, signature: &str) -> Result<()> {
        writeln!(self.lifted, "(func (export \"{name}\") {signature} (canon lift (core func $main \"{function}\")))")?;
        Ok(())
    }

    /// The whole: what it imports, and a core module with the loops. Each loop does its operation a number of times on a
    /// descriptor and answers 0, or what is wrong.
    pub(crate) fn component(&self, imports: &str, loops: &str) -> String {
        let Text { defined, imported, passed, lifted } = self;
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
  {defined}
  (core module $main-module
    (import "libc" "memory" (memory 64))
    (import "libc" "next" (global $next (mut i32)))
    {imported}
    {loops})
  (core instance $main (instantiate $main-module (with "libc" (instance $libc)) (with "host" (instance {passed}))))
  (func (export "put") (param "bytes" (list u8)) (param "to" u32)
    (canon lift (core func $libc "put") (memory $memory) (realloc $realloc)))
  (func (export "get") (param "from" u32) (param "len" u32) (result (list u8))
    (canon lift (core func $libc "get") (memory $memory) (realloc $realloc)))
  {lifted})"#
        )
    }
}
