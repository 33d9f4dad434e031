//! How a function of the interface is linked: what would have to wait goes to a worker in an asynchronous linker, where
//! the guest's context says so.

use super::encode::P2;
use crate::abi::{Call, Errno, Result};
use crate::wasi::component::{Fail, GoferCtxView, GoferView, Link, Outcome, Tried, answer, attempt, hand_over};
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentNamedList, Lift, LinkerInstance, Lower, Resource};

/// The functions of one interface, while they are linked.
pub(super) struct Interface<'l, T: 'static> {
    pub(super) instance: LinkerInstance<'l, T>,
    /// Whether guests are called asynchronously.
    pub(super) asynchronous: bool,
}

impl<T: GoferView + 'static> Link<P2, T> for Interface<'_, T> {
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

    fn at_once<P, W>(
        &mut self,
        name: &'static str,
        run: impl Fn(&mut GoferCtxView<'_>, P) -> Outcome<W> + Send + Sync + 'static,
    ) -> wasmtime::Result<()>
    where
        P: ComponentNamedList + Lift + 'static,
        W: Lower + Send + 'static,
    {
        self.instance.func_wrap(name, move |mut store, params: P| {
            answer::<P2, W>(name, run(&mut store.data_mut().gofer(), params))
        })
    }
}
