//! Our ends of the wire with the programs that others made: gVisor's gofer (`runsc`), started by itself, and its sentry,
//! which is the client of our server.
//!
//! A program that is not installed is skipped, aloud, unless the variable `INTEROP_REQUIRED` names it. `INTEROP_RUNSC` is
//! the path of another gofer than the installed one.

mod gofer;
mod gvisor_attributes;
mod gvisor_channels;
mod gvisor_files;
mod gvisor_names;
mod gvisor_sockets;
mod runsc;
#[cfg(feature = "sidecar")]
mod sandbox;
#[cfg(feature = "sidecar")]
mod sentry;
