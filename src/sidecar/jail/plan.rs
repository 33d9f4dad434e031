//! What jail a process wants, and the way into it.

use super::in_force::InForce;
use super::namespaces::{self, Namespaces};
use super::step::{JailMode, Step, StepError, Steps};
use super::supervise::{self, STOP, Supervisor};
use super::{before, capabilities, landlock, limits, root, seccomp};
use crate::hostfs::{FdBudget, held_path, kernel};
use crate::sidecar::host_uds::HostUds;
use crate::sync::processors;
use crate::sys::process;
use crate::sys::signals::SignalSet;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};

/// A part of the jail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// Namespaces, and the root in the mount namespace.
    Namespaces,
    /// Rules about files.
    Landlock,
    /// Capabilities, those that are kept aside.
    Capabilities,
    /// Limits of resources.
    Limits,
    /// The list of system calls.
    Seccomp,
}

/// A jail to be entered. See the [module](super).
#[derive(Debug)]
pub struct Jail {
    export: OwnedFd,
    read_only: bool,
    mode: JailMode,
    keep: Vec<RawFd>,
    threads: u32,
    descriptors: u64,
    listens: bool,
    xattrs: bool,
    host_uds: HostUds,
    dies_with_parent: bool,
    without: Vec<Mechanism>,
}

impl Jail {
    /// A jail over the directory `export`, which may be open as `O_PATH`; with `read_only` nothing in it can be changed.
    #[must_use]
    pub fn new(export: OwnedFd, read_only: bool, mode: JailMode) -> Jail {
        Jail {
            export,
            read_only,
            mode,
            keep: Vec::new(),
            threads: 0,
            descriptors: limits::DESCRIPTORS_MAX,
            listens: false,
            xattrs: false,
            host_uds: HostUds::None,
            dies_with_parent: false,
            without: Vec::new(),
        }
    }

    /// Lets a descriptor stay open, beside the standard streams: the connection. It must be no directory.
    #[must_use]
    pub fn keep(mut self, fd: BorrowedFd<'_>) -> Jail {
        self.keep.push(fd.as_raw_fd());
        self
    }

    /// How many threads may be started in the jail at once, beside the first; 0 unless this says otherwise. The number is
    /// enforced where there is a user namespace and the user is not root, from Linux 5.14 on; that there are none always.
    #[must_use]
    pub fn threads(mut self, most: u32) -> Jail {
        self.threads = most;
        self
    }

    /// How many descriptors may be open, 65,536 unless this says otherwise; never more than before.
    #[must_use]
    pub fn descriptors(mut self, most: u64) -> Jail {
        self.descriptors = most;
        self
    }

    /// Whether connections are accepted from a socket that is kept, and their peers asked for.
    #[must_use]
    pub fn listens(mut self, listens: bool) -> Jail {
        self.listens = listens;
        self
    }

    /// Whether extended attributes are served: four system calls more.
    #[must_use]
    pub fn xattrs(mut self, xattrs: bool) -> Jail {
        self.xattrs = xattrs;
        self
    }

    /// Which unix sockets clients get at: two system calls more for those that they open, six for those that they create,
    /// seven for both. For those that are created a read-only export has none.
    #[must_use]
    pub fn host_uds(mut self, host_uds: HostUds) -> Jail {
        self.host_uds = host_uds;
        self
    }

    /// Whether this process is killed when the *thread* that started it ends (`PR_SET_PDEATHSIG`), so not for one that is
    /// started by a thread that goes before its process.
    #[must_use]
    pub fn dies_with_parent(mut self, dies: bool) -> Jail {
        self.dies_with_parent = dies;
        self
    }

    /// Leaves a part out, to show what the others hold by themselves.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn without(mut self, mechanism: Mechanism) -> Jail {
        self.without.push(mechanism);
        self
    }

    /// Enters the jail. What returns may be a child of the process that called; see the [module](super). The working
    /// directory and the umask are the caller's to set before, and threads to start behind it.
    ///
    /// An error leaves the process somewhere on the way: it is to end. In [`JailMode::Auto`] those alone are errors
    /// without which nothing else would hold: several threads, unknown descriptors, a directory among those that are
    /// kept, maps of ids that are refused behind a trial in which they were not, a parent that has ended.
    pub fn enter(self) -> Result<InForce, StepError> {
        // To be known inside, where it cannot be asked.
        processors();
        let supervisor = Supervisor::new(self.dies_with_parent);
        let signals = SignalSet::new(&STOP);
        let mut steps = Steps::new(self.mode);
        if self.mode == JailMode::Off {
            signals.block().step("block signals")?;
            supervisor.bind()?;
            return Ok(InForce::new(self.export, signals.descriptor().step("wait for signals")?, steps));
        }
        before::one_thread()?;
        before::known_descriptors(self.export.as_raw_fd(), &self.keep)?;
        let privileged = capabilities::is_privileged()?;
        signals.block().step("block signals")?;
        let stop = signals.descriptor().step("wait for signals")?;
        let (jail, namespaces) = self.enter_namespaces(&mut steps, privileged, &supervisor)?;
        let root = jail.give_up(&mut steps, privileged, namespaces, &supervisor)?;
        Ok(InForce::new(root, stop, steps))
    }

    fn has(&self, mechanism: Mechanism) -> bool {
        !self.without.contains(&mechanism)
    }

    /// The steps that need privileges: behind them `export` is the root of this process, if it may be.
    fn enter_namespaces(
        mut self,
        steps: &mut Steps,
        privileged: bool,
        supervisor: &Supervisor,
    ) -> Result<(Jail, Namespaces), StepError> {
        // Limits and appends go by the kernel's version, which is not to be asked for any more behind the new root.
        let _ = kernel::is_before((0, 0));
        if privileged {
            steps.attempt(capabilities::leave_groups())?;
        }
        if !self.has(Mechanism::Namespaces) {
            return Ok((self, Namespaces::default()));
        }
        let inside = steps.attempt(root::stand_in(self.export.as_fd()))?.is_some();
        let namespaces = namespaces::enter(steps, privileged, supervisor)?;
        if inside
            && namespaces.mount
            && let Some(root) = steps.attempt(root::pivot(self.read_only))?
        {
            // The one from outside, behind which is everything else, is closed.
            self.export = root;
            held_path::go_by_working_directory();
            steps.hold(format!("root: the export{}", if self.read_only { ", read-only" } else { "" }));
        }
        Ok((self, namespaces))
    }

    /// The steps that take away what the earlier ones needed.
    fn give_up(
        self,
        steps: &mut Steps,
        privileged: bool,
        namespaces: Namespaces,
        supervisor: &Supervisor,
    ) -> Result<OwnedFd, StepError> {
        let sockets = self.host_uds.in_export(self.read_only);
        if steps.attempt(process::join_new_session_keyring().step("join a new session keyring"))?.is_some() {
            steps.hold("keyring of its own");
        }
        if self.has(Mechanism::Limits)
            && let Some(limits) = steps.attempt(limits::set(self.descriptors))?
        {
            steps.hold(limits);
            steps.attempt(limits::set_processes(self.threads, namespaces.user))?;
        }
        capabilities::no_new_privileges()?;
        steps.hold("no_new_privs");
        if self.has(Mechanism::Landlock)
            && let Some(rules) =
                steps.attempt(landlock::restrict(self.export.as_fd(), self.read_only, sockets.opens()))?
        {
            steps.hold(rules);
        }
        if self.has(Mechanism::Capabilities) {
            capabilities::drop_all_but_needed(steps, privileged, self.read_only)?;
        }
        set_dumpable_behavior(DumpableBehavior::NotDumpable).step("forbid dumps")?;
        match namespaces.line {
            Some(line) => supervise::bind_to(line)?,
            None => supervisor.bind()?,
        }
        // It asks for the limit of descriptors, which is not to be asked for any more behind the next step.
        let _ = FdBudget::process();
        if self.has(Mechanism::Seccomp) {
            let (threads, listens) = (self.threads > 0, self.listens);
            let (xattrs, read_only) = (self.xattrs, self.read_only);
            let uses = seccomp::Uses { threads, listens, xattrs, sockets, read_only };
            let calls = steps.attempt(seccomp::restrict(uses))?;
            steps.held.extend(calls.map(|calls| format!("{calls} system calls")));
        }
        Ok(self.export)
    }
}
