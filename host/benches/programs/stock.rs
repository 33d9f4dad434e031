//! The stock process: a guest over wasmtime-wasi, set up as `wasmtime run --dir ROOT::/` does it.

use anyhow::{Context, Result};
use std::time::{Duration, Instant};
use wasmtime::{AsContextMut, Caller, Engine, Extern, Linker, Module, Store};
use wasmtime_cli_flags::CommonOptions;
use wasmtime_wasi::p1::wasi_snapshot_preview1::{self as stock, WasiSnapshotPreview1};
use wasmtime_wasi::p1::{self, WasiP1Ctx};
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtxBuilder};
use wiggle::GuestMemory;

const PLAIN: &str = "--stock-child";
const CLOCKED: &str = "--stock-child-clocked";
const TOLD: &str = "in files: ";

/// The argument that makes this program the stock process.
pub(crate) fn argument(clocked: bool) -> &'static str {
    if clocked { CLOCKED } else { PLAIN }
}

/// Whether an argument is that.
pub(crate) fn is_child(arg: &str) -> bool {
    matches!(arg, PLAIN | CLOCKED)
}

/// The time that a clocked process told on its standard error stream.
pub(crate) fn told_time(told: &str) -> Option<Duration> {
    let nanos = told.lines().find_map(|line| line.strip_prefix(TOLD))?.parse().ok()?;
    Some(Duration::from_nanos(nanos))
}

struct Host {
    wasi: WasiP1Ctx,
    in_files: Duration,
}

/// Runs `ROOT MODULE ARGUMENT...` and ends as the guest does.
pub(crate) fn child(which: &str, mut args: impl Iterator<Item = String>) -> Result<()> {
    let root = args.next().context("ROOT MODULE ARGUMENT...")?;
    let path = args.next().context("ROOT MODULE ARGUMENT...")?;
    // As the command configures its own.
    let engine = Engine::new(&CommonOptions::new().config(None)?)?;
    let module = Module::from_file(&engine, &path)?;
    let mut builder = WasiCtxBuilder::new();
    builder.arg(&path).args(&args.collect::<Vec<_>>()).inherit_stdio().allow_blocking_current_thread(true);
    builder.preopened_dir(&root, "/", FsPerms::ReadWrite)?;
    let mut store = Store::new(&engine, Host { wasi: builder.build_p1(), in_files: Duration::ZERO });
    let mut linker = Linker::new(&engine);
    p1::add_to_linker_async(&mut linker, |host: &mut Host| &mut host.wasi)?;
    if which == CLOCKED {
        linker.allow_shadowing(true);
        clock(&mut linker)?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        let instance = linker.instantiate_async(&mut store, &module).await?;
        let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
        start.call_async(&mut store, ()).await
    });
    if which == CLOCKED {
        eprintln!("{TOLD}{}", store.data().in_files.as_nanos());
    }
    match ended {
        Ok(()) => Ok(()),
        Err(error) => match error.downcast_ref::<I32Exit>() {
            Some(I32Exit(code)) => std::process::exit(*code),
            None => Err(error.into()),
        },
    }
}

macro_rules! clocked {
    ($linker:ident: $($name:ident($($arg:ident: $kind:ty),*);)*) => {$(
        $linker.func_wrap_async(
            "wasi_snapshot_preview1",
            stringify!($name),
            |mut caller: Caller<'_, Host>, ($($arg,)*): ($($kind,)*)| {
                Box::new(async move {
                    let start = Instant::now();
                    let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
                        return Err(wasmtime::Error::msg("the guest has no memory"));
                    };
                    // As the linker's own functions do before each call.
                    let fuel = caller.as_context_mut().hostcall_fuel();
                    let (bytes, host) = memory.data_and_store_mut(&mut caller);
                    host.wasi.set_hostcall_fuel(fuel);
                    let result = stock::$name(&mut host.wasi, &mut GuestMemory::Unshared(bytes) $(, $arg)*).await;
                    host.in_files += start.elapsed();
                    result
                })
            },
        )?;
    )*};
}

/// Puts a clock around the functions on descriptors and paths; those that are left out ask the context alone.
fn clock(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    clocked! { linker:
        fd_advise(a: i32, b: i64, c: i64, d: i32);
        fd_close(a: i32);
        fd_datasync(a: i32);
        fd_fdstat_get(a: i32, b: i32);
        fd_filestat_get(a: i32, b: i32);
        fd_filestat_set_size(a: i32, b: i64);
        fd_filestat_set_times(a: i32, b: i64, c: i64, d: i32);
        fd_pread(a: i32, b: i32, c: i32, d: i64, e: i32);
        fd_pwrite(a: i32, b: i32, c: i32, d: i64, e: i32);
        fd_read(a: i32, b: i32, c: i32, d: i32);
        fd_readdir(a: i32, b: i32, c: i32, d: i64, e: i32);
        fd_renumber(a: i32, b: i32);
        fd_seek(a: i32, b: i64, c: i32, d: i32);
        fd_sync(a: i32);
        fd_write(a: i32, b: i32, c: i32, d: i32);
        path_create_directory(a: i32, b: i32, c: i32);
        path_filestat_get(a: i32, b: i32, c: i32, d: i32, e: i32);
        path_filestat_set_times(a: i32, b: i32, c: i32, d: i32, e: i64, f: i64, g: i32);
        path_link(a: i32, b: i32, c: i32, d: i32, e: i32, f: i32, g: i32);
        path_open(a: i32, b: i32, c: i32, d: i32, e: i32, f: i64, g: i64, h: i32, i: i32);
        path_readlink(a: i32, b: i32, c: i32, d: i32, e: i32, f: i32);
        path_remove_directory(a: i32, b: i32, c: i32);
        path_rename(a: i32, b: i32, c: i32, d: i32, e: i32, f: i32);
        path_symlink(a: i32, b: i32, c: i32, d: i32, e: i32);
        path_unlink_file(a: i32, b: i32, c: i32);
    }
    Ok(())
}
