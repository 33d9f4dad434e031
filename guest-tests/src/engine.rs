//! One engine and one compilation of each guest for the whole process.

use anyhow::{Context, Result, anyhow};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use wasmtime::component::Component;
use wasmtime::{Config, Engine, Module};

/// The engine of the process.
#[must_use]
pub fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let mut config = Config::new();
        // What WASI 0.3 is made of; wasmtime's command has it on.
        config.wasm_component_model_async(true);
        Engine::new(&config).unwrap_or_else(|error| panic!("no engine: {error}"))
    })
}

/// A guest once it was compiled, or why it was not.
type Compiled<T> = Arc<OnceLock<std::result::Result<T, String>>>;

/// Guests by their files. Whoever asks first compiles one; the others wait for him and share it.
struct Guests<T>(OnceLock<Mutex<HashMap<PathBuf, Compiled<T>>>>);

impl<T: Clone> Guests<T> {
    const fn new() -> Self {
        Guests(OnceLock::new())
    }

    fn get(&self, path: &Path, compile: impl FnOnce() -> Result<T>) -> Result<T> {
        let slot = {
            let mut guests = self.0.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(guests.entry(path.to_owned()).or_default())
        };
        let compiled = slot.get_or_init(|| compile().map_err(|error| format!("{error:?}")));
        compiled.clone().map_err(|error| anyhow!(error)).with_context(|| format!("cannot compile {}", path.display()))
    }
}

/// The module in the file `path`.
///
/// # Errors
///
/// When the file cannot be read or is no module.
pub fn module(path: &Path) -> Result<Module> {
    static MODULES: Guests<Module> = Guests::new();
    MODULES.get(path, || Ok(Module::from_file(engine(), path)?))
}

/// The component in the file `path`.
///
/// # Errors
///
/// When the file cannot be read or is no component.
pub fn component(path: &Path) -> Result<Component> {
    static COMPONENTS: Guests<Component> = Guests::new();
    COMPONENTS.get(path, || Ok(Component::from_file(engine(), path)?))
}

/// The file of the committed `behaviours.wasm` as a component of WASI 0.2, with wasmtime's adapter under it.
#[must_use]
pub fn adapted_behaviours() -> &'static Path {
    Path::new(concat!(env!("OUT_DIR"), "/behaviours.adapted.wasm"))
}
