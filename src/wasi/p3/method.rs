//! How a function of the interface is linked.
//!
//! The interface's functions are asynchronous, and so are the guest's calls: several go on at once, and the store is seen
//! at their beginning and end alone. What need not wait is answered in the call itself, without a task. What would have to
//! wait goes to a worker, where the guest's context says so, in its turn: a guest has so many workers at most, and it may
//! cancel a call and make the next one before a worker has noticed.

use super::encode::P3;
use crate::abi::{Call, Errno, Result};
use crate::wasi::component::{Fail, GoferCtxView, GoferView, Link, Outcome, Tried, answer, attempt, hand_over};
use std::pin::Pin;
use wasmtime::component::{Accessor, ComponentNamedList, Lift, LinkerInstance, Lower, Resource};
use wasmtime::{AsContextMut, StoreContextMut};

/// An answer that may come later.
type Answer<'a, R> = Pin<Box<dyn Future<Output = wasmtime::Result<R>> + Send + 'a>>;

fn at_once<'a, R: Send + 'a>(answer: wasmtime::Result<R>) -> Answer<'a, R> {
    Box::pin(std::future::ready(answer))
}

/// The functions of one interface, while they are linked.
pub(super) struct Interface<'l, T: 'static> {
    pub(super) instance: LinkerInstance<'l, T>,
}

impl<T: GoferView + 'static> Link<P3, T> for Interface<'_, T> {
    fn waiting_as<X, P, A, F, W, R>(
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
                    Tried::Waits(target, args, call) => {
                        let workers = store.data_mut().gofer().ctx.workers();
                        Ok(Tried::Waits((target, workers), args, call))
                    }
                }
            });
            match tried {
                Ok(Tried::Done(done)) => at_once(answer(Ok(done))),
                Err(fail) => at_once(answer(Err(fail))),
                Ok(Tried::Waits((target, workers), args, call)) => Box::pin(async move {
                    let found = match workers.acquire_owned().await {
                        Ok(turn) => {
                            let work = move |call: &Call| {
                                // Until the worker is done, also when nobody waits for it any more.
                                let _turn = turn;
                                run(&target, &args, call)
                            };
                            hand_over(&call, work).await
                        }
                        Err(_) => Err(Errno::Canceled.into()),
                    };
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

    fn at_once<P, W>(
        &mut self,
        name: &'static str,
        run: impl Fn(&mut GoferCtxView<'_>, P) -> Outcome<W> + Send + Sync + 'static,
    ) -> wasmtime::Result<()>
    where
        P: ComponentNamedList + Lift + 'static,
        W: Lower + Send + 'static,
    {
        self.instance.func_wrap_concurrent(name, move |accessor: &Accessor<T>, params: P| {
            at_once(answer::<P3, W>(name, accessor.with(|mut access| run(&mut access.data_mut().gofer(), params))))
        })
    }
}
