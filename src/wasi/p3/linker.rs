//! What an embedder calls.

use super::method::Interface;
use super::streams::add_streams;
use crate::wasi::component::{GoferView, add_descriptor, add_functions, add_preopens, shadowing};
use wasmtime::component::Linker;
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
    shadowing(linker, |linker| {
        add_types(linker)?;
        add_preopens(linker, PREOPENS)
    })
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
    add_descriptor(&mut instance)?;
    let mut interface = Interface { instance };
    add_functions(&mut interface)?;
    add_streams(&mut interface)
}
