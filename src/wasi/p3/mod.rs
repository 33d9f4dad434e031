//! `wasi:filesystem@0.3` for components.
//!
//! Files, directories, their streams and futures are ours; everything else of WASI 0.3 is wasmtime-wasi's. What is open
//! and how calls wait is one with WASI 0.2: a store whose linker has both can be used by a guest that imports both.
//! An embedder keeps its `WasiCtx`, builds it without preopened directories, and adds a [`GoferComponentCtx`], an `impl
//! GoferView` and one call:
//!
//! ```
//! use wasi_gofer::component::{GoferComponentCtx, GoferCtxView, GoferView};
//! use wasi_gofer::{Gofer, MountOptions, backend::memory::MemoryFs, p3};
//! use wasmtime::component::{Component, Linker, ResourceTable};
//! use wasmtime::{Config, Engine, Store};
//! use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
//!
//! struct Host {
//!     table: ResourceTable,
//!     wasi: WasiCtx,
//!     files: GoferComponentCtx,
//! }
//!
//! impl WasiView for Host {
//!     fn ctx(&mut self) -> WasiCtxView<'_> {
//!         WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
//!     }
//! }
//!
//! impl GoferView for Host {
//!     fn gofer(&mut self) -> GoferCtxView<'_> {
//!         GoferCtxView { ctx: &mut self.files, table: &mut self.table }
//!     }
//! }
//!
//! # fn main() -> wasmtime::Result<()> {
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! # runtime.block_on(async {
//! let mut builder = Gofer::builder();
//! builder.mount("/data", MemoryFs::new(), MountOptions::default());
//! let gofer = builder.build().expect("one mount");
//!
//! let engine = Engine::new(Config::new().wasm_component_model_async(true))?;
//! let mut linker: Linker<Host> = Linker::new(&engine);
//! wasmtime_wasi::p3::add_to_linker(&mut linker)?;
//! p3::add_to_linker(&mut linker)?;
//!
//! let host = Host {
//!     table: ResourceTable::new(),
//!     wasi: WasiCtxBuilder::new().inherit_stdout().build(),
//!     files: GoferComponentCtx::new(gofer.ctx()),
//! };
//! let mut store = Store::new(&engine, host);
//! let component = Component::new(&engine, "(component)")?;
//! linker.instantiate_async(&mut store, &component).await?;
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! A handle that is not the guest's own traps, as the canonical ABI demands; every other bad value is an `error-code`.
//!
//! # Streams
//!
//! Bytes go between the guest's buffer and the page cache or the backend without a copy in between, and entries of a
//! directory as many at once as the guest has room for. Only what would have to wait, where the guest's context says
//! [`Blocking::HandOver`], goes through a buffer of ours of 64 KiB at most. The future beside a stream resolves in every
//! case: to the error that ended it, once, or to success when it came to its end or was given up by either side.
//!
//! Each stream takes a place among what the guest may have open, beside the file's or the directory's own, which it keeps
//! open; one too many is empty, and its future tells `insufficient-memory`. Of the calls that wait, 32 of one guest are on
//! workers at once; more wait for their turn. What wasmtime itself keeps of streams, futures and calls is bounded by
//! `Store::set_max_component_handles`.
//!
//! A guest that cancels a read or write which waits on a worker waits for that to notice. What the worker has done by then
//! counts. A write whose answer was still on its way from a remote backend then counts as not done, though the backend may
//! have done it.
//!
//! Reading order: `linker` (what an embedder calls), `method` (how a function is linked), `streams` (the functions that
//! answer streams; the others are shared), `reading`, `writing`, `listing` (the streams), `outcome` (how they end),
//! `encode`, `errors`.
//!
//! [`GoferComponentCtx`]: crate::component::GoferComponentCtx
//! [`Blocking::HandOver`]: crate::component::Blocking::HandOver

#[allow(missing_debug_implementations, missing_docs, unreachable_pub, reason = "generated")]
mod bindings;
mod encode;
mod errors;
mod linker;
mod listing;
mod method;
mod outcome;
mod reading;
mod streams;
mod writing;

pub use linker::{add_all_to_linker, add_to_linker};
