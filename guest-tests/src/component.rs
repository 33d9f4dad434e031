//! How a component is started, whoever serves its files.

use anyhow::Result;
use wasmtime::Store;
use wasmtime::component::{Component, Linker};
use wasmtime_wasi::{I32Exit, p2, p3};

/// The version of `wasi:cli/run` that a component exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CliRun {
    /// Of WASI 0.2.
    P2,
    /// Of WASI 0.3.
    P3,
}

/// Instantiates a component and runs it to its end. The error is one of linking; how the run ended is inside.
pub(crate) async fn run_async<T: Send + 'static>(
    store: &mut Store<T>,
    linker: &Linker<T>,
    run: CliRun,
    component: &Component,
) -> Result<wasmtime::Result<()>> {
    match run {
        CliRun::P2 => {
            let command = p2::bindings::Command::instantiate_async(&mut *store, component, linker).await?;
            Ok(ended(command.wasi_cli_run().call_run(store).await))
        }
        CliRun::P3 => {
            let command = p3::bindings::Command::instantiate_async(&mut *store, component, linker).await?;
            let result = store.run_concurrent(async move |store| command.wasi_cli_run().call_run(store).await).await;
            Ok(ended(result.and_then(|result| result)))
        }
    }
}

/// Instantiates a component of WASI 0.2 and runs it to its end on this thread, without an executor of ours.
pub(crate) fn run_sync<T: 'static>(
    store: &mut Store<T>,
    linker: &Linker<T>,
    component: &Component,
) -> Result<wasmtime::Result<()>> {
    let command = p2::bindings::sync::Command::instantiate(&mut *store, component, linker)?;
    Ok(ended(command.wasi_cli_run().call_run(store)))
}

/// A `run` that answers an error is one that exits with 1, as wasmtime's command has it.
fn ended(result: wasmtime::Result<Result<(), ()>>) -> wasmtime::Result<()> {
    result.and_then(|run| run.map_err(|()| I32Exit(1).into()))
}
