//! Limits of what the process may take.

use super::step::{Step, StepError};
use crate::sys::process::kernel_release;
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
    match most_processes(threads, own_users, kernel_release().as_deref())? {
        Some(most) => lower(Resource::Nproc, most, "limit the processes"),
        None => Ok(()),
    }
}

/// The limit of processes on the kernel `release`, if there is to be one: an error where only an older kernel is why not.
fn most_processes(threads: u32, own_users: bool, release: Option<&str>) -> Result<Option<u64>, StepError> {
    if threads == 0 {
        // Whatever else the user runs, this process starts nothing.
        return Ok(Some(PROCESSES));
    }
    if !own_users {
        return Ok(None);
    }
    if release.and_then(version).is_none_or(|version| version < COUNTS_BY_NAMESPACE) {
        return Err(StepError::refused("limit the processes: before Linux 5.14 all of the user's count"));
    }
    Ok(Some(PROCESSES.saturating_add(u64::from(threads))))
}

/// Version and patch level of a release: `6.1` of `6.1.0-13-amd64`.
fn version(release: &str) -> Option<(u32, u32)> {
    let (version, rest) = release.split_once('.')?;
    let level = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    Some((version.parse().ok()?, level.parse().ok()?))
}

fn lower(resource: Resource, most: u64, step: &str) -> Result<(), StepError> {
    let hard = getrlimit(resource).maximum.map_or(most, |hard| hard.min(most));
    setrlimit(resource, Rlimit { current: Some(hard), maximum: Some(hard) }).step(step)
}

#[cfg(test)]
mod tests {
    use super::{kernel_release, most_processes, version};

    #[test]
    fn version_of_a_release_is_its_first_two_numbers() {
        for (release, told) in [
            ("5.13.0-39-generic", Some((5, 13))),
            ("5.4", Some((5, 4))),
            ("6.18-rc1", Some((6, 18))),
            ("10.0.0", Some((10, 0))),
            ("4.19.90+", Some((4, 19))),
            ("5", None),
            ("x.y", None),
            ("5.", None),
            ("", None),
        ] {
            assert_eq!(version(release), told, "{release}");
        }
    }

    #[test]
    fn most_processes_with_threads_are_bound_in_an_own_namespace_where_it_counts_by_itself() {
        for release in ["5.14.0", "5.15.0-91-generic", "6.1.0", "10.2"] {
            assert_eq!(most_processes(16, true, Some(release)), Ok(Some(18)), "{release}");
            assert_eq!(most_processes(16, false, Some(release)), Ok(None), "{release}");
        }
        // A user with more than that many processes could start no thread.
        for release in [Some("5.13.19"), Some("5.4.0-150-generic"), Some("4.18.0-553.el8"), Some("?"), None] {
            let refused = most_processes(16, true, release).expect_err("it is named as missing").to_string();
            assert!(refused.starts_with("limit the processes: before Linux 5.14"), "{refused}");
            assert_eq!(most_processes(16, false, release), Ok(None), "the namespace is what is missing");
        }
    }

    #[test]
    fn most_processes_without_threads_are_the_two_of_the_jail_on_every_kernel() {
        for (own_users, release) in [(true, Some("4.18")), (false, Some("4.18")), (true, Some("6.1")), (false, None)] {
            assert_eq!(most_processes(0, own_users, release), Ok(Some(2)));
        }
    }

    #[test]
    fn kernel_release_of_this_machine_has_a_version() {
        let release = kernel_release().expect("it is told");
        let file = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("it is there");
        assert_eq!(release, file.trim_end());
        assert!(version(&release).is_some(), "{release}");
    }
}
