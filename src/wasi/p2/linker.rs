//! What an embedder calls.

use super::bindings::ErrorCode;
use super::errors::of_stream;
use super::functions;
use super::method::Interface;
use crate::wasi::component::{DirectoryEntries, GoferView, add_descriptor, add_preopens, shadowing};
use wasmtime::component::{Linker, LinkerInstance, Resource, ResourceType};
use wasmtime_wasi::WasiView;

const TYPES: &str = "wasi:filesystem/types@0.2.12";
const PREOPENS: &str = "wasi:filesystem/preopens@0.2.12";

/// Adds `wasi:filesystem` for stores that are used synchronously, over wasmtime-wasi's if the linker has that already.
/// The linker's `allow_shadowing` is off afterwards.
///
/// # Errors
///
/// When the linker cannot take the functions.
pub fn add_to_linker_sync<T: GoferView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    add(linker, false)
}

/// As [`add_to_linker_sync`], for stores that are used asynchronously. Where the guest's context says
/// [`Blocking::HandOver`], calls that have to wait do so on a worker.
///
/// # Errors
///
/// When the linker cannot take the functions.
///
/// [`Blocking::HandOver`]: crate::component::Blocking::HandOver
pub fn add_to_linker_async<T: GoferView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    add(linker, true)
}

/// Adds all of WASI 0.2 for stores that are used synchronously: what is not about files is wasmtime-wasi's.
///
/// # Errors
///
/// When the linker has some of it already.
pub fn add_all_to_linker_sync<T: WasiView + GoferView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_sync(linker)?;
    add(linker, false)
}

/// As [`add_all_to_linker_sync`], for stores that are used asynchronously.
///
/// # Errors
///
/// When the linker has some of it already.
pub fn add_all_to_linker_async<T: WasiView + GoferView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    add(linker, true)
}

fn add<T: GoferView + 'static>(linker: &mut Linker<T>, asynchronous: bool) -> wasmtime::Result<()> {
    shadowing(linker, |linker| {
        add_types(linker, asynchronous)?;
        add_preopens(linker, PREOPENS)
    })
}

fn add_types<T: GoferView + 'static>(linker: &mut Linker<T>, asynchronous: bool) -> wasmtime::Result<()> {
    let mut instance = linker.instance(TYPES)?;
    add_resources(&mut instance)?;
    let mut interface = Interface { instance, asynchronous };
    functions::add(&mut interface)?;
    interface.instance.func_wrap("filesystem-error-code", |mut store, (error,): (Resource<wasmtime::Error>,)| {
        let view = store.data_mut().gofer();
        let code: Option<ErrorCode> = of_stream(view.table.get(&error)?);
        Ok((code,))
    })
}

fn add_resources<T: GoferView + 'static>(instance: &mut LinkerInstance<'_, T>) -> wasmtime::Result<()> {
    add_descriptor(instance)?;
    instance.resource("directory-entry-stream", ResourceType::host::<DirectoryEntries>(), |mut store, rep| {
        let view = store.data_mut().gofer();
        drop(view.table.delete(Resource::<DirectoryEntries>::new_own(rep))?);
        view.ctx.after(true);
        Ok(())
    })
}
