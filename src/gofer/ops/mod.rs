//! Operations, one per file. Each looks up first and changes after, so that a call that may not wait changes nothing.

mod bind;
mod bring_out;
mod check;
mod doubt;
mod fetch;
mod io;
mod kept;
mod link;
mod list;
mod listed;
mod make;
mod mounts;
mod open;
mod read;
mod remove;
mod rename;
mod retry;
mod setattr;
mod stat;
mod stat_checked;
mod symlink;
mod sync;
mod walk;
mod watch;
mod write;

pub use bring_out::Lost;
pub use list::{KeptList, Listing};
pub use walk::{Stop, Walked};
