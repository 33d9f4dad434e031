//! Random operations over the cache, compared with a model and with the kernel.
//!
//! Each row of operations runs over three subjects: the filesystem under test through the vfs API, a tree in memory
//! ([`model`]), and a twin directory of the host by plain system calls ([`kernel`]). All must answer alike, down to the
//! errno; the trees must be alike after every operation. Where the policy allows outsiders they change the mounted
//! directory behind the cache, and the next operation must see it.
//!
//! Rows of [`op`] are about names, rows of [`data`] about what is in few files, with pages and budgets of all sizes. Two
//! guests of the same mounts take part in both. Where data is written back later, the mounted directory is compared
//! behind a sync alone.
//!
//! Rows over gVisor's gofer are skipped aloud where it is not installed, unless `INTEROP_REQUIRED` names `runsc`.
//!
//! `REFERENCE_CASES` sets how many rows each of the configurations gets (default 180), `REFERENCE_SEED` repeats the rows
//! of a run that printed it. A row that fails is made shorter, and printed as what [`regressions`] are written in.

mod act;
mod bytes;
mod data;
mod harness;
mod kernel;
mod listing;
mod model;
mod op;
mod ours;
mod random;
mod regressions;
mod rows;
#[path = "../interop/runsc.rs"]
#[allow(dead_code, reason = "the other tests' own")]
mod runsc;
mod threads;
mod tree;
