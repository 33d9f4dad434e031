//! Namespaces of the process's own, and the process that stays behind for them.

use super::step::{JailMode, Step, StepError, Steps};
use super::supervise::{Supervisor, supervise};
use super::users;
use crate::sys::process::{self, Forked};
use rustix::io::Errno;
use rustix::process::Pid;
use rustix::thread::UnshareFlags;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

/// Those that follow the user and pid namespaces, each by itself, so that one that is refused does not cost the others.
const OTHERS: [(UnshareFlags, &str); 5] = [
    (UnshareFlags::NEWNS, "mount"),
    (UnshareFlags::NEWNET, "network"),
    (UnshareFlags::NEWIPC, "ipc"),
    (UnshareFlags::NEWUTS, "uts"),
    (UnshareFlags::NEWCGROUP, "cgroup"),
];

/// What a process found itself in.
#[derive(Debug, Default)]
pub(super) struct Namespaces {
    pub(super) user: bool,
    pub(super) mount: bool,
    /// The line to the process that stayed behind, if there is one.
    pub(super) line: Option<UnixStream>,
}

/// Moves to namespaces of its own, as far as this machine permits. May return in a child; see the module of the jail.
pub(super) fn enter(steps: &mut Steps, privileged: bool, supervisor: &Supervisor) -> Result<Namespaces, StepError> {
    let mut own = Vec::new();
    let entered =
        if privileged { as_root(steps, supervisor, &mut own)? } else { as_user(steps, supervisor, &mut own)? };
    for (flag, name) in OTHERS {
        if steps.attempt(unshare(flag, name))?.is_some() {
            own.push(name);
        }
    }
    if !own.is_empty() {
        steps.hold(format!("namespaces: {}", own.join(" ")));
    }
    Ok(Namespaces { mount: own.contains(&"mount"), ..entered })
}

/// Root keeps all ids in its user namespace, so it serves the files of everybody; what it may is bound to what is
/// mapped and mounted there. Only a process outside of the namespace may map more than one id, so the one that stays
/// behind does it; for that reason the pid namespace comes first, and belongs to the outer user namespace.
fn as_root(steps: &mut Steps, supervisor: &Supervisor, own: &mut Vec<&'static str>) -> Result<Namespaces, StepError> {
    let permitted = are_users_permitted(steps, true)?;
    if steps.attempt(unshare(UnshareFlags::NEWPID, "pid"))?.is_some() {
        own.push("pid");
    }
    let mut line = begin_child(supervisor, answer_for_maps)?;
    let user = permitted && steps.attempt(users::unshare())?.is_some();
    if user {
        own.push("user");
        // From here on no user namespace is no way back: without a map the process has nobody's rights.
        ask_for_maps(&mut line)?;
    }
    Ok(Namespaces { user, mount: false, line: Some(line) })
}

/// A user keeps his own id alone, and has in the namespace what he needs for the other ones.
fn as_user(steps: &mut Steps, supervisor: &Supervisor, own: &mut Vec<&'static str>) -> Result<Namespaces, StepError> {
    let ids = users::own();
    let user = are_users_permitted(steps, false)? && steps.attempt(users::unshare())?.is_some();
    if user {
        own.push("user");
        users::map_own(ids)?;
    }
    let pid = steps.attempt(unshare(UnshareFlags::NEWPID, "pid"))?.is_some();
    let line = if pid {
        own.push("pid");
        Some(begin_child(supervisor, |_, _| ())?)
    } else {
        None
    };
    Ok(Namespaces { user, mount: false, line })
}

/// Whether a user namespace is gone to. Where it is not required it is tried out first, as one without maps is worse than
/// none, and none is left.
fn are_users_permitted(steps: &mut Steps, privileged: bool) -> Result<bool, StepError> {
    if steps.mode == JailMode::Require {
        return Ok(true);
    }
    Ok(steps.attempt(users::try_out(privileged))?.is_some())
}

fn unshare(flag: UnshareFlags, name: &str) -> Result<(), StepError> {
    process::unshare(flag).step(&format!("unshare the {name} namespace"))
}

/// Goes on in a child, with a line to this process, which does `before` and then what [`supervise`] does.
fn begin_child(supervisor: &Supervisor, before: impl FnOnce(Pid, &mut UnixStream)) -> Result<UnixStream, StepError> {
    let (mut here, there) = UnixStream::pair().step("make a line between two processes")?;
    match process::fork().step("fork")? {
        Forked::Child => Ok(there),
        Forked::Parent(child) => {
            drop(there);
            before(child, &mut here);
            // `here` stays open for as long as this process is: its end is how the child sees that it is alone.
            supervise(child, supervisor, &here)
        }
    }
}

/// In the child: asks for the maps, and waits until they are there.
fn ask_for_maps(line: &mut UnixStream) -> Result<(), StepError> {
    let mut errno = [0; 4];
    line.write_all(&[1]).and_then(|()| line.read_exact(&mut errno)).step("wait for the map of ids")?;
    match i32::from_le_bytes(errno) {
        0 => Ok(()),
        raw => Err(StepError::new("map the ids", Errno::from_raw_os_error(raw))),
    }
}

/// In the process that stays behind: maps the child's ids when it asks. It does not ask when it found no namespace, and
/// hears of an error when it did.
fn answer_for_maps(child: Pid, line: &mut UnixStream) {
    let mut asked = [0];
    if line.set_read_timeout(None).and_then(|()| line.read_exact(&mut asked)).is_err() {
        return;
    }
    let done = users::map_all(child).map_err(|error| error.raw_os_error().unwrap_or(libc::EIO));
    // A child that does not hear the answer has ended.
    let _ = line.write_all(&done.err().unwrap_or(0).to_le_bytes());
}
