//! The cache: dentries, inodes, handles, file data and their coherence, over any backend. It knows no protocol and no
//! WASI.
//!
//! # Reading order
//!
//! `options` and `coherence` (what a mount may answer from its cache), `inode` (objects), `dentry` (names), `page` (what
//! files hold), `fs` (what operations share), then `ops`, one operation per file: of data `io`, `read`, `write` and
//! `bring_out`. Nothing here makes a system call: files are reached through [`crate::backend`], clocks and the thread
//! that writes back are those of `sync`.
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
//! - *Page*: a part of a file's data, with the bytes of it that are *known*, and of these the *dirty* ones, which the
//!   backend does not have yet. A file is dirty too when the backend lacks its times.
//! - *To bring out*, *write-back*: to write what is dirty to the backend. That is not to sync it.
//! - *Past the pages*: a transfer between the caller and the backend; what is cached of the range is kept right.
//! - *Generation* of data: counts what makes an answer of the backend about a file's bytes old.
//! - *Turn*: the right to change a file's data in several steps, to the exclusion of other writers.
//! - *Gate*: what every change of data goes through, until it is closed for good.
//!
//! # Lock order
//!
//! A thread takes locks from left to right only; `sync` checks it in debug builds.
//!
//! ```text
//! renames > changes of a directory (ancestor first, else by key) > handles of an inode > write-back of a file > pins
//!         > watches > tree > flights > recency of pages > inode table > where an inode's data is > data of a file
//!         > dirty files > idle list > graveyard
//! ```
//!
//! The first four are held across backend calls, and no hit needs them; so is a file's turn, which has no rank and comes
//! before its write-back. The tree's lock and the data's never are: an operation looks up under the read side, lets go,
//! asks the backend, and commits in a short write section. `docs/LOCKING.md` says what may be taken under what.
//!
//! # Lifetimes
//!
//! A dentry goes when its name is gone or when the cache is over its limits, and never while its count of outside
//! references is above zero. Only a look-up under the tree's lock raises a count. An inode goes when neither a dentry
//! nor an open file refers to it and nothing of it is dirty; then its node and handles are handed to the backend's
//! `release`, never from a `Drop` under a lock. A file's data ends with the last open file, page and dirty byte of it.

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
pub use ops::{KeptList, Listing, Lost, Stop, Walked};
pub use options::{AtimePolicy, CachePolicy, FsOptions, UnknownPolicy};
pub use page::PageCeiling;
pub use stats::FsStats;
