//! To privileges, and beyond limits.

use super::world::{at, call, number, path, reaches};
use super::{DESCRIPTORS_MAX, Tried, ways};
use libc::{O_CLOEXEC, O_NOFOLLOW, O_RDONLY};

ways! {
    become_root: TwiceForUsers, ForRoot, |_| reaches("it", call(libc::SYS_setuid, &[0]));
    become_another: Twice, ForRoot, |_| reaches("it", call(libc::SYS_setresuid, &[1234, 1234, 1234]));
    become_another_for_files: Twice, ForRoot, |_| {
        call(libc::SYS_setfsuid, &[1234])?;
        // It says who it was, and nothing of success.
        match call(libc::SYS_setfsuid, &[usize::MAX])? {
            1234 => Ok("it".to_owned()),
            _ => Err(libc::EPERM),
        }
    };
    join_a_group: Twice, ForRoot, |_| reaches("it", call(libc::SYS_setgid, &[1234]));
    join_groups: Twice, ForRoot, |_| {
        let groups = [1234u32];
        reaches("them", call(libc::SYS_setgroups, &[1, groups.as_ptr() as usize]))
    };
    raise_capabilities: Twice, ForRoot, |_| {
        let header = [0x2008_0522u32, 0];
        // CAP_SYS_ADMIN, CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, effective and permitted.
        let set = (1u32 << 21) | (1 << 19) | (1 << 2);
        let data = [set, set, 0, 0, 0, 0];
        reaches("them", call(libc::SYS_capset, &[header.as_ptr() as usize, data.as_ptr() as usize]))
    };
    raise_ambient_capabilities: Twice, Untried("they have to be inheritable before"), |_| {
        reaches("one", call(libc::SYS_prctl, &[47, 2, 0, 0, 0]))
    };
    unlock_the_secure_bits: Twice, ForRoot, |_| reaches("them", call(libc::SYS_prctl, &[28, 0]));
    allow_new_privileges: Twice, Untried("nobody may"), |_| reaches("them", call(libc::SYS_prctl, &[38, 0, 0, 0, 0]));
    be_dumpable: Once, ForAll, |_| reaches("it", call(libc::SYS_prctl, &[4, 1]));
    outlive_the_supervisor: Once, ForAll, |_| reaches("it", call(libc::SYS_prctl, &[1, 0]));
    another_list_of_system_calls: Once, Untried("it needs no_new_privs, and binds for good"), |_| {
        // `return ALLOW`.
        let filter = [0x6u64 | (0x7fff_0000 << 32)];
        let program = [1usize, filter.as_ptr() as usize];
        reaches("it", call(libc::SYS_seccomp, &[1, 0, program.as_ptr() as usize]))
    };
    another_set_of_rules: Once, ForAll, |_| {
        // The version that the kernel has, which everybody may ask for.
        reaches("it", call(libc::SYS_landlock_create_ruleset, &[0, 0, 1]))
    };
    raise_the_limit_of_descriptors: Twice, Untried("a machine may keep that from its root too"), |_| lower_and_raise(number(libc::RLIMIT_NOFILE));
    raise_the_limit_of_memory: Twice, Untried("a machine may keep that from its root too"), |_| lower_and_raise(number(libc::RLIMIT_DATA));
    a_core: Twice, ForRoot, |_| {
        let limit = [u64::MAX, u64::MAX];
        reaches("it", call(libc::SYS_setrlimit, &[number(libc::RLIMIT_CORE), limit.as_ptr() as usize]))
    };
    descriptors_beyond_the_limit: Twice, ForAll, |w| {
        let name = path("f");
        let flags = number(O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        for _ in 0..DESCRIPTORS_MAX {
            call(libc::SYS_openat, &[number(w.root), at(&name), flags])?;
        }
        Ok("more descriptors".to_owned())
    };
    descriptors_doubled_beyond_the_limit: Twice, ForAll, |_| {
        for _ in 0..DESCRIPTORS_MAX {
            call(libc::SYS_fcntl, &[1, number(libc::F_DUPFD_CLOEXEC), 0])?;
        }
        Ok("more descriptors".to_owned())
    };
    a_better_priority: Twice, ForRoot, |_| reaches("it", call(libc::SYS_setpriority, &[0, 0, number(-5)]));
    a_real_time_priority: Twice, ForRoot, |_| {
        let priority = [1u32];
        reaches("it", call(libc::SYS_sched_setscheduler, &[0, 1, priority.as_ptr() as usize]))
    };
    a_better_priority_of_disks: Twice, ForRoot, |_| {
        // IOPRIO_CLASS_RT of itself.
        reaches("it", call(libc::SYS_ioprio_set, &[1, 0, 1 << 13]))
    };
}

/// A limit below the one that there is, and then that one again, for which one must be privileged.
fn lower_and_raise(resource: usize) -> Tried {
    let mut limit = [0u64; 2];
    call(libc::SYS_prlimit64, &[0, resource, 0, limit.as_mut_ptr() as usize])?;
    let lower = [0u64, limit[1].min(1 << 20).saturating_sub(1)];
    call(libc::SYS_prlimit64, &[0, resource, lower.as_ptr() as usize, 0])?;
    reaches("it", call(libc::SYS_prlimit64, &[0, resource, limit.as_ptr() as usize, 0]))
}
