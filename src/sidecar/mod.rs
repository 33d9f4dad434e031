//! The other process of a mount: what serves a host directory to a host that has not opened it itself.
//!
//! [`serve`] is all of such a process, for a program's `main`; `wasi-gofer-sidecar` and `wasi-gofer serve` are such programs.
//! [`jail`] is where that process locks itself up before it reads the first byte of a client. An [`Export`] is what is
//! served, a [`Server`] serves it to connections, each by a thread of its own.
//!
//! # Who is trusted
//!
//! No client. A request's lengths are compared with bounds before memory is taken, names are validated when they are
//! decoded, numbers of files belong to one connection. What a client may reach is the export; what it may take has a bound
//! each ([`Limits`]).
//!
//! # Reading order
//!
//! `export.rs`, `tree.rs` (what clients refer to, and the guarantees that operations have), `server.rs` (connections),
//! `lisafs/` (the messages, one file per
//! subject); `config.rs`, `endpoint.rs` and `program.rs` are the program.

mod config;
mod endpoint;
mod export;
mod host_uds;
pub mod jail;
mod lisafs;
mod program;
mod quota;
mod server;
mod service;
mod tree;

pub use config::{Config, Endpoint, ServeError};
pub use endpoint::inherited;
pub use export::{Export, Limits};
pub use host_uds::HostUds;
pub use program::serve;
pub use server::Server;
