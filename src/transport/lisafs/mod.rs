//! Connections that speak lisafs over a [`super::Stream`], and over channels of shared memory beside it: one request, one
//! answer, nothing beside.
//!
//! Each connection has one buffer for what comes and one for what goes. They grow to the largest message that there was,
//! and so to the limit that was agreed on and no further.

mod carrier;
mod channel;
mod client;
mod frames;
mod pool;
mod server;
mod socket;
mod spin;
#[cfg(test)]
mod tests;
mod window;

pub use client::{Answer, Client, Mounted};
pub use pool::Connections;
pub use server::{Incoming, NewChannel, Server};
pub use window::Waker;
