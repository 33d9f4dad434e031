//! Connections over socketpairs, against scripted peers and against each other.

mod channel;
mod channel_hostile;
mod client;
mod hostile;
mod kit;
mod lingering;
mod pool;
mod raw;
mod server;
