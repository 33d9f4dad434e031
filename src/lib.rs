//! A user-space filesystem for WebAssembly guests, in the design of gVisor's gofer client.
//!
//! A guest sees files through WASI preopens. In a runtime those are thin wrappers over host directories; here they are a
//! filesystem: guest operations go through a cache of dentries and inodes with a chosen coherence policy, and what the
//! cache cannot answer goes to a backend.
//!
//! ```text
//!    guest (core module, or component)
//!       | wasi_snapshot_preview1, wasi:filesystem@0.2
//!    +--v--------------------------------------------------------------+
//!    | wasi      front ends: decode, call, encode                       |
//!    +--v--------------------------------------------------------------+
//!    | vfs       namespace, resolution, rights, open files              |
//!    +--v--------------------------------------------------------------+
//!    | gofer     GoferFs: dentries, inodes, pages, coherence            |
//!    +--v--------------------------------------------------------------+
//!    | backend   directfs | lisafs | memory | your own                  |
//!    +--v--------------------------------------------------------------+
//!    | hostfs    confined host operations on directory handles          |
//!    +-----------------------------------------------------------------+
//!    | abi  vocabulary   sync  ranked locks   sys  the unsafe code      |
//!    +-----------------------------------------------------------------+
//! ```
//!
//! # Reading order
//!
//! [`abi`] (the words), [`backend`] (the trait to implement for storage of your own), [`gofer`] (the cache), [`vfs`]
//! (mounts, paths, rights), [`wasi`] (front ends). `docs/ARCHITECTURE.md` tells why it is cut like this.
//!
//! # Embedding
//!
//! Build a [`Gofer`] once per process and give each guest a context of it; the modules `p1` and `p2` show the lines that
//! an embedder of wasmtime changes. A mount in [`CachePolicy::Exclusive`] keeps what guests write for a while: end with
//! [`Gofer::shutdown`], which brings it out and names the files where that failed.

#![deny(missing_docs)]
#![deny(unsafe_code)]

pub mod abi;
pub mod backend;
pub mod gofer;
mod hostfs;
#[doc(hidden)]
pub mod proto;
#[cfg(feature = "sidecar")]
pub mod sidecar;
mod sync;
mod sys;
#[doc(hidden)]
pub mod transport;
pub mod vfs;
pub mod wasi;

pub use abi::{Call, Errno, Error, FileType, Stat};
pub use backend::directfs::DirectFs;
pub use backend::lisafs::{LisaFs, LisaFsOptions};
pub use backend::memory::MemoryFs;
pub use backend::{Backend, IntoBackend, SharedBackend};
pub use gofer::{AtimePolicy, CachePolicy, FsOptions, FsStats};
pub use vfs::{
    BuildError, DirEntryInfo, Failure, Gofer, GoferBuilder, GoferCtx, MountOptions, MountStats, PathReader, Preopen,
    Report,
};
#[cfg(any(feature = "p2", feature = "p3"))]
pub use wasi::component;
#[cfg(feature = "p1")]
pub use wasi::p1;
#[cfg(feature = "p2")]
pub use wasi::p2;
#[cfg(feature = "p3")]
pub use wasi::p3;
