//! What the front ends for components share, whatever their WASI version: one guest's state, what it has open, how its
//! calls wait, and the functions of `descriptor`.
//!
//! Reading order: `ctx` (one guest's state, and how an embedder's store data leads to it), `conduct` (how calls wait),
//! `guest` (the count of what is open), `descriptor` (open files and directories, which resource handles stand for),
//! `entries` (listings), `open`, `hash`; `attempt` (how a function runs), `version` (what a version has of its own),
//! `functions`, `types`, `errors`, `streamed`, `linker`.
//!
//! What a guest can make grow is bounded here:
//!
//! | what | bound | against |
//! |---|---|---|
//! | open files, directories and listings, also those that only a stream holds | [`GoferCtx::with_max_descriptors`] | a guest that opens, makes a stream and drops the descriptor, for ever |
//! | resources of any kind | `ResourceTable::set_max_capacity` | floods of streams, pollables and errors |
//! | bytes of one read or write | 64 KiB, [`TRANSFER_MAX`] | a length that the guest made up |
//! | a path | `PATH_MAX`, before it is copied | as before |
//! | calls on workers | one per blocked call or stream that waits; of calls of one guest 32, and more wait for their turn | threads that nobody waits for |
//!
//! [`GoferCtx::with_max_descriptors`]: crate::GoferCtx::with_max_descriptors

mod attempt;
mod conduct;
mod ctx;
mod descriptor;
mod entries;
mod errors;
mod functions;
mod guest;
mod hash;
mod linker;
mod open;
mod streamed;
mod types;
mod version;

pub use super::fail::{Fail, Outcome};
#[cfg(feature = "p2")]
pub(crate) use attempt::push;
pub(crate) use attempt::{Handle, Tried, attempt, behind};
pub use conduct::Blocking;
pub(crate) use conduct::{Background, hand_over};
pub use ctx::{GoferComponentCtx, GoferCtxView, GoferView, HasGofer};
pub use descriptor::{Descriptor, DescriptorFlags, OpenedDirectory, OpenedFile};
pub use entries::{DirectoryEntries, DirectoryEntry};
pub(crate) use errors::error_code;
pub(crate) use functions::add_functions;
#[cfg(feature = "p2")]
pub(crate) use functions::as_found;
#[cfg(feature = "p3")]
pub(crate) use guest::{KeptConduct, Slot};
pub(crate) use linker::{add_descriptor, add_preopens, shadowing};
pub(crate) use streamed::{Place, streamed};
pub(crate) use version::{Link, Version, answer};

/// Most bytes that one read or write of a component moves, where they pass through a buffer of ours.
pub const TRANSFER_MAX: usize = 64 * 1024;
