//! Connections that speak lisafs over a [`super::Stream`]: one request, one answer, nothing beside.
//!
//! Each connection has one buffer for what comes and one for what goes. They grow to the largest message that there was,
//! and so to the limit that was agreed on and no further.

mod client;
mod frames;
mod server;
#[cfg(test)]
mod tests;

pub use client::{Answer, Client, Mounted};
pub use server::{Incoming, Server};
