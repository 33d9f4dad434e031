//! The functions as wasmtime links them.

use super::ctx::GoferP1Ctx;
use super::errno::{Errno, Fail, Outcome, number};
use super::io::At;
use super::poll::Plan;
use super::{encode, fd, io, path, poll, stdio};
use wasmtime::{AsContextMut, Caller, Extern, Linker, Memory, SharedMemory};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p1::wasi_snapshot_preview1 as stock;
use wasmtime_wasi::p1::wasi_snapshot_preview1::WasiSnapshotPreview1;
use wasmtime_wasi::runtime::in_tokio;
use wiggle::GuestMemory;

const MODULE: &str = "wasi_snapshot_preview1";

/// How an embedder's store data leads to our context.
pub(super) trait Project<T>: Fn(&mut T) -> &mut GoferP1Ctx + Copy + Send + Sync + 'static {}

impl<T, F: Fn(&mut T) -> &mut GoferP1Ctx + Copy + Send + Sync + 'static> Project<T> for F {}

/// Adds every function of `wasi_snapshot_preview1`, for stores that are used synchronously. Shaped like wasmtime-wasi's
/// function of the same name: `f` leads from the store's data to the [`GoferP1Ctx`].
///
/// # Errors
///
/// When the linker has one of the functions already.
pub fn add_to_linker_sync<T: Send + 'static>(
    linker: &mut Linker<T>,
    f: impl Fn(&mut T) -> &mut GoferP1Ctx + Copy + Send + Sync + 'static,
) -> wasmtime::Result<()> {
    add_common(linker, f)?;
    linker.func_wrap(MODULE, "fd_read", move |mut caller: Caller<'_, T>, fd: i32, iovs: i32, n: i32, out: i32| {
        refuel(&mut caller, f);
        with(&mut caller, f, |ctx, memory| {
            let routed = io::read(ctx, memory, fd.cast_unsigned(), vector(iovs, n, out), At::Position);
            route("fd_read", routed, |inner| in_tokio(stock::fd_read(&mut ctx.inner, memory, inner, iovs, n, out)))
        })
    })?;
    linker.func_wrap(MODULE, "fd_write", move |mut caller: Caller<'_, T>, fd: i32, iovs: i32, n: i32, out: i32| {
        refuel(&mut caller, f);
        with(&mut caller, f, |ctx, memory| {
            let routed = io::write(ctx, memory, fd.cast_unsigned(), vector(iovs, n, out), At::Position);
            route("fd_write", routed, |inner| in_tokio(stock::fd_write(&mut ctx.inner, memory, inner, iovs, n, out)))
        })
    })?;
    linker.func_wrap(
        MODULE,
        "poll_oneoff",
        move |mut caller: Caller<'_, T>, subs: i32, events: i32, n: i32, out: i32| {
            refuel(&mut caller, f);
            with(&mut caller, f, |ctx, memory| {
                let args = (subs.cast_unsigned(), events.cast_unsigned(), n.cast_unsigned());
                match poll::plan(ctx, memory, args.0, args.1, args.2) {
                    Ok(mut plan) => {
                        let asked = in_tokio(ask(&mut ctx.inner, &mut plan))?;
                        finish_poll(&plan, asked, memory, events, out)
                    }
                    Err(fail) => end("poll_oneoff", Err(fail)),
                }
            })
        },
    )?;
    Ok(())
}

/// As [`add_to_linker_sync`], for stores that are used asynchronously: waits for stdio and clocks give the executor
/// back. Operations on files run inline.
///
/// # Errors
///
/// When the linker has one of the functions already.
pub fn add_to_linker_async<T: Send + 'static>(
    linker: &mut Linker<T>,
    f: impl Fn(&mut T) -> &mut GoferP1Ctx + Copy + Send + Sync + 'static,
) -> wasmtime::Result<()> {
    add_common(linker, f)?;
    linker.func_wrap_async(
        MODULE,
        "fd_read",
        move |mut caller: Caller<'_, T>, (fd, iovs, n, out): (i32, i32, i32, i32)| {
            Box::new(async move {
                let view = View::of(&mut caller, f)?;
                refuel(&mut caller, f);
                let (ctx, mut memory) = view.split(&mut caller, f);
                match io::read(ctx, &mut memory, fd.cast_unsigned(), vector(iovs, n, out), At::Position) {
                    Ok(Some(inner)) => {
                        stock::fd_read(&mut ctx.inner, &mut memory, inner.cast_signed(), iovs, n, out).await
                    }
                    done => end("fd_read", done.map(drop)),
                }
            })
        },
    )?;
    linker.func_wrap_async(
        MODULE,
        "fd_write",
        move |mut caller: Caller<'_, T>, (fd, iovs, n, out): (i32, i32, i32, i32)| {
            Box::new(async move {
                let view = View::of(&mut caller, f)?;
                refuel(&mut caller, f);
                let (ctx, mut memory) = view.split(&mut caller, f);
                match io::write(ctx, &mut memory, fd.cast_unsigned(), vector(iovs, n, out), At::Position) {
                    Ok(Some(inner)) => {
                        stock::fd_write(&mut ctx.inner, &mut memory, inner.cast_signed(), iovs, n, out).await
                    }
                    done => end("fd_write", done.map(drop)),
                }
            })
        },
    )?;
    linker.func_wrap_async(
        MODULE,
        "poll_oneoff",
        move |mut caller: Caller<'_, T>, (subs, events, n, out): (i32, i32, i32, i32)| {
            Box::new(async move {
                let view = View::of(&mut caller, f)?;
                refuel(&mut caller, f);
                let (ctx, mut memory) = view.split(&mut caller, f);
                let args = (subs.cast_unsigned(), events.cast_unsigned(), n.cast_unsigned());
                match poll::plan(ctx, &memory, args.0, args.1, args.2) {
                    Ok(mut plan) => {
                        let asked = ask(&mut ctx.inner, &mut plan).await?;
                        finish_poll(&plan, asked, &mut memory, events, out)
                    }
                    Err(fail) => end("poll_oneoff", Err(fail)),
                }
            })
        },
    )?;
    Ok(())
}

/// Asks the inner context about clocks and stdio, in the plan's own memory; the errno that it answers.
async fn ask(inner: &mut WasiP1Ctx, plan: &mut Plan) -> wasmtime::Result<i32> {
    if plan.asked == 0 {
        return Ok(0);
    }
    let (events, count, asked) = (plan.events_at(), plan.count_at(), plan.asked.cast_signed());
    let mut memory = GuestMemory::Unshared(&mut plan.memory);
    stock::poll_oneoff(inner, &mut memory, 0, events, asked, count).await
}

fn finish_poll(plan: &Plan, asked: i32, memory: &mut GuestMemory<'_>, events: i32, out: i32) -> wasmtime::Result<i32> {
    match asked {
        0 => end("poll_oneoff", plan.finish(memory, events.cast_unsigned(), out.cast_unsigned())),
        errno => Ok(errno),
    }
}

fn vector(iovs: i32, n: i32, out: i32) -> io::Vector {
    (iovs.cast_unsigned(), n.cast_unsigned(), out.cast_unsigned())
}

/// Ends a call that may have been one of stdio.
#[inline]
fn route(
    name: &'static str,
    routed: Outcome<Option<u32>>,
    forward: impl FnOnce(i32) -> wasmtime::Result<i32>,
) -> wasmtime::Result<i32> {
    match routed {
        Ok(Some(inner)) => forward(inner.cast_signed()),
        done => end(name, done.map(drop)),
    }
}

/// The number that the guest gets; the one place where failures are logged.
#[inline]
fn end(name: &'static str, outcome: Outcome) -> wasmtime::Result<i32> {
    match outcome {
        Ok(()) => Ok(0),
        Err(Fail::Errno(errno)) => {
            tracing::debug!(target: "wasi_gofer::p1", call = name, ?errno);
            Ok(number(errno))
        }
        Err(Fail::Trap(error)) => Err(error),
    }
}

/// The memory of the calling instance.
enum View {
    Plain(Memory),
    Shared(SharedMemory),
}

impl View {
    #[inline]
    fn of<T: 'static>(caller: &mut Caller<'_, T>, f: impl Project<T>) -> wasmtime::Result<View> {
        if let Some(memory) = f(caller.data_mut()).memory {
            return Ok(View::Plain(memory));
        }
        match caller.get_export("memory") {
            Some(Extern::Memory(memory)) => Ok(View::Plain(memory)),
            Some(Extern::SharedMemory(memory)) => Ok(View::Shared(memory)),
            _ => Err(wasmtime::Error::msg("missing required memory export")),
        }
    }

    #[inline]
    fn split<'c, T: 'static>(
        &'c self,
        caller: &'c mut Caller<'_, T>,
        f: impl Project<T>,
    ) -> (&'c mut GoferP1Ctx, GuestMemory<'c>) {
        match self {
            View::Plain(memory) => {
                let (data, store) = memory.data_and_store_mut(caller);
                (f(store), GuestMemory::Unshared(data))
            }
            View::Shared(memory) => (f(caller.data_mut()), GuestMemory::Shared(memory.data())),
        }
    }
}

/// Hands the store's fuel to the inner context, which counts by it what a call makes the host copy.
#[inline]
fn refuel<T: 'static>(caller: &mut Caller<'_, T>, f: impl Project<T>) {
    let fuel = caller.as_context_mut().hostcall_fuel();
    f(caller.data_mut()).inner.set_hostcall_fuel(fuel);
}

#[inline]
fn with<T: 'static>(
    caller: &mut Caller<'_, T>,
    f: impl Project<T>,
    call: impl FnOnce(&mut GoferP1Ctx, &mut GuestMemory<'_>) -> wasmtime::Result<i32>,
) -> wasmtime::Result<i32> {
    let view = View::of(caller, f)?;
    let (ctx, mut memory) = view.split(caller, f);
    call(ctx, &mut memory)
}

/// Links functions that never wait: `name(arguments) = body`, where the body sees the context and the memory. A plain
/// body is an operation of ours; one behind `=>` ends the call itself.
macro_rules! link {
    ($linker:ident, $f:ident, |$ctx:ident, $memory:ident| $($name:ident($($arg:ident: $ty:ty),*) $kind:tt $body:expr;)*) => {$(
        $linker.func_wrap(MODULE, stringify!($name), move |mut caller: Caller<'_, T>, $($arg: $ty),*| {
            link!(@$kind refuel(&mut caller, $f));
            with(&mut caller, $f, |$ctx, $memory| {
                let _ = (&$ctx, &$memory);
                link!(@$kind $name, $body)
            })
        })?;
    )*};
    (@= refuel($caller:expr, $f:expr)) => {};
    (@=> refuel($caller:expr, $f:expr)) => { refuel($caller, $f) };
    (@= $name:ident, $body:expr) => { end(stringify!($name), $body) };
    (@=> $name:ident, $body:expr) => { $body };
}

/// The functions that are the same in both linkers.
fn add_common<T: Send + 'static>(linker: &mut Linker<T>, f: impl Project<T>) -> wasmtime::Result<()> {
    add_descriptors(linker, f)?;
    add_stdio_aware(linker, f)?;
    add_paths(linker, f)?;
    add_rest(linker, f)
}

fn u(value: i32) -> u32 {
    value.cast_unsigned()
}

fn add_descriptors<T: Send + 'static>(linker: &mut Linker<T>, f: impl Project<T>) -> wasmtime::Result<()> {
    link!(linker, f, |ctx, memory|
        fd_advise(fd: i32, offset: i64, len: i64, advice: i32) = fd::advise(ctx, u(fd), offset, len, advice);
        fd_allocate(fd: i32, offset: i64, len: i64) = fd::allocate(ctx, u(fd), offset, len);
        fd_datasync(fd: i32) = fd::sync(ctx, u(fd), true);
        fd_sync(fd: i32) = fd::sync(ctx, u(fd), false);
        fd_fdstat_set_flags(fd: i32, flags: i32) = fd::fdstat_set_flags(ctx, u(fd), flags);
        fd_fdstat_set_rights(fd: i32, _base: i64, _inheriting: i64) = fd::fdstat_set_rights(ctx, u(fd));
        fd_filestat_set_size(fd: i32, size: i64) = fd::filestat_set_size(ctx, u(fd), size);
        fd_filestat_set_times(fd: i32, atim: i64, mtim: i64, flags: i32) =
            fd::filestat_set_times(ctx, u(fd), atim, mtim, flags);
        fd_prestat_get(fd: i32, out: i32) = fd::prestat_get(ctx, memory, u(fd), u(out));
        fd_prestat_dir_name(fd: i32, out: i32, room: i32) =
            fd::prestat_dir_name(ctx, memory, u(fd), u(out), u(room));
        fd_readdir(fd: i32, buf: i32, room: i32, cookie: i64, out: i32) =
            fd::readdir(ctx, memory, (u(fd), u(buf), u(room)), cookie, u(out));
        fd_seek(fd: i32, offset: i64, whence: i32, out: i32) =
            fd::seek(ctx, memory, u(fd), offset, whence, u(out));
        fd_tell(fd: i32, out: i32) = fd::tell(ctx, memory, u(fd), u(out));
        fd_pread(fd: i32, iovs: i32, n: i32, offset: i64, out: i32) =
            io::read(ctx, memory, u(fd), vector(iovs, n, out), At::Offset(offset)).map(drop);
        fd_pwrite(fd: i32, iovs: i32, n: i32, offset: i64, out: i32) =
            io::write(ctx, memory, u(fd), vector(iovs, n, out), At::Offset(offset)).map(drop);
    );
    Ok(())
}

/// Functions that the inner context answers when the descriptor is of stdio, without a wait.
fn add_stdio_aware<T: Send + 'static>(linker: &mut Linker<T>, f: impl Project<T>) -> wasmtime::Result<()> {
    link!(linker, f, |ctx, memory|
        fd_close(fd: i32) => match fd::close(ctx, u(fd)) {
            Ok(Some(inner)) => stdio::close(ctx, memory, inner),
            done => end("fd_close", done.map(drop)),
        };
        fd_renumber(from: i32, to: i32) => match fd::renumber(ctx, u(from), u(to)) {
            Ok(Some(inner)) => stdio::close(ctx, memory, inner),
            done => end("fd_renumber", done.map(drop)),
        };
        fd_fdstat_get(fd: i32, out: i32) => match ctx.stdio(u(fd)) {
            Ok(Some(inner)) => stdio::fdstat_get(ctx, memory, inner, out),
            Ok(None) => end("fd_fdstat_get", fd::fdstat_get(ctx, memory, u(fd), u(out))),
            Err(fail) => end("fd_fdstat_get", Err(fail)),
        };
        fd_filestat_get(fd: i32, out: i32) => match ctx.stdio(u(fd)) {
            Ok(Some(inner)) => stdio::filestat_get(ctx, memory, inner, out),
            Ok(None) => end("fd_filestat_get", fd::filestat_get(ctx, memory, u(fd), u(out))),
            Err(fail) => end("fd_filestat_get", Err(fail)),
        };
    );
    Ok(())
}

fn add_paths<T: Send + 'static>(linker: &mut Linker<T>, f: impl Project<T>) -> wasmtime::Result<()> {
    link!(linker, f, |ctx, memory|
        path_create_directory(fd: i32, ptr: i32, len: i32) =
            path::create_directory(ctx, memory, u(fd), (u(ptr), u(len)));
        path_filestat_get(fd: i32, lookup: i32, ptr: i32, len: i32, out: i32) =
            path::filestat_get(ctx, memory, (u(fd), lookup), (u(ptr), u(len)), u(out));
        path_filestat_set_times(fd: i32, lookup: i32, ptr: i32, len: i32, atim: i64, mtim: i64, flags: i32) =
            path::filestat_set_times(ctx, memory, (u(fd), lookup), (u(ptr), u(len)), (atim, mtim, flags));
        path_link(old_fd: i32, lookup: i32, old: i32, old_len: i32, new_fd: i32, new: i32, new_len: i32) =
            path::link(ctx, memory, (u(old_fd), lookup), (u(old), u(old_len)), u(new_fd), (u(new), u(new_len)));
        path_open(
            fd: i32, lookup: i32, ptr: i32, len: i32, oflags: i32, base: i64, _inheriting: i64, fdflags: i32, out: i32
        ) = path::open(ctx, memory, (u(fd), lookup), (u(ptr), u(len)), (oflags, base, fdflags), u(out));
        path_readlink(fd: i32, ptr: i32, len: i32, buf: i32, room: i32, out: i32) =
            path::readlink(ctx, memory, u(fd), (u(ptr), u(len)), (u(buf), u(room)), u(out));
        path_remove_directory(fd: i32, ptr: i32, len: i32) =
            path::remove_directory(ctx, memory, u(fd), (u(ptr), u(len)));
        path_rename(old_fd: i32, old: i32, old_len: i32, new_fd: i32, new: i32, new_len: i32) =
            path::rename(ctx, memory, u(old_fd), (u(old), u(old_len)), u(new_fd), (u(new), u(new_len)));
        path_symlink(old: i32, old_len: i32, fd: i32, new: i32, new_len: i32) =
            path::symlink(ctx, memory, (u(old), u(old_len)), u(fd), (u(new), u(new_len)));
        path_unlink_file(fd: i32, ptr: i32, len: i32) =
            path::unlink_file(ctx, memory, u(fd), (u(ptr), u(len)));
    );
    Ok(())
}

/// Functions that are not about files.
fn add_rest<T: Send + 'static>(linker: &mut Linker<T>, f: impl Project<T>) -> wasmtime::Result<()> {
    link!(linker, f, |ctx, memory|
        args_get(argv: i32, buf: i32) => stock::args_get(&mut ctx.inner, memory, argv, buf);
        args_sizes_get(count: i32, size: i32) => stock::args_sizes_get(&mut ctx.inner, memory, count, size);
        environ_get(environ: i32, buf: i32) => stock::environ_get(&mut ctx.inner, memory, environ, buf);
        environ_sizes_get(count: i32, size: i32) => stock::environ_sizes_get(&mut ctx.inner, memory, count, size);
        clock_res_get(id: i32, out: i32) => match encode::clock(id) {
            Ok(()) => stock::clock_res_get(&mut ctx.inner, memory, id, out),
            unknown => end("clock_res_get", unknown),
        };
        clock_time_get(id: i32, precision: i64, out: i32) => match encode::clock(id) {
            Ok(()) => stock::clock_time_get(&mut ctx.inner, memory, id, precision, out),
            unknown => end("clock_time_get", unknown),
        };
        random_get(buf: i32, len: i32) => stock::random_get(&mut ctx.inner, memory, buf, len);
        sched_yield() => stock::sched_yield(&mut ctx.inner, memory);
        proc_raise(_signal: i32) = Err(Fail::Errno(Errno::Opnotsupp));
        sock_accept(fd: i32, _flags: i32, _out: i32) = fd::not_a_socket(ctx, u(fd));
        sock_recv(fd: i32, _iovs: i32, _n: i32, _flags: i32, _out: i32, _roflags: i32) =
            fd::not_a_socket(ctx, u(fd));
        sock_send(fd: i32, _iovs: i32, _n: i32, _flags: i32, _out: i32) = fd::not_a_socket(ctx, u(fd));
        sock_shutdown(fd: i32, _how: i32) = fd::not_a_socket(ctx, u(fd));
    );
    linker.func_wrap(MODULE, "proc_exit", move |mut caller: Caller<'_, T>, code: i32| -> wasmtime::Result<()> {
        with(&mut caller, f, |ctx, memory| stock::proc_exit(&mut ctx.inner, memory, code).map(|()| 0)).map(drop)
    })?;
    Ok(())
}
