//! The engine, and what is made ready for it.

use crate::sys;
use std::ffi::OsStr;
use std::io::Read;
use std::path::Path;
use wasmtime::component::Component;
use wasmtime::error::Context as _;
use wasmtime::{CodeBuilder, CodeHint, Config, Engine, Module, Precompiled, Result, bail};
use wasmtime_cli_flags::CommonOptions;

/// An engine with the user's sub-options.
pub(crate) fn new(options: &mut CommonOptions) -> Result<Engine> {
    let mut config = configure(options)?;
    if options.wasm.timeout.is_some() {
        config.epoch_interruption(true);
    }
    Engine::new(&config).context("cannot set up the engine")
}

/// The crate's `Config`. The compile cache is on by default; where it cannot be, for want of a home directory, the
/// command works without one unless the user asked for it.
fn configure(options: &mut CommonOptions) -> Result<Config> {
    let by_default = options.codegen.cache.is_none() && options.codegen.cache_config.is_none();
    match options.config(None) {
        Ok(config) => Ok(config),
        Err(error) if by_default => {
            options.codegen.cache = Some(false);
            let config = options.config(None).context("cannot set up the engine")?;
            tracing::warn!("compiling without a cache: {error:#}");
            Ok(config)
        }
        Err(error) => Err(error).context("cannot set up the engine"),
    }
}

/// What can be run.
pub(crate) enum Program {
    /// A core module.
    Module(Module),
    /// A component.
    Component(Component),
}

/// What is in the file `path`, or on the standard input for `-`.
pub(crate) fn load(engine: &Engine, path: &OsStr, allow_precompiled: bool) -> Result<Program> {
    let name = path.to_string_lossy();
    let stdin = path == "-";
    let bytes = if stdin { read_stdin() } else { std::fs::read(path) };
    let bytes = bytes.with_context(|| format!("cannot read the module `{name}`"))?;
    let file = (!stdin).then(|| Path::new(path));
    match Engine::detect_precompiled(&bytes) {
        Some(kind) if !allow_precompiled => {
            let kind = match kind {
                Precompiled::Module => "module",
                Precompiled::Component => "component",
            };
            bail!("`{name}` is a precompiled {kind}: `--allow-precompiled` runs it, if you trust who made it")
        }
        Some(Precompiled::Module) => sys::deserialize(engine, file, &bytes)
            .map(Program::Module)
            .with_context(|| format!("cannot load the precompiled module `{name}`")),
        Some(Precompiled::Component) => sys::deserialize_component(engine, file, &bytes)
            .map(Program::Component)
            .with_context(|| format!("cannot load the precompiled component `{name}`")),
        None => compile(engine, Path::new(path), &bytes, &name),
    }
}

/// As [`load`], for what has to be a core module.
pub(crate) fn load_module(engine: &Engine, path: &OsStr, allow_precompiled: bool) -> Result<Module> {
    match load(engine, path, allow_precompiled)? {
        Program::Module(module) => Ok(module),
        Program::Component(_) => bail!("`{}` is a component, and a core module is needed", path.to_string_lossy()),
    }
}

fn read_stdin() -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn compile(engine: &Engine, path: &Path, bytes: &[u8], name: &str) -> Result<Program> {
    let mut code = CodeBuilder::new(engine);
    code.wasm_binary_or_text(bytes, Some(path))
        .with_context(|| format!("`{name}` is neither a WebAssembly binary nor WebAssembly text"))?;
    if matches!(code.hint(), Some(CodeHint::Component)) {
        let component = code.compile_component().with_context(|| format!("`{name}` is not a valid component"))?;
        return Ok(Program::Component(component));
    }
    code.compile_module().map(Program::Module).with_context(|| format!("`{name}` is not a valid module"))
}
