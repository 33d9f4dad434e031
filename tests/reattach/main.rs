//! A mount that is `hard`, over servers that die: killed sidecars, connections that end on either side of a change, servers
//! that do not come back.

mod announced;
mod cut;
mod decided;
mod ended;
mod killed;
#[path = "../kit/mod.rs"]
mod kit;
#[path = "../kit/messages.rs"]
mod messages;
#[path = "../kit/overlayfs.rs"]
mod overlayfs;
mod random;
#[path = "../kit/serving.rs"]
mod serving;
mod sidecar;
