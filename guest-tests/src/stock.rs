//! Guests over wasmtime's own filesystem, as its command runs them.

use crate::engine::engine;
use crate::invocation::{Invocation, Outcome};
use crate::process::block_on;
use anyhow::Result;
use std::path::Path;
use wasmtime::{Linker, Module, Store};
use wasmtime_wasi::FsPerms;
use wasmtime_wasi::p1::{self, WasiP1Ctx};

/// Runs a core module with `root` as its only preopen, `/`: asynchronous host functions that block the thread for
/// files, which is what `wasmtime run --dir` does.
///
/// # Errors
///
/// When the module cannot be linked or has no start function; whatever it does after that is an [`Outcome`].
pub fn run(root: &Path, module: &Module, invocation: &Invocation) -> Result<Outcome> {
    let (mut builder, printed) = invocation.context();
    builder.allow_blocking_current_thread(true).preopened_dir(root, "/", FsPerms::ReadWrite)?;
    let mut store = Store::new(engine(), builder.build_p1());
    let mut linker = Linker::new(engine());
    p1::add_to_linker_async(&mut linker, |guest: &mut WasiP1Ctx| guest)?;
    let result = block_on(async {
        let instance = linker.instantiate_async(&mut store, module).await?;
        let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
        anyhow::Ok(start.call_async(&mut store, ()).await)
    })?;
    drop(store);
    Ok(printed.outcome(result))
}
