//! Guests over wasmtime's own filesystem, as its command runs them.

use crate::component::{self, CliRun};
use crate::engine::engine;
use crate::invocation::{Invocation, Outcome};
use crate::process::block_on;
use anyhow::Result;
use std::path::Path;
use wasmtime::component::{Component, ResourceTable};
use wasmtime::{Linker, Module, Store};
use wasmtime_wasi::p1::{self, WasiP1Ctx};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxView, WasiView, p2, p3};

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

/// A directory of the host, what the guest calls it, and whether the guest can change it.
pub type Preopen<'a> = (&'a Path, &'a str, FsPerms);

/// Runs a component with these preopens, linked as `wasmtime run` links one: with WASI 0.2 and 0.3, and with room for so
/// many resources (`-S max-resources`).
///
/// # Errors
///
/// When the component cannot be linked or has no `wasi:cli/run`; whatever it does after that is an [`Outcome`].
pub fn run_component(
    preopens: &[Preopen<'_>],
    max_resources: Option<usize>,
    run: CliRun,
    component: &Component,
    invocation: &Invocation,
) -> Result<Outcome> {
    let (mut builder, printed) = invocation.context();
    builder.allow_blocking_current_thread(true);
    for (path, name, perms) in preopens {
        builder.preopened_dir(path, name, *perms)?;
    }
    let mut table = ResourceTable::new();
    if let Some(most) = max_resources {
        table.set_max_capacity(most);
    }
    let mut store = Store::new(engine(), Host { wasi: builder.build(), table });
    let mut linker = wasmtime::component::Linker::new(engine());
    p2::add_to_linker_async(&mut linker)?;
    p3::add_to_linker(&mut linker)?;
    let result = block_on(component::run_async(&mut store, &linker, run, component))?;
    drop(store);
    Ok(printed.outcome(result))
}

struct Host {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}
