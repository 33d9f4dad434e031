//! What an embedder calls.

use super::functions;
use super::method::Interface;
use crate::wasi::component::{Descriptor, GoferView, drop_descriptor, get_directories};
use wasmtime::component::{Linker, LinkerInstance, ResourceType};
use wasmtime_wasi::WasiView;

const TYPES: &str = "wasi:filesystem/types@0.3.0";
const PREOPENS: &str = "wasi:filesystem/preopens@0.3.0";

/// Adds `wasi:filesystem`, over wasmtime-wasi's if the linker has that already. The linker's `allow_shadowing` is off
/// afterwards. Where the guest's context says [`Blocking::HandOver`], calls that have to wait do so on a worker.
///
/// # Errors
///
/// When the linker cannot take the functions; its engine must support concurrency.
///
/// [`Blocking::HandOver`]: crate::component::Blocking::HandOver
pub fn add_to_linker<T: GoferView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let added = add_types(linker).and_then(|()| add_preopens(linker));
    linker.allow_shadowing(false);
    added
}

/// Adds all of WASI 0.3: what is not about files is wasmtime-wasi's.
///
/// # Errors
///
/// When the linker has some of it already, or its engine does not support concurrency.
pub fn add_all_to_linker<T: WasiView + GoferView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    wasmtime_wasi::p3::add_to_linker(linker)?;
    add_to_linker(linker)
}

fn add_types<T: GoferView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    let mut instance = linker.instance(TYPES)?;
    add_resource(&mut instance)?;
    functions::add(&mut Interface { instance })
}

fn add_resource<T: GoferView + 'static>(instance: &mut LinkerInstance<'_, T>) -> wasmtime::Result<()> {
    instance.resource("descriptor", ResourceType::host::<Descriptor>(), |mut store, rep| {
        drop_descriptor(&mut store.data_mut().gofer(), rep)
    })
}

fn add_preopens<T: GoferView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    linker
        .instance(PREOPENS)?
        .func_wrap("get-directories", |mut store, (): ()| Ok((get_directories(&mut store.data_mut().gofer())?,)))
}
