//! The server of a sidecar, seen by its clients: within this process, as the program in its jail, and beside it gVisor's
//! own gofer, where that is installed.

mod changes;
mod channels;
#[path = "../interop/gofer.rs"]
#[allow(dead_code, reason = "the other suite's own, of which some is for that alone")]
mod gofer;
#[path = "../interop/runsc.rs"]
#[allow(dead_code, reason = "likewise")]
mod runsc;
mod subject;
mod suite;
