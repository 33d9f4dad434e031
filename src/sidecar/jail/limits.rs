//! Limits of what the process may take.

use super::step::{Step, StepError};
use crate::hostfs::kernel::is_before;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Most descriptors, unless the plan has another number. A quarter of it are control handles, the rest is for what
/// clients open.
pub(super) const DESCRIPTORS_MAX: u64 = 65_536;

/// Most bytes of private memory (`RLIMIT_DATA`). Windows that are shared with a client do not count.
pub(super) const DATA_MAX: u64 = 1 << 30;

/// The two processes of a jail, where they count together.
const PROCESSES: u64 = 2;

/// The first kernel that counts processes by user and user namespace; those before count by user.
const COUNTS_BY_NAMESPACE: (u32, u32) = (5, 14);

/// Sets them, soft and hard alike, and says so in words. None is raised.
pub(super) fn set(descriptors: u64) -> Result<String, StepError> {
    lower(Resource::Nofile, descriptors, "limit the descriptors")?;
    lower(Resource::Data, DATA_MAX, "limit the memory")?;
    lower(Resource::Core, 0, "limit the core")?;
    lower(Resource::Memlock, 0, "limit locked memory")?;
    lower(Resource::Msgqueue, 0, "limit message queues")?;
    lower(Resource::Rtprio, 0, "limit the priority")?;
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    Ok(format!("limits of {descriptors} descriptors and {} MiB", DATA_MAX >> 20))
}

/// Sets the limit of processes, of which threads are some, where `threads` can be bounded by it.
///
/// They are counted by user and user namespace: with one of its own the process is alone there, else everything that the
/// user runs counts. (Root of the initial namespace is bound by no such limit; there the list of system calls is all that
/// keeps the process from making others.)
pub(super) fn set_processes(threads: u32, own_users: bool) -> Result<(), StepError> {
    let counts_by_user = is_before(COUNTS_BY_NAMESPACE);
    match most_processes(threads, own_users, counts_by_user)? {
        Some(most) => lower(Resource::Nproc, most, "limit the processes"),
        None => Ok(()),
    }
}

/// The limit of processes, if there is to be one: an error where only a kernel that counts by user is why not.
fn most_processes(threads: u32, own_users: bool, counts_by_user: bool) -> Result<Option<u64>, StepError> {
    if threads == 0 {
        // Whatever else the user runs, this process starts nothing.
        return Ok(Some(PROCESSES));
    }
    if !own_users {
        return Ok(None);
    }
    if counts_by_user {
        return Err(StepError::refused("limit the processes: before Linux 5.14 all of the user's count"));
    }
    Ok(Some(PROCESSES.saturating_add(u64::from(threads))))
}

fn lower(resource: Resource, most: u64, step: &str) -> Result<(), StepError> {
    let hard = getrlimit(resource).maximum.map_or(most, |hard| hard.min(most));
    setrlimit(resource, Rlimit { current: Some(hard), maximum: Some(hard) }).step(step)
}

#[cfg(test)]
mod tests {
    use super::most_processes;

    #[test]
    fn most_processes_with_threads_are_bound_in_an_own_namespace_where_it_counts_by_itself() {
        assert_eq!(most_processes(16, true, false), Ok(Some(18)));
        assert_eq!(most_processes(16, false, false), Ok(None));
        // A user with more than that many processes could start no thread.
        let refused = most_processes(16, true, true).expect_err("it is named as missing").to_string();
        assert!(refused.starts_with("limit the processes: before Linux 5.14"), "{refused}");
        assert_eq!(most_processes(16, false, true), Ok(None), "the namespace is what is missing");
    }

    #[test]
    fn most_processes_without_threads_are_the_two_of_the_jail_on_every_kernel() {
        for (own_users, counts_by_user) in [(true, true), (false, true), (true, false), (false, false)] {
            assert_eq!(most_processes(0, own_users, counts_by_user), Ok(Some(2)));
        }
    }
}
