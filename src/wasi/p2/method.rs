//! How a function of the interface is linked: decode, run, finish.
//!
//! A function that may reach a backend is cut in three. `decode` turns what the guest passed into owned arguments,
//! `run` works on them and on what the handle stands for, and `finish` makes the answer of what was found. Only the first
//! and the last see the store, so that `run` can go on elsewhere: in an asynchronous linker, and where the guest's
//! context says so, it is tried first without waiting and starts again on a worker if it would have to wait.

use super::bindings::ErrorCode;
use super::errors::code;
use crate::abi::{Call, Errno, Error, PATH_MAX, Result};
use crate::wasi::component::{Fail, GoferCtxView, GoferView, Outcome, hand_over};
use smallvec::SmallVec;
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentNamedList, Lift, LinkerInstance, Lower, Resource, WasmStr};

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
pub(super) fn behind<'v, X: 'static>(view: &'v GoferCtxView<'_>, handle: &Resource<X>) -> Outcome<&'v X> {
    view.table.get(handle).map_err(|error| Fail::Trap(error.into()))
}

/// Puts something new into the resource table.
pub(super) fn push<X: Send + 'static>(view: &mut GoferCtxView<'_>, entry: X) -> Outcome<Resource<X>> {
    view.table.push(entry).map_err(|error| Fail::Trap(error.into()))
}

/// What a guest is answered; the one place where failures are logged.
#[inline]
pub(super) fn answer<W>(name: &'static str, outcome: Outcome<W>) -> wasmtime::Result<(Result<W, ErrorCode>,)> {
    match outcome {
        Ok(answer) => Ok((Ok(answer),)),
        Err(Fail::Errno(errno)) => {
            tracing::debug!(target: "wasi_gofer::p2", call = name, ?errno);
            Ok((Err(code(errno)),))
        }
        Err(Fail::Trap(error)) => Err(error),
    }
}

/// The functions of one interface, while they are linked.
pub(super) struct Interface<'l, T: 'static> {
    pub(super) instance: LinkerInstance<'l, T>,
    /// Whether guests are called asynchronously.
    pub(super) asynchronous: bool,
}

/// How a first try ended.
enum Tried<X, A, W> {
    Done(W),
    /// It would have had to wait.
    Waits(X, A, Call),
}

/// Tries a function in the caller.
#[inline]
fn attempt<T, X, P, A, F, W>(
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

impl<T: GoferView + 'static> Interface<'_, T> {
    /// Links a function on something that is open and may have to wait for a backend.
    pub(super) fn waiting<X, P, A, F, W>(
        &mut self,
        name: &'static str,
        decode: impl Fn(&mut StoreContextMut<'_, T>, P) -> Outcome<(Resource<X>, A)> + Copy + Send + Sync + 'static,
        run: impl Fn(&X, &A, &Call) -> Result<F> + Copy + Send + Sync + 'static,
        finish: impl Fn(&mut GoferCtxView<'_>, F) -> Outcome<W> + Copy + Send + Sync + 'static,
    ) -> wasmtime::Result<()>
    where
        X: Clone + Send + Sync + 'static,
        P: ComponentNamedList + Lift + 'static,
        A: Send + 'static,
        F: Send + 'static,
        W: Send + 'static,
        (Result<W, ErrorCode>,): ComponentNamedList + Lower,
    {
        self.waiting_as(name, decode, run, finish, move |outcome| answer(name, outcome))
    }

    /// As [`Interface::waiting`], with an answer of another shape than a `result`.
    pub(super) fn waiting_as<X, P, A, F, W, R>(
        &mut self,
        name: &'static str,
        decode: impl Fn(&mut StoreContextMut<'_, T>, P) -> Outcome<(Resource<X>, A)> + Copy + Send + Sync + 'static,
        run: impl Fn(&X, &A, &Call) -> Result<F> + Copy + Send + Sync + 'static,
        finish: impl Fn(&mut GoferCtxView<'_>, F) -> Outcome<W> + Copy + Send + Sync + 'static,
        answer: impl Fn(Outcome<W>) -> wasmtime::Result<R> + Copy + Send + Sync + 'static,
    ) -> wasmtime::Result<()>
    where
        X: Clone + Send + Sync + 'static,
        P: ComponentNamedList + Lift + 'static,
        A: Send + 'static,
        F: Send + 'static,
        W: Send + 'static,
        R: ComponentNamedList + Lower + Send + 'static,
    {
        if !self.asynchronous {
            return self.instance.func_wrap(name, move |mut store, params: P| {
                answer(match attempt(&mut store, params, false, decode, run, finish) {
                    Ok(Tried::Done(done)) => Ok(done),
                    // It was told that it may wait.
                    Ok(Tried::Waits(..)) => Err(Errno::Io.into()),
                    Err(fail) => Err(fail),
                })
            });
        }
        self.instance.func_wrap_async(name, move |mut store, params: P| {
            match attempt(&mut store, params, true, decode, run, finish) {
                Ok(Tried::Done(done)) => Box::new(std::future::ready(answer(Ok(done)))),
                Err(fail) => Box::new(std::future::ready(answer(Err(fail)))),
                Ok(Tried::Waits(target, args, call)) => Box::new(async move {
                    let found = hand_over(&call, move |call| run(&target, &args, call)).await;
                    answer(found.map_err(Fail::from).and_then(|found| {
                        let mut view = store.data_mut().gofer();
                        let done = finish(&mut view, found);
                        view.ctx.after(true);
                        done
                    }))
                }),
            }
        })
    }

    /// Links a function that never reaches a backend.
    pub(super) fn at_once<P, W>(
        &mut self,
        name: &'static str,
        run: impl Fn(&mut GoferCtxView<'_>, P) -> Outcome<W> + Send + Sync + 'static,
    ) -> wasmtime::Result<()>
    where
        P: ComponentNamedList + Lift + 'static,
        W: 'static,
        (Result<W, ErrorCode>,): ComponentNamedList + Lower,
    {
        self.instance
            .func_wrap(name, move |mut store, params: P| answer(name, run(&mut store.data_mut().gofer(), params)))
    }
}
