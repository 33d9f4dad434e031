//! A process in the jail of a sidecar does everything that serving a directory takes, and nothing else.
//!
//! Each test starts this program again as a child ([`child`]) that enters the jail over a fresh directory and then acts:
//! it serves (`serving.rs`: the whole conformance suite runs over a jailed `DirectFs`), tries one way out (`escapes/`), or
//! waits for its end (`ending.rs`). As root each is done twice, as root and as the user 65534; a user does it as himself.
//!
//! Every way out is also tried outside of the jail, where it must lead out: what does not, shows nothing.

#![cfg(feature = "sidecar")]

#[macro_use]
mod subjects;
mod cases;
mod child;
mod ending;
mod entering;
mod escapes;
#[path = "../conformance/harness.rs"]
#[allow(dead_code, reason = "the suite's own, of which some is for the other subjects")]
mod harness;
mod read_only;
mod serving;
mod start;
