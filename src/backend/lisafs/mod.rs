//! Files of a lisafs server: gVisor's gofer, or a sidecar of our own, at the other end of a unix socket.
//!
//! Every operation is a message and waits for its answer, so [`Capabilities::may_block`](super::Capabilities) holds and
//! a call that may not wait answers [`Error::WouldWait`](crate::abi::Error::WouldWait) before anything is sent. What
//! needs no message is reading and writing a file whose descriptor the server handed out: that is a system call of this
//! process, as in [`directfs`](super::directfs).
//!
//! # The server is not believed
//!
//! Every answer is checked before it is used: counts against what was asked for, names, types, lengths, numbers of
//! files, and a descriptor for being a regular file, open as was asked for, and the very inode that the server named. An
//! answer that is none is `EIO`; so is everything once the connection ended. No answer makes memory, descriptors or
//! threads grow beyond the bounds below, and nothing is waited for longer than [`LisaFsOptions::timeout`].
//!
//! # Numbers of files
//!
//! An object is reached by a *control file*, a number that the server gave out. A node holds one or none; they are
//! bounded by [`LisaFsOptions::control_limit`], and those not used lately go first. A directory without one answers
//! [`Error::Unbound`](crate::abi::Error::Unbound) until it is restored, anything else is found by its location when it
//! is needed. Numbers that are no longer needed are closed by later calls, 100 in a message; at once after something
//! was removed, and when a file that was open for writing is let go.
//!
//! # What differs from `directfs`
//!
//! - Only regular files are opened: a pipe, a socket or a device is `ENXIO`, since a server may wait for the other end
//!   of a pipe for ever, and with it everybody who uses the connection.
//! - Without a descriptor of the server's an append is a message of ours, of 1 MiB at most. A server that does not know it is
//!   asked for the length, and to write there: then appends through one [`LisaFs`] wait for each other, and somebody else's
//!   write at the same place in the same moment can be overwritten.
//! - There is no message that syncs a whole filesystem: [`Backend::sync_fs`](super::Backend::sync_fs) syncs the root
//!   directory.
//! - There is no message for a lock of the tree. That of a server which [`LisaFs::start`] started is locked by this
//!   process; with another, whoever started that sees to it that a tree that is mounted as exclusive is nobody else's.
//! - The umask that applies to new objects is that of [`LisaFsOptions::umask`], and the server's on top (gVisor's gofer
//!   and our own program have none).

mod change;
mod connection;
mod counts;
mod cursors;
mod donated;
mod fs;
mod handle;
mod hard;
mod list;
mod node;
mod numbers;
mod open;
mod ops;
mod options;
mod program;
mod queue;
mod set;
mod sockets;
mod told;
mod walk;
mod xattr;

pub use counts::{RpcCount, RpcCounts};
pub use fs::LisaFs;
pub use handle::LisaHandle;
pub use hard::{HardHandle, HardLisaFs, HardNode};
pub use node::LisaNode;
pub use options::LisaFsOptions;
pub use program::Program;
pub use sockets::LisaSocket;
