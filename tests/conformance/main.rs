//! One suite over any backend, first run against the kernel itself.
//!
//! `cases/` holds the expectations, one file per group of operations; each case runs over every subject of
//! `subjects.rs`. The kernel is one of them (`kernel.rs`: the same operations as plain path calls), which shows that
//! what we expect is what Linux does. The other files test what is particular to one backend.
//!
//! A case is named `<operation>_<condition>_<outcome>`.

#![cfg(feature = "testing")]

mod cases;
mod directfs_budget;
mod directfs_overlay;
mod directfs_race;
mod directfs_source;
mod directfs_swapped;
mod faulty;
mod harness;
mod kernel;
mod memory;
#[path = "../kit/own_mounts.rs"]
mod own_mounts;
mod subjects;
