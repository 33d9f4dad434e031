//! The command's uses of `unsafe`.

use std::path::Path;
use wasmtime::component::Component;
use wasmtime::{Engine, Module, Result};

/// Loads machine code that wasmtime compiled before, from `file` where there is one (which maps it), else from `bytes`.
pub(crate) fn deserialize(engine: &Engine, file: Option<&Path>, bytes: &[u8]) -> Result<Module> {
    // SAFETY: the caller must vouch that the bytes come from `Engine::precompile_module` or its equals and are not
    // changed while in use. No check can tell; that is what the user says by `--allow-precompiled`, which the only
    // caller demands.
    unsafe {
        match file {
            Some(file) => Module::deserialize_file(engine, file),
            None => Module::deserialize(engine, bytes),
        }
    }
}

/// As [`deserialize`], of a component.
pub(crate) fn deserialize_component(engine: &Engine, file: Option<&Path>, bytes: &[u8]) -> Result<Component> {
    // SAFETY: as in `deserialize`, with `Engine::precompile_component`.
    unsafe {
        match file {
            Some(file) => Component::deserialize_file(engine, file),
            None => Component::deserialize(engine, bytes),
        }
    }
}
