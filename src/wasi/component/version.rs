//! What each version of `wasi:filesystem` has of its own: some types, and the way in which its functions are linked.

use super::ctx::{GoferCtxView, GoferView};
use crate::abi::{Call, Errno, FileType, Result, SetTime, Stat};
use crate::wasi::fail::{Fail, Outcome};
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentNamedList, Lift, Lower, Resource};

/// A version, by the types that it has of its own, from and to ours. Never passed as a value: what is generic over it is
/// compiled for each.
pub(crate) trait Version: 'static {
    /// `new-timestamp`.
    type NewTimestamp: Lift + 'static;
    /// `descriptor-type`.
    type DescriptorType: Lower + Send + 'static;
    /// `descriptor-stat`.
    type DescriptorStat: Lower + Send + 'static;
    /// `error-code`.
    type ErrorCode: Lower + Send + 'static;

    /// A type; `None` where nobody could tell.
    fn descriptor_type(file_type: Option<FileType>) -> Self::DescriptorType;

    /// Attributes.
    fn descriptor_stat(stat: &Stat) -> Self::DescriptorStat;

    /// A time to set.
    fn set_time(time: Self::NewTimestamp) -> Outcome<Option<SetTime>>;

    /// What a guest is told of a call that failed; the one place where failures are logged.
    fn failure(call: &'static str, errno: Errno) -> Self::ErrorCode;
}

/// What a guest is answered.
#[inline]
pub(crate) fn answer<V: Version, W>(
    name: &'static str,
    outcome: Outcome<W>,
) -> wasmtime::Result<(Result<W, V::ErrorCode>,)> {
    match outcome {
        Ok(answer) => Ok((Ok(answer),)),
        Err(Fail::Errno(errno)) => Ok((Err(V::failure(name, errno)),)),
        Err(Fail::Trap(error)) => Err(error),
    }
}

/// Links the functions of one interface.
pub(crate) trait Link<V: Version, T: GoferView + 'static> {
    /// Links a function on something that is open and may have to wait for a backend.
    fn waiting<X, P, A, F, W>(
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
        W: Lower + Send + 'static,
    {
        self.waiting_as(name, decode, run, finish, move |outcome| answer::<V, W>(name, outcome))
    }

    /// As [`Link::waiting`], with an answer of another shape than a `result`.
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
        R: ComponentNamedList + Lower + Send + 'static;

    /// Links a function that never reaches a backend.
    fn at_once<P, W>(
        &mut self,
        name: &'static str,
        run: impl Fn(&mut GoferCtxView<'_>, P) -> Outcome<W> + Send + Sync + 'static,
    ) -> wasmtime::Result<()>
    where
        P: ComponentNamedList + Lift + 'static,
        W: Lower + Send + 'static;
}
