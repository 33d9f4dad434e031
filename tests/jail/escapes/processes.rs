//! To other processes.

use super::world::{call, number, reaches};
use super::{Tried, ways};

/// `PTRACE_SEIZE`, which does not stop whom it is done to.
const SEIZE: usize = 0x4206;

ways! {
    fork: Once, ForAll, |_| children(libc::SYS_fork, &[]);
    vfork_by_clone: Once, ForAll, |_| children(libc::SYS_clone, &[number(libc::SIGCHLD)]);
    clone3_of_a_process: Once, ForAll, |_| {
        let mut arguments = [0u64; 11];
        arguments[4] = 17;
        children(libc::SYS_clone3, &[arguments.as_ptr() as usize, size_of_val(&arguments)])
    };
    processes_without_end: TwiceForUsers, ForAll, |_| {
        for _ in 0..16 {
            if call(libc::SYS_fork, &[])? == 0 {
                std::thread::sleep(std::time::Duration::from_secs(1));
                end();
            }
        }
        Ok("16 processes".to_owned())
    };
    a_thread: Once, ForAll, |_| {
        let thread = std::thread::Builder::new().spawn(|| ()).map_err(|error| error.raw_os_error().unwrap_or(0))?;
        thread.join().map(|()| "a thread".to_owned()).map_err(|_| libc::EIO)
    };
    a_thread_in_namespaces_of_its_own: Twice, ForRoot, |_| {
        children(libc::SYS_clone, &[number(libc::CLONE_NEWNS | libc::SIGCHLD)])
    };
    signal_to_another: Twice, ForAll, |w| reaches("it", call(libc::SYS_kill, &[w.victim, 0]));
    signal_to_all: Twice, ForAll, |_| reaches("somebody", call(libc::SYS_kill, &[number(-1), 0]));
    signal_to_the_group: Twice, Untried("it is in it itself"), |w| {
        reaches("it", call(libc::SYS_kill, &[number(-number_of(w.victim)), 0]))
    };
    signal_to_a_thread_of_another: Twice, ForAll, |w| reaches("it", call(libc::SYS_tgkill, &[w.victim, w.victim, 0]));
    signal_by_a_process_descriptor: Twice, ForAll, |w| {
        let process = call(libc::SYS_pidfd_open, &[w.victim, 0])?;
        reaches("it", call(libc::SYS_pidfd_send_signal, &[process, 0, 0, 0]))
    };
    signal_with_data: Twice, ForAll, |w| {
        let mut info = [0u32; 32];
        (info[0], info[2]) = (0, u32::MAX);
        reaches("it", call(libc::SYS_rt_sigqueueinfo, &[w.victim, 0, info.as_ptr() as usize]))
    };
    trace_another: Twice, ForAll, |w| reaches("it", call(libc::SYS_ptrace, &[SEIZE, w.victim, 0, 0]));
    be_traced: Once, ForAll, |_| reaches("by its parent", call(libc::SYS_ptrace, &[0, 0, 0, 0]));
    read_the_memory_of_another: Twice, ForAll, |w| memory(libc::SYS_process_vm_readv, w.victim);
    write_the_memory_of_another: Twice, Untried("it would be written"), |w| {
        memory(libc::SYS_process_vm_writev, w.victim)
    };
    descriptor_of_another: Twice, ForAll, |w| {
        let process = call(libc::SYS_pidfd_open, &[w.victim, 0])?;
        reaches("it", call(libc::SYS_pidfd_getfd, &[process, 0, 0]))
    };
    compare_with_another: Twice, ForAll, |w| {
        reaches("it", call(libc::SYS_kcmp, &[w.victim, w.victim, 0, 0, 0]))
    };
    limits_of_another: Twice, ForAll, |w| {
        let mut limit = [0u64; 2];
        reaches("them", call(libc::SYS_prlimit64, &[w.victim, 7, 0, limit.as_mut_ptr() as usize]))
    };
    priority_of_another: Twice, ForAll, |w| reaches("it", call(libc::SYS_getpriority, &[0, w.victim]));
    affinity_of_another: Twice, ForAll, |w| {
        let mut mask = [0u64; 128];
        reaches("it", call(libc::SYS_sched_getaffinity, &[w.victim, 1024, mask.as_mut_ptr() as usize]))
    };
    session_of_another: Twice, ForAll, |w| reaches("it", call(libc::SYS_getsid, &[w.victim]));
    wait_for_another: Once, Untried("none of its children"), |w| {
        reaches("it", call(libc::SYS_wait4, &[w.victim, 0, 1, 0])).and(Err(libc::ECHILD))
    };
    signals_by_a_pipe_to_another: Twice, Untried("it needs a pipe of its own"), |w| {
        // F_SETOWN of a descriptor that tells of input by signals.
        reaches("it", call(libc::SYS_fcntl, &[0, 8, w.victim]))
    };
}

fn number_of(pid: usize) -> isize {
    pid.cast_signed()
}

/// Makes a child, which ends at once.
fn children(call_number: libc::c_long, arguments: &[usize]) -> Tried {
    match call(call_number, arguments)? {
        0 => end(),
        _ => Ok("a process".to_owned()),
    }
}

fn end() -> ! {
    let _ = call(libc::SYS_exit_group, &[0]);
    std::process::abort()
}

/// Reads or writes at an address at which nothing is: `EFAULT` is what those get who may.
fn memory(call_number: libc::c_long, pid: usize) -> Tried {
    let mut bytes = [0u8; 8];
    let (local, remote) = ([bytes.as_mut_ptr() as usize, 8], [8usize, 8]);
    match call(call_number, &[pid, local.as_ptr() as usize, 1, remote.as_ptr() as usize, 1, 0]) {
        Ok(_) | Err(libc::EFAULT) => Ok("its memory".to_owned()),
        Err(errno) => Err(errno),
    }
}
