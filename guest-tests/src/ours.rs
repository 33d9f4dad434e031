//! Guests over our filesystem.

use crate::component::{self, CliRun};
use crate::engine::engine;
use crate::invocation::{Invocation, Outcome};
use crate::process::block_on;
use anyhow::{Result, bail};
use wasi_gofer::component::{Blocking, GoferComponentCtx, GoferCtxView, GoferView};
use wasi_gofer::{GoferCtx, p1, p2, p3};
use wasmtime::component::{Component, ResourceTable};
use wasmtime::{Linker, Module, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

/// Which set of host functions a guest is linked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linking {
    /// `add_to_linker_sync`.
    Sync,
    /// `add_to_linker_async`.
    Async,
    /// The same, and calls that would have to wait are handed over to workers. For components alone.
    HandOver,
}

/// Runs a core module whose files are `files`. When this returns the guest's descriptors are closed.
///
/// # Errors
///
/// When the module cannot be linked or has no start function; whatever it does after that is an [`Outcome`].
pub fn run(linking: Linking, files: GoferCtx, module: &Module, invocation: &Invocation) -> Result<Outcome> {
    let (mut builder, printed) = invocation.context();
    let guest = p1::GoferP1Ctx::new(builder.build_p1(), files);
    let mut store = Store::new(engine(), guest);
    let mut linker = Linker::new(engine());
    let result = match linking {
        Linking::Sync => {
            p1::add_to_linker_sync(&mut linker, |guest: &mut p1::GoferP1Ctx| guest)?;
            let instance = linker.instantiate(&mut store, module)?;
            instance.get_typed_func::<(), ()>(&mut store, "_start")?.call(&mut store, ())
        }
        Linking::Async => {
            p1::add_to_linker_async(&mut linker, |guest: &mut p1::GoferP1Ctx| guest)?;
            block_on(async {
                let instance = linker.instantiate_async(&mut store, module).await?;
                let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
                anyhow::Ok(start.call_async(&mut store, ()).await)
            })?
        }
        Linking::HandOver => bail!("preview 1 hands nothing over"),
    };
    drop(store);
    Ok(printed.outcome(result))
}

/// Runs a component whose files are `files`. When this returns the guest's descriptors are closed.
///
/// # Errors
///
/// When the component cannot be linked or has no `wasi:cli/run`; whatever it does after that is an [`Outcome`].
pub fn run_component(
    linking: Linking,
    files: GoferCtx,
    run: CliRun,
    component: &Component,
    invocation: &Invocation,
) -> Result<Outcome> {
    let (mut builder, printed) = invocation.context();
    let blocking = match linking {
        Linking::Sync | Linking::Async => Blocking::Inline,
        Linking::HandOver => Blocking::HandOver,
    };
    let files = GoferComponentCtx::new(files).with_blocking(blocking);
    let host = Host { wasi: builder.build(), files, table: ResourceTable::new() };
    let mut store = Store::new(engine(), host);
    let mut linker = wasmtime::component::Linker::new(engine());
    let result = match (run, linking) {
        (CliRun::P2, Linking::Sync) => {
            p2::add_all_to_linker_sync(&mut linker)?;
            component::run_sync(&mut store, &linker, component)?
        }
        (CliRun::P2, Linking::Async | Linking::HandOver) => {
            p2::add_all_to_linker_async(&mut linker)?;
            block_on(component::run_async(&mut store, &linker, run, component))?
        }
        (CliRun::P3, Linking::Sync) => bail!("WASI 0.3 has no synchronous linker"),
        (CliRun::P3, Linking::Async | Linking::HandOver) => {
            // What its standard library asks for is of WASI 0.2.
            p2::add_all_to_linker_async(&mut linker)?;
            p3::add_all_to_linker(&mut linker)?;
            block_on(component::run_async(&mut store, &linker, run, component))?
        }
    };
    drop(store);
    Ok(printed.outcome(result))
}

struct Host {
    wasi: WasiCtx,
    files: GoferComponentCtx,
    table: ResourceTable,
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl GoferView for Host {
    fn gofer(&mut self) -> GoferCtxView<'_> {
        GoferCtxView { ctx: &mut self.files, table: &mut self.table }
    }
}
