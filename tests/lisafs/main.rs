//! The lisafs backend over real servers: gVisor's gofer (`runsc`), started by itself, and our own, in this process.
//!
//! The cases are those of the conformance suite (`tests/conformance/cases`), which every backend passes. Where a server
//! leaves no other way `differences.rs` names the case and says why. gVisor's gofer is skipped aloud where it is not
//! installed, unless `INTEROP_REQUIRED` names `runsc`; `INTEROP_RUNSC` is the path of another than the installed one.

#[macro_use]
mod subjects;

#[path = "../conformance/cases/mod.rs"]
mod cases;
mod differences;
mod extended;
#[path = "../conformance/harness.rs"]
#[allow(dead_code, reason = "the suite's own, of which some is for other subjects")]
mod harness;
#[path = "../kit/mod.rs"]
mod kit;
#[path = "../fault/ledger.rs"]
#[allow(dead_code, reason = "the fault test's own")]
mod ledger;
mod listed;
#[path = "../kit/messages.rs"]
mod messages;
#[path = "../kit/overlayfs.rs"]
mod overlayfs;
mod queue;
mod rpcs;
#[path = "../interop/runsc.rs"]
#[allow(dead_code, reason = "the other tests' own")]
mod runsc;
mod seeking;
mod umask;
