//! What a linker is given in all versions beside the functions of `descriptor`.

use super::attempt::push;
use super::ctx::{GoferCtxView, GoferView};
use super::descriptor::Descriptor;
use crate::wasi::fail::Fail;
use wasmtime::component::{Linker, LinkerInstance, Resource, ResourceType};

/// Has `add` put something over what the linker has already, whose `allow_shadowing` is off afterwards.
pub(crate) fn shadowing<T: 'static>(
    linker: &mut Linker<T>,
    add: impl FnOnce(&mut Linker<T>) -> wasmtime::Result<()>,
) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let added = add(linker);
    linker.allow_shadowing(false);
    added
}

/// Adds the resource `descriptor`.
pub(crate) fn add_descriptor<T: GoferView + 'static>(instance: &mut LinkerInstance<'_, T>) -> wasmtime::Result<()> {
    instance.resource("descriptor", ResourceType::host::<Descriptor>(), |mut store, rep| {
        drop_descriptor(&mut store.data_mut().gofer(), rep)
    })
}

/// Ends what a handle stood for that the guest gave up.
fn drop_descriptor(view: &mut GoferCtxView<'_>, rep: u32) -> wasmtime::Result<()> {
    view.table.delete(Resource::<Descriptor>::new_own(rep))?.end(view.ctx.conduct());
    view.ctx.after(true);
    Ok(())
}

/// Adds the interface `preopens`, which the version calls `name`.
pub(crate) fn add_preopens<T: GoferView + 'static>(linker: &mut Linker<T>, name: &str) -> wasmtime::Result<()> {
    linker
        .instance(name)?
        .func_wrap("get-directories", |mut store, (): ()| Ok((get_directories(&mut store.data_mut().gofer())?,)))
}

/// Puts fresh descriptors of the preopens into the resource table. The function has no way to fail but a trap.
fn get_directories(view: &mut GoferCtxView<'_>) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
    let trap = |fail| match fail {
        Fail::Errno(errno) => wasmtime::Error::from(errno).context("cannot open the preopened directories"),
        Fail::Trap(error) => error,
    };
    let opened = view.ctx.open_preopens().map_err(trap)?;
    opened.into_iter().map(|(descriptor, name)| Ok((push(view, descriptor).map_err(trap)?, name))).collect()
}
