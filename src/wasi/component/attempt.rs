//! How a function of an interface is run: decode, run, finish.
//!
//! A function that may reach a backend is cut in three. `decode` turns what the guest passed into owned arguments,
//! `run` works on them and on what the handle stands for, and `finish` makes the answer of what was found. Only the first
//! and the last see the store, so that `run` can go on elsewhere: where calls can be handed over it is tried first
//! without waiting, and starts again on a worker if it would have to wait.

use super::ctx::{GoferCtxView, GoferView};
use super::descriptor::Descriptor;
use crate::abi::{Call, Errno, Error, PATH_MAX, Result};
use crate::wasi::fail::{Fail, Outcome};
use smallvec::SmallVec;
use wasmtime::StoreContextMut;
use wasmtime::component::{Resource, WasmStr};

/// A handle of a descriptor, owned or borrowed.
pub(crate) type Handle = Resource<Descriptor>;

/// A path, out of the guest's memory.
pub(super) type PathBuf = SmallVec<[u8; 128]>;

/// Reads a path. Longer ones than any resolution takes are refused before they are copied.
#[inline]
pub(super) fn path<T: 'static>(store: &StoreContextMut<'_, T>, path: &WasmStr) -> Outcome<PathBuf> {
    let path = path.to_str(store).map_err(Fail::Trap)?;
    if path.len() > PATH_MAX {
        return Err(Errno::Nametoolong.into());
    }
    Ok(PathBuf::from_slice(path.as_bytes()))
}

/// What the resource table finds behind a handle.
#[inline]
pub(crate) fn behind<'v, X: 'static>(view: &'v GoferCtxView<'_>, handle: &Resource<X>) -> Outcome<&'v X> {
    view.table.get(handle).map_err(|error| Fail::Trap(error.into()))
}

/// Puts something new into the resource table.
pub(crate) fn push<X: Send + 'static>(view: &mut GoferCtxView<'_>, entry: X) -> Outcome<Resource<X>> {
    view.table.push(entry).map_err(|error| Fail::Trap(error.into()))
}

/// How a first try ended.
pub(crate) enum Tried<X, A, W> {
    Done(W),
    /// It would have had to wait.
    Waits(X, A, Call),
}

/// Tries a function in the caller.
#[inline]
pub(crate) fn attempt<T, X, P, A, F, W>(
    store: &mut StoreContextMut<'_, T>,
    params: P,
    can_hand_over: bool,
    decode: impl Fn(&mut StoreContextMut<'_, T>, P) -> Outcome<(Resource<X>, A)>,
    run: impl Fn(&X, &A, &Call) -> Result<F>,
    finish: impl Fn(&mut GoferCtxView<'_>, F) -> Outcome<W>,
) -> Outcome<Tried<X, A, W>>
where
    T: GoferView + 'static,
    X: Clone + 'static,
{
    let (handle, args) = decode(store, params)?;
    let mut view = store.data_mut().gofer();
    let target = behind(&view, &handle)?;
    let call = view.ctx.conduct().first(can_hand_over);
    let found = run(target, &args, call);
    let done = match found {
        Ok(found) => finish(&mut view, found),
        Err(Error::WouldWait) if !call.may_wait => {
            return Ok(Tried::Waits(target.clone(), args, view.ctx.conduct().waiting.clone()));
        }
        Err(error) => Err(error.into()),
    };
    view.ctx.after(can_hand_over);
    done.map(Tried::Done)
}
