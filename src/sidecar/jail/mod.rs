//! The jail of a process that serves one directory.
//!
//! The process trusts no client. So before it reads a client's first byte it gives up whatever it does not need to serve
//! the directory, for good: should a client find a hole in it, that directory is all that the hole leads to.
//!
//! ```text
//!    namespaces    user, mount, pid, network, IPC, UTS, cgroup of its own
//!    root          the export is the root, nothing else is mounted; nosuid, nodev, noexec, nosymfollow (and ro)
//!    keyring       an empty session keyring
//!    limits        descriptors, memory, processes; no core, no locked memory, no message queues
//!    landlock      the export's files alone, no TCP, no abstract sockets or signals to others
//!    capabilities  none; started as root, those that other users' files need
//!    seccomp       a list of system calls with their arguments; for any other the process is killed
//! ```
//!
//! Each is one file here, in this order, because each needs what the next takes away. [`Jail::enter`] does them all.
//! Every step has a name, which is in the error of one that fails. What holds without the others is said there too: on a
//! machine that forbids user namespaces, landlock, capabilities and seccomp still hold.
//!
//! # Processes
//!
//! A pid namespace begins with a child. So `enter` may return in a child of the process that called it; the one that
//! called stays behind, unjailed, without capabilities, and does nothing but pass signals on, wait, and end as the child
//! did. The child is killed when it ends. The caller has one thread when it enters, or is refused; threads are started
//! behind it, if [`Jail::threads`] says so, and are all in the jail.
//!
//! # Descriptors
//!
//! A directory that is open from before the jail is a way out, so `enter` refuses when one is open that is not its own,
//! and any descriptor that nobody named by [`Jail::keep`]. [`close_inherited`] closes those that came over the `exec`.
//! Nothing of `/proc` is kept: the one place in which a held directory has to be named to the kernel (a watch) goes by
//! the working directory in a jail, as the jail's process has it for itself.

mod before;
mod capabilities;
mod in_force;
mod landlock;
mod limits;
mod namespaces;
mod plan;
mod root;
mod seccomp;
mod step;
mod supervise;
mod users;

pub use before::{close_inherited, hold_signals};
pub use in_force::InForce;
pub use plan::{Jail, Mechanism};
pub use seccomp::allowed;
pub use step::{JailMode, StepError};
