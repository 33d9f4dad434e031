//! `wasi_snapshot_preview1` for core modules.
//!
//! Files, directories and their descriptors are ours, numbered lowest-free. Stdio, arguments, environment, clocks,
//! random numbers, polling and sockets are wasmtime-wasi's: a [`GoferP1Ctx`] holds a `WasiP1Ctx` without preopens, and
//! what is not about files is handed to it.
//!
//! ```
//! use wasi_gofer::{Gofer, MountOptions, backend::memory::MemoryFs, p1};
//! use wasmtime::{Engine, Linker, Module, Store};
//! use wasmtime_wasi::WasiCtxBuilder;
//!
//! # fn main() -> wasmtime::Result<()> {
//! let mut builder = Gofer::builder();
//! builder.mount("/data", MemoryFs::new(), MountOptions::default());
//! let gofer = builder.build().expect("one mount");
//!
//! let engine = Engine::default();
//! let mut linker: Linker<p1::GoferP1Ctx> = Linker::new(&engine);
//! p1::add_to_linker_sync(&mut linker, |ctx| ctx)?;
//!
//! let wasi = WasiCtxBuilder::new().inherit_stdout().arg("guest").build_p1();
//! let mut store = Store::new(&engine, p1::GoferP1Ctx::new(wasi, gofer.ctx()));
//! let module = Module::new(&engine, r#"(module (memory (export "memory") 1) (func (export "_start")))"#)?;
//! let instance = linker.instantiate(&mut store, &module)?;
//! instance.get_typed_func::<(), ()>(&mut store, "_start")?.call(&mut store, ())?;
//! # Ok(())
//! # }
//! ```
//!
//! Pointers out of bounds and misaligned ones trap, as the witx documents demand; every other bad value is an errno.

mod ctx;
mod encode;
mod errno;
mod fd;
mod io;
mod linker;
mod memory;
mod path;
mod poll;
mod readdir;
mod stdio;
mod table;

pub use ctx::GoferP1Ctx;
pub use linker::{add_to_linker_async, add_to_linker_sync};
