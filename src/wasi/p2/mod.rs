//! `wasi:filesystem@0.2` for components; a guest that imports any 0.2.x links.
//!
//! Files, directories, their streams and listings are ours; everything else of WASI 0.2 is wasmtime-wasi's, and so are
//! `wasi:io`'s own functions, through which our streams are used. An embedder keeps its `WasiCtx`, builds it without
//! preopened directories, and adds a [`GoferComponentCtx`], an `impl GoferView` and one call:
//!
//! ```
//! use wasi_gofer::component::{GoferComponentCtx, GoferCtxView, GoferView};
//! use wasi_gofer::{Gofer, MountOptions, backend::memory::MemoryFs, p2};
//! use wasmtime::component::{Component, Linker, ResourceTable};
//! use wasmtime::{Engine, Store};
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
//! let mut builder = Gofer::builder();
//! builder.mount("/data", MemoryFs::new(), MountOptions::default());
//! let gofer = builder.build().expect("one mount");
//!
//! let engine = Engine::default();
//! let mut linker: Linker<Host> = Linker::new(&engine);
//! wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
//! p2::add_to_linker_sync(&mut linker)?;
//!
//! let host = Host {
//!     table: ResourceTable::new(),
//!     wasi: WasiCtxBuilder::new().inherit_stdout().build(),
//!     files: GoferComponentCtx::new(gofer.ctx()),
//! };
//! let mut store = Store::new(&engine, host);
//! let component = Component::new(&engine, "(component)")?;
//! linker.instantiate(&mut store, &component)?;
//! # Ok(())
//! # }
//! ```
//!
//! A handle that is not the guest's own traps, as the canonical ABI demands; every other bad value is an `error-code`.
//!
//! [`GoferComponentCtx`]: crate::component::GoferComponentCtx

#[allow(missing_debug_implementations, missing_docs, unreachable_pub, reason = "generated")]
mod bindings;
mod encode;
mod errors;
mod functions;
mod input;
mod linker;
mod method;
mod output;

pub use linker::{add_all_to_linker_async, add_all_to_linker_sync, add_to_linker_async, add_to_linker_sync};
