//! Limits of what the process may take.

use super::step::{Step, StepError};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Most descriptors, unless the plan has another number. A quarter of it are control handles, the rest is for what
/// clients open.
pub(super) const DESCRIPTORS_MAX: u64 = 65_536;

/// Most bytes of private memory (`RLIMIT_DATA`). Windows that are shared with a client do not count.
pub(super) const DATA_MAX: u64 = 1 << 30;

/// The two processes of a jail, where they count together.
const PROCESSES: u64 = 2;

/// Sets them, soft and hard alike, and says so in words. None is raised.
///
/// Processes are counted by user and user namespace: with one of its own the process is alone there, else everything
/// that the user runs counts, so `threads` can be bounded in the first case only. (Root of the initial namespace is
/// bound by no such limit; there the list of system calls is all that keeps the process from making others.)
pub(super) fn set(descriptors: u64, threads: u32, own_users: bool) -> Result<String, StepError> {
    lower(Resource::Nofile, descriptors, "limit the descriptors")?;
    lower(Resource::Data, DATA_MAX, "limit the memory")?;
    lower(Resource::Core, 0, "limit the core")?;
    lower(Resource::Memlock, 0, "limit locked memory")?;
    lower(Resource::Msgqueue, 0, "limit message queues")?;
    lower(Resource::Rtprio, 0, "limit the priority")?;
    if threads == 0 || own_users {
        lower(Resource::Nproc, PROCESSES + u64::from(threads), "limit the processes")?;
    }
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    Ok(format!("limits of {descriptors} descriptors and {} MiB", DATA_MAX >> 20))
}

fn lower(resource: Resource, most: u64, step: &str) -> Result<(), StepError> {
    let hard = getrlimit(resource).maximum.map_or(most, |hard| hard.min(most));
    setrlimit(resource, Rlimit { current: Some(hard), maximum: Some(hard) }).step(step)
}
