//! How a function of the interface is linked.
//!
//! The interface's functions are asynchronous, and so are the guest's calls: several go on at once, and the store is seen
//! at their beginning and end alone. What need not wait is answered in the call itself, without a task. What would have to
//! wait goes to a worker, where the guest's context says so, and takes a place there among what the guest has open: it may
//! cancel a call and make the next one before the worker has noticed.

use super::bindings::ErrorCode;
use super::errors::code;
use crate::abi::{Call, Result};
use crate::wasi::component::{Descriptor, Fail, GoferCtxView, GoferView, Outcome, Slot, Tried, attempt, hand_over};
use std::pin::Pin;
use wasmtime::component::{Accessor, ComponentNamedList, Lift, LinkerInstance, Lower, Resource};
use wasmtime::{AsContextMut, StoreContextMut};

/// A handle of a descriptor, owned or borrowed.
pub(super) type Handle = Resource<Descriptor>;

/// What a guest is answered; the one place where failures are logged.
#[inline]
pub(super) fn answer<W>(name: &'static str, outcome: Outcome<W>) -> wasmtime::Result<(Result<W, ErrorCode>,)> {
    match outcome {
        Ok(answer) => Ok((Ok(answer),)),
        Err(Fail::Errno(errno)) => {
            tracing::debug!(target: "wasi_gofer::p3", call = name, ?errno);
            Ok((Err(code(errno)),))
        }
        Err(Fail::Trap(error)) => Err(error),
    }
}

/// An answer that may come later.
type Answer<'a, R> = Pin<Box<dyn Future<Output = wasmtime::Result<R>> + Send + 'a>>;

fn at_once<'a, R: Send + 'a>(answer: wasmtime::Result<R>) -> Answer<'a, R> {
    Box::pin(std::future::ready(answer))
}

/// The functions of one interface, while they are linked.
pub(super) struct Interface<'l, T: 'static> {
    pub(super) instance: LinkerInstance<'l, T>,
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
        self.instance.func_wrap_concurrent(name, move |accessor: &Accessor<T>, params: P| {
            let tried = accessor.with(|mut access| {
                let mut store = access.as_context_mut();
                match attempt(&mut store, params, true, decode, run, finish)? {
                    Tried::Done(done) => Ok(Tried::Done(done)),
                    Tried::Waits(target, args, call) => Ok(Tried::Waits((target, place(&mut store)?), args, call)),
                }
            });
            match tried {
                Ok(Tried::Done(done)) => at_once(answer(Ok(done))),
                Err(fail) => at_once(answer(Err(fail))),
                Ok(Tried::Waits((target, place), args, call)) => Box::pin(async move {
                    let found = hand_over(&call, move |call| {
                        let _until_then = place;
                        run(&target, &args, call)
                    });
                    let found = found.await;
                    answer(found.map_err(Fail::from).and_then(|found| {
                        accessor.with(|mut access| {
                            let mut view = access.data_mut().gofer();
                            let done = finish(&mut view, found);
                            view.ctx.after(true);
                            done
                        })
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
        W: Send + 'static,
        (Result<W, ErrorCode>,): ComponentNamedList + Lower,
    {
        self.instance.func_wrap_concurrent(name, move |accessor: &Accessor<T>, params: P| {
            at_once(answer(name, accessor.with(|mut access| run(&mut access.data_mut().gofer(), params))))
        })
    }
}

/// A place for a call on a worker.
fn place<T: GoferView + 'static>(store: &mut StoreContextMut<'_, T>) -> Outcome<Slot> {
    store.data_mut().gofer().ctx.slot()
}
