//! Ways to a peer: sockets, the frames on them, the descriptors that come along.
//!
//! No peer is trusted here. What it announces is compared with a bound before memory is taken for it, descriptors that
//! nobody asked for are closed, and whoever waits for it waits no longer than its [`crate::abi::Call`] does.
//!
//! No promise of stability comes with this module: it is open for tests that speak with real peers.

mod discard;
mod error;
pub mod lisafs;
mod stream;

pub(crate) use discard::discard;
pub use error::{TransportError, Violation};
pub use stream::Stream;
