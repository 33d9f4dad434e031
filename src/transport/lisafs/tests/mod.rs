//! Connections over socketpairs, against scripted peers and against each other.

mod client;
mod hostile;
mod kit;
mod server;
