//! One engine and one compilation of each module for the whole process.

use anyhow::{Context, Result, anyhow};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use wasmtime::{Engine, Module};

/// The engine of the process.
#[must_use]
pub fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(Engine::default)
}

/// A module once it was compiled, or why it was not.
type Compiled = Arc<OnceLock<std::result::Result<Module, String>>>;

/// The module in the file `path`. Whoever asks first compiles it; the others wait for him and share it.
///
/// # Errors
///
/// When the file cannot be read or is no module.
pub fn module(path: &Path) -> Result<Module> {
    static MODULES: OnceLock<Mutex<HashMap<PathBuf, Compiled>>> = OnceLock::new();
    let slot = {
        let mut modules = MODULES.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(modules.entry(path.to_owned()).or_default())
    };
    let compiled = slot.get_or_init(|| Module::from_file(engine(), path).map_err(|error| format!("{error:?}")));
    compiled.clone().map_err(|error| anyhow!(error)).with_context(|| format!("cannot compile {}", path.display()))
}
