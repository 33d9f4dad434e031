//! The cache: dentries, inodes, handles and their coherence, over any backend. It knows no protocol and no WASI.
//!
//! # Reading order
//!
//! `options` and `coherence` (what a mount may answer from its cache), `inode` (objects), `dentry` (names), `fs`
//! (what operations share), then `ops`, one operation per file. Nothing here makes a system call: files are reached
//! through [`crate::backend`], waits end by the clock in `sync`.
//!
//! # Glossary
//!
//! - *Dentry*: a name in a directory. A negative dentry says that the name does not exist.
//! - *Inode*: an object. Two names of one object share one inode. It never knows a dentry.
//! - *Node*: what the backend needs to find an object; `None` in an inode means synthetic, existing only here.
//! - *Detached*: a dentry whose name is gone, kept because somebody refers to it.
//! - *Anchored*: a dentry with a mount on it or below it; it keeps its place.
//! - *Generation* of a directory: counts changes of its names; an answer of the backend is cached only if the generation
//!   is still the one noted before the question.
//! - *Watched* directory: the backend announces what changes in it, in its change queue. A name in it that was confirmed
//!   since is *believed* while nothing is announced.
//! - *Version* of attributes: the same for an object's attributes.
//!
//! # Lock order
//!
//! A thread takes locks from left to right only; `sync` checks it in debug builds.
//!
//! ```text
//! renames > changes of a directory (ancestor first, else by key) > handles of an inode > pins > watches > tree
//!         > flights > inode table > idle list > graveyard
//! ```
//!
//! The first three are held across backend calls, and no hit needs them. The tree's lock never is: an operation looks
//! up under its read side, lets go, asks the backend, and commits in a short write section. `docs/LOCKING.md` says what
//! may be taken under what.
//!
//! # Lifetimes
//!
//! A dentry goes when its name is gone or when the cache is over its limits, and never while its count of outside
//! references is above zero. Only a look-up under the tree's lock raises a count. An inode goes when neither a dentry
//! nor an open file refers to it; then its node and handles are handed to the backend's `release`, never from a `Drop`
//! under a lock.

mod clock;
mod coherence;
mod dentry;
mod dirty;
mod ended;
mod file;
mod flights;
mod fs;
mod gate;
mod handle;
mod inode;
mod ops;
mod options;
mod page;
mod stats;
mod wait;
mod watches;

pub use dentry::{DirEntry, DirList};
pub use file::{File, OpenDir};
pub use fs::{DentryRef, GoferFs};
pub use ops::{KeptList, Listing, Lost, StatAt, Stop, Walked};
pub use options::{AtimePolicy, CachePolicy, FsOptions, UnknownPolicy};
pub use page::PageCeiling;
pub use stats::FsStats;
