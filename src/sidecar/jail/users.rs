//! The user namespace: its maps, and whether this machine permits them.
//!
//! A process cannot leave a user namespace, and without maps it has nobody's rights in it. There are machines that permit
//! the namespace and refuse the maps: with a `/proc` that is only read, or where a security module takes every capability
//! in such a namespace away (Ubuntu's `kernel.apparmor_restrict_unprivileged_userns`).

use super::step::{Step, StepError};
use crate::sys::process::{self, Forked, exit_now};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, getegid, geteuid, kill_process, waitpid};
use rustix::thread::UnshareFlags;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

/// What a line between two processes is called where it fails.
const LINE: &str = "make a line between two processes";

/// Moves to a user namespace, in which nothing is mapped yet.
pub(super) fn unshare() -> Result<(), StepError> {
    process::unshare(UnshareFlags::NEWUSER).step("unshare the user namespace")
}

/// Maps the user's own ids, in a namespace that he has just made, onto themselves.
pub(super) fn map_own((uid, gid): (u32, u32)) -> Result<(), StepError> {
    fs::write("/proc/self/setgroups", "deny").step("forbid changes of groups")?;
    fs::write("/proc/self/gid_map", format!("{gid} {gid} 1")).step("map the group id")?;
    fs::write("/proc/self/uid_map", format!("{uid} {uid} 1")).step("map the user id")
}

/// The ids of this process.
pub(super) fn own() -> (u32, u32) {
    (geteuid().as_raw(), getegid().as_raw())
}

/// Maps each id of this process's namespace, in the one that `child` has just made, onto itself.
pub(super) fn map_all(child: Pid) -> std::io::Result<()> {
    let child = child.as_raw_nonzero();
    for map in ["gid_map", "uid_map"] {
        let ours = fs::read_to_string(format!("/proc/self/{map}"))?;
        fs::write(format!("/proc/{child}/{map}"), onto_itself(&ours))?;
    }
    Ok(())
}

/// The map of each id of a namespace, whose own map is `ours`, onto the same number.
fn onto_itself(ours: &str) -> String {
    let mut lines = String::new();
    for line in ours.lines() {
        let mut words = line.split_whitespace();
        if let (Some(inside), Some(_), Some(count)) = (words.next(), words.next(), words.next()) {
            // Writing into a string does not fail.
            let _ = writeln!(lines, "{inside} {inside} {count}");
        }
    }
    lines
}

/// Does it all in a process that ends then. The error is that of the step which fails; nothing of this process changes.
/// To be called before a pid namespace is made, whose first process would be that one.
pub(super) fn try_out(privileged: bool) -> Result<(), StepError> {
    let (mut here, there) = UnixStream::pair().step(LINE)?;
    match process::fork().step("fork")? {
        Forked::Child => {
            drop(here);
            // Whoever asks has ended when it does not hear the answer.
            let _ = answer(there, privileged);
            exit_now(0)
        }
        Forked::Parent(child) => {
            drop(there);
            let mapped =
                hear(&mut here).and_then(|()| if privileged { map_all(child).step("map the ids") } else { Ok(()) });
            let _ = kill_process(child, Signal::KILL);
            while matches!(waitpid(Some(child), WaitOptions::empty()), Err(Errno::INTR)) {}
            mapped
        }
    }
}

/// In the process that tries: says which step failed, if one did, and stays until it is not needed any more.
fn answer(mut line: UnixStream, privileged: bool) -> std::io::Result<()> {
    let ids = own();
    let done = unshare().and_then(|()| if privileged { Ok(()) } else { map_own(ids) });
    match done {
        Ok(()) => line.write_all(&[0; 4])?,
        Err(error) => {
            line.write_all(&error.errno().unwrap_or(libc::EIO).to_le_bytes())?;
            return line.write_all(error.step().as_bytes());
        }
    }
    line.read_exact(&mut [0])
}

fn hear(line: &mut UnixStream) -> Result<(), StepError> {
    let (mut errno, mut step) = ([0; 4], String::new());
    line.read_exact(&mut errno).step("try a user namespace")?;
    match i32::from_le_bytes(errno) {
        0 => Ok(()),
        raw => {
            line.read_to_string(&mut step).step("try a user namespace")?;
            Err(StepError::new(step, Errno::from_raw_os_error(raw)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::onto_itself;

    #[test]
    fn onto_itself_of_a_map_has_its_inner_ids_on_both_sides() {
        assert_eq!(onto_itself("         0          0 4294967295\n"), "0 0 4294967295\n");
        assert_eq!(onto_itself("0 1000 1\n1 100000 65536\n"), "0 0 1\n1 1 65536\n");
        assert_eq!(onto_itself(""), "");
    }
}
