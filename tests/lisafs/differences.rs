//! Cases that a server leaves no way to pass, each with the reason. One that passes all the same fails the suite: then
//! the line here is wrong.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// The subjects (a name that theirs begin with), the case, and why.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    ("gvisor", "list_of_a_directory_has_names_types_and_inode_numbers", NO_PIPES),
    ("gvisor", "lookup_finds_every_type", NO_PIPES),
    ("gvisor", "mknod_makes_each_kind", NO_PIPES),
    ("gvisor", "open_of_a_fifo_for_writing_is_nxio_and_does_not_wait", NO_PIPES),
    ("gvisor", "unlink_of_a_fifo_and_a_socket_removes_them", NO_PIPES),
    ("gvisor", "set_times_of_a_dangling_symlink_and_a_fifo_sets_them", NO_PIPES),
];

/// gVisor's server makes regular files, and sockets that are bound; all else is `EPERM`.
const NO_PIPES: &str = "it makes no pipes";

/// Runs a case, which has to fail if it is listed.
pub(crate) fn run(subject: &str, case: &str, body: impl FnOnce()) {
    let listed = DIFFERENCES.iter().find(|(of, name, _)| subject.starts_with(of) && *name == case);
    let Some((_, _, why)) = listed else { return body() };
    let outcome = catch_unwind(AssertUnwindSafe(body));
    assert!(outcome.is_err(), "{case} passes over {subject}: it is listed as a difference ({why})");
}
