//! The lisafs backend, and a cache over it, against a server that lies.
//!
//! Between the backend and a real server sits a proxy that passes everything on, but for one answer, or each of a kind,
//! which it replaces (`proxy.rs`). What it can say is in tables of cases: `walks.rs`, `files.rs`,
//! `listings.rs`, `frames.rs`. Whatever it
//! says, the outcome is an errno within the time for a request (or the truth, where the lie says nothing that anybody
//! uses), no descriptor stays open, no memory is taken that was announced, and the mount answers precisely afterwards, or
//! `EIO` where the connection had to end.

mod case;
#[path = "../kit/descriptors.rs"]
mod descriptors;
mod direct;
mod files;
mod frames;
mod listings;
mod mounted;
mod piles;
mod proxy;
mod scene;
mod walks;

use std::sync::Mutex;

/// Descriptors and memory are those of the process, so one test runs at a time.
static ALONE: Mutex<()> = Mutex::new(());
