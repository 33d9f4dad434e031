//! The process that stays behind when the jail begins with a child, and how the two end together.

use super::capabilities;
use super::step::{Step, StepError};
use crate::sys::process::{become_stdin, close_all_but, exit_now};
use crate::sys::signals::{SignalSet, default_child_signal};
use rustix::io;
use rustix::process::{
    Pid, Signal, WaitOptions, WaitStatus, getppid, kill_process, set_parent_process_death_signal, waitpid,
};
use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

/// What asks a process to end.
pub(super) const STOP: [Signal; 3] = [Signal::TERM, Signal::INT, Signal::HUP];

/// How the process that was started ends.
#[derive(Debug)]
pub(super) struct Supervisor {
    /// Its parent, with whose end it ends; `None` if it is to outlive it.
    parent: Option<Option<Pid>>,
}

impl Supervisor {
    /// To be made first, while the parent that is to be outlived or not is still there.
    pub(super) fn new(dies_with_parent: bool) -> Supervisor {
        Supervisor { parent: dies_with_parent.then(getppid) }
    }

    /// Binds the calling process, which is the one that was started, to its parent's life. Behind every change of
    /// credentials, which would undo it.
    pub(super) fn bind(&self) -> Result<(), StepError> {
        let Some(parent) = self.parent else { return Ok(()) };
        set_parent_process_death_signal(Some(Signal::KILL)).step("end with the parent")?;
        // The signal is for an end that comes from here on.
        if getppid() == parent { Ok(()) } else { Err(StepError::refused("end with the parent: it has ended")) }
    }
}

/// Binds the calling process, which is the child, to the life of the one that stayed behind. As [`Supervisor::bind`].
pub(super) fn bind_to(mut line: UnixStream) -> Result<(), StepError> {
    set_parent_process_death_signal(Some(Signal::KILL)).step("end with the supervisor")?;
    line.set_nonblocking(true).step("look for the supervisor")?;
    // Its parent is out of sight in a pid namespace; but the line has an end while it lives.
    match line.read(&mut [0]) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(()),
        _ => Err(StepError::refused("end with the supervisor: it has ended")),
    }
}

/// Passes on what asks the child to end, and ends as it does. The first process of a pid namespace gets no signal that
/// it does not ask for; it asks for these ([`super::InForce::stop`]).
///
/// A child that a signal ended is told of by the status 128 + signal, as a shell does, and a line on the error stream,
/// as the child can say nothing.
///
/// Nothing stays open here but the child's `line` and the streams for words, so that whoever speaks with the child hears of
/// its end when it comes, and not when this process has heard of it.
pub(super) fn supervise(child: Pid, supervisor: &Supervisor, line: &UnixStream) -> ! {
    let bound = let_go(line)
        .and_then(|()| capabilities::drop_all())
        .and_then(|()| capabilities::no_new_privileges())
        .and_then(|()| supervisor.bind())
        .and_then(|()| default_child_signal().step("hear of the child's end"));
    if let Err(error) = bound {
        eprintln!("jail: {error}");
        let _ = kill_process(child, Signal::KILL);
    }
    let mut heard = vec![Signal::CHILD];
    heard.extend(STOP);
    let heard = SignalSet::new(&heard);
    // Without that a signal that is not blocked ends this process, and with it the child.
    let _ = heard.block();
    loop {
        match waitpid(Some(child), WaitOptions::NOHANG) {
            Ok(None) | Err(io::Errno::INTR) => {}
            Ok(Some((_, status))) if status.stopped() || status.continued() => {}
            Ok(Some((_, status))) => exit_now(told(status)),
            Err(_) => exit_now(1),
        }
        if let Ok(Some(signal)) = heard.wait()
            && STOP.contains(&signal)
        {
            // One that has ended is waited for next.
            let _ = kill_process(child, signal);
        }
    }
}

fn let_go(line: &UnixStream) -> Result<(), StepError> {
    // The connection may be the standard input.
    let nothing = File::open("/dev/null").step("open /dev/null")?;
    become_stdin(nothing.as_fd()).step("let go of the standard input")?;
    drop(nothing);
    close_all_but(line.as_fd()).step("let go of descriptors")
}

fn told(status: WaitStatus) -> i32 {
    if let Some(signal) = status.terminating_signal() {
        let why = if signal == Signal::SYS.as_raw() { ", for a system call that the jail does not allow" } else { "" };
        eprintln!("jail: the process in it was ended by signal {signal}{why}");
        return 128 + signal;
    }
    status.exit_status().unwrap_or(1)
}
