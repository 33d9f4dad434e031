//! Confined operations on a host directory, one per file, used by the directory backend in this process and by the
//! sidecar in the other.
//!
//! Every operation is relative to a directory that the caller holds as a `cap_std::fs::Dir` and concerns **one**
//! validated [`crate::abi::Name`] in it, so there is no path to escape by: no `..`, no separator, no trailing slash. No
//! symbolic link is ever followed, nothing blocks in `open`, and no descriptor survives an `exec`.
//!
//! # Identity
//!
//! A name is no identity: an outsider may put another object under it between two calls. So an operation that opens or
//! changes what is under a name gets the [`crate::abi::InodeKey`] that the caller expects, compares it with what it
//! reached *before* it does anything with it, and answers `ESTALE` when they differ. A name that is gone is `ENOENT`.
//!
//! # Errors and interruption
//!
//! Errors are the errno that Linux gave. `EINTR` is retried. Every call that takes a descriptor goes through
//! [`Host::opening`], which gives back control handles and tries once more when the process runs out of them.

mod budget;
pub(crate) mod create;
pub(crate) mod data;
pub(crate) mod dirents;
pub(crate) mod errno;
mod file_fd;
pub(crate) mod held_path;
mod host;
pub(crate) mod kernel;
pub(crate) mod lineage;
pub(crate) mod link;
#[cfg(feature = "sidecar")]
pub(crate) mod listing;
pub(crate) mod lock;
pub(crate) mod mkdir;
pub(crate) mod mknod;
pub(crate) mod open;
pub(crate) mod remove;
pub(crate) mod rename;
pub(crate) mod set_stat;
#[cfg(feature = "sidecar")]
pub(crate) mod socket;
pub(crate) mod socket_type;
pub(crate) mod stat;
pub(crate) mod statfs;
pub(crate) mod symlink;
pub(crate) mod sync;
pub(crate) mod umask;
pub(crate) mod walk;
pub(crate) mod watch;
#[cfg(feature = "sidecar")]
pub(crate) mod xattr;

pub(crate) use budget::ControlSlot;
pub use budget::FdBudget;
pub(crate) use file_fd::FileFd;
pub(crate) use host::Host;
pub(crate) use stat::Keys;
