//! The namespace: mounts, path resolution, rights and open files. It knows who may do what and where, not how files are
//! reached.
//!
//! Reading order: `mount` (one filesystem at one guest path), `namespace` (mounts and the way between them), `rights`
//! (the only place that decides what may be done), `resolve` (paths to places), `open_file` and `directory` (open
//! objects, which all WASI versions share), `paths` (operations by path), `context` (what one guest gets), `builder`.

mod builder;
mod context;
mod directory;
mod mount;
mod namespace;
mod open_file;
mod paths;
mod resolve;
mod rights;

pub use builder::{BuildError, Failure, Gofer, GoferBuilder, MountStats, Report};
pub use context::{DirEntryInfo, GoferCtx, PathReader, Preopen};
pub use directory::{Entry, OpenDirectory};
pub use mount::MountOptions;
pub use open_file::{OpenFile, SeekFrom};
pub use paths::{Descriptor, OpenHow};
pub use rights::Rights;
