//! The server of a sidecar, seen by its clients: within this process, as the program in its jail, and beside it gVisor's
//! own gofer, where that is installed.

mod changes;
mod channels;
mod deleted;
#[path = "../kit/descriptors.rs"]
mod descriptors;
mod files;
#[path = "../interop/gofer.rs"]
#[allow(dead_code, reason = "the other suite's own, of which some is for that alone")]
mod gofer;
mod golden;
mod hostile;
mod ids;
mod lingering;
mod names;
mod overlay;
#[path = "../kit/overlayfs.rs"]
mod overlayfs;
#[path = "../kit/own_mounts.rs"]
mod own_mounts;
mod programs;
mod races;
#[path = "../interop/runsc.rs"]
#[allow(dead_code, reason = "likewise")]
mod runsc;
mod sockets;
mod subject;
mod suite;
mod wire;
