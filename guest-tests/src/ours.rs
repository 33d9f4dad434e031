//! Guests over our filesystem.

use crate::engine::engine;
use crate::invocation::{Invocation, Outcome};
use crate::process::block_on;
use anyhow::Result;
use wasi_gofer::{GoferCtx, p1};
use wasmtime::{Linker, Module, Store};

/// Which set of host functions a guest is linked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linking {
    /// `p1::add_to_linker_sync`.
    Sync,
    /// `p1::add_to_linker_async`.
    Async,
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
    };
    drop(store);
    Ok(printed.outcome(result))
}
