//! Random operations over the cache, compared with a model and with the kernel.
//!
//! Each row of operations runs over three subjects: the filesystem under test through the vfs API, a tree in memory
//! ([`model`]), and a twin directory of the host by plain system calls ([`kernel`]). All must answer alike, down to the
//! errno; the trees must be alike after every operation. Where the policy allows outsiders they change the mounted
//! directory behind the cache, and the next operation must see it.
//!
//! `REFERENCE_CASES` sets how many rows each of the configurations gets (default 180), `REFERENCE_SEED` repeats the rows
//! of a run that printed it. A row that fails is made shorter, and printed as what [`regressions`] are written in.

mod act;
mod harness;
mod kernel;
mod listing;
mod model;
mod op;
mod ours;
mod random;
mod regressions;
mod rows;
mod threads;
mod tree;
