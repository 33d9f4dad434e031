//! What goes to the inner context: stdio and everything that is not about files.

use super::ctx::GoferP1Ctx;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use wasmtime_wasi::p1::wasi_snapshot_preview1 as stock;
use wiggle::GuestMemory;

/// The result of a future of the inner context that has nothing to wait for.
fn at_once<F: Future<Output = wasmtime::Result<i32>>>(future: F) -> wasmtime::Result<i32> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(wasmtime::Error::msg("a call on stdio waits where it cannot")),
    }
}

/// The status of a descriptor of stdio.
pub(super) fn fdstat_get(
    ctx: &mut GoferP1Ctx,
    memory: &mut GuestMemory<'_>,
    inner: u32,
    out: i32,
) -> wasmtime::Result<i32> {
    at_once(stock::fd_fdstat_get(&mut ctx.inner, memory, inner.cast_signed(), out))
}

/// The attributes of a descriptor of stdio.
pub(super) fn filestat_get(
    ctx: &mut GoferP1Ctx,
    memory: &mut GuestMemory<'_>,
    inner: u32,
    out: i32,
) -> wasmtime::Result<i32> {
    at_once(stock::fd_filestat_get(&mut ctx.inner, memory, inner.cast_signed(), out))
}

/// Closes a descriptor of stdio. A stream whose end has to wait is ended by dropping the wait.
pub(super) fn close(ctx: &mut GoferP1Ctx, memory: &mut GuestMemory<'_>, inner: u32) -> wasmtime::Result<i32> {
    match pin!(stock::fd_close(&mut ctx.inner, memory, inner.cast_signed()))
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(result) => result,
        Poll::Pending => Ok(0),
    }
}
