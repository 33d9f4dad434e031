//! The other process of a mount: what serves a host directory to a host that has not opened it itself.
//!
//! [`jail`] is where that process locks itself up before it reads the first byte of a client.

pub mod jail;
