//! A sidecar that its client starts by itself.

use crate::abi::{Errno, InodeKey, Result};
use crate::hostfs::errno::from_std;
use crate::hostfs::lock;
use parking_lot::Mutex;
use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

/// Bytes of the stack of the thread that a sidecar's process belongs to: it waits.
const STACK: usize = 256 * 1024;

/// What of this process's environment a sidecar gets: where its log goes and how much of it.
const ENVIRONMENT: &[&str] = &["RUST_LOG", "RUST_BACKTRACE"];

/// A program that serves a directory to whoever starts it: `wasi-gofer-sidecar`, or another with its options.
///
/// It is started with one end of a socket pair as its standard input, no standard output, this process's standard error,
/// hardly an environment, and in a process group of its own, so that a terminal's signals reach this process alone. It
/// ends with the connection, and is killed when this process ends before that.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    before: Vec<OsString>,
    root: PathBuf,
    read_only: bool,
    jail: OsString,
}

impl Program {
    /// The program at `path`, found as [`Command::new`] finds it, to serve the directory `root` from a jail as far as
    /// this machine permits.
    pub fn new(path: impl Into<PathBuf>, root: impl Into<PathBuf>) -> Program {
        let (path, root) = (path.into(), root.into());
        Program { path, before: Vec::new(), root, read_only: false, jail: "auto".into() }
    }

    /// Arguments before those that say what is served, such as the name of a subcommand.
    #[must_use]
    pub fn before<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Program {
        self.before.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Whether it refuses every change.
    #[must_use]
    pub fn read_only(mut self, read_only: bool) -> Program {
        self.read_only = read_only;
        self
    }

    /// How much of the jail there must be: `auto`, `require` or `off`.
    #[must_use]
    pub fn jail(mut self, mode: impl AsRef<OsStr>) -> Program {
        self.jail = mode.as_ref().to_owned();
        self
    }

    /// The directory that is served, to be locked.
    pub(super) fn own_tree(&self) -> OwnTree {
        OwnTree { root: Some(self.root.clone()), held: Mutex::new(None) }
    }

    fn command(&self, socket: OwnedFd) -> Command {
        let mut command = Command::new(&self.path);
        command.args(&self.before).arg(valued("--root=", self.root.as_os_str()));
        command.args(["--fd=0", "--die-with-parent", "--quiet"]).arg(valued("--jail=", &self.jail));
        if self.read_only {
            command.arg("--ro");
        }
        command.stdin(Stdio::from(socket)).stdout(Stdio::null()).env_clear().process_group(0);
        for name in ENVIRONMENT {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command
    }

    /// Starts it, and answers this end of its connection. The errno is that of a step on the way.
    pub(super) fn start(&self) -> Result<OwnedFd> {
        let (ours, theirs) = UnixStream::pair().map_err(|error| from_std(&error))?;
        let mut command = self.command(theirs.into());
        let (tell, told) = mpsc::sync_channel(1);
        // A process that dies with its parent dies with the thread that started it, so that thread stays for as long.
        let thread = thread::Builder::new().name("gofer-sidecar".to_owned()).stack_size(STACK);
        let started = thread.spawn(move || {
            let child = command.spawn();
            // The descriptor of the other end is the child's alone from here on.
            drop(command);
            match child {
                Ok(child) => {
                    let _ = tell.send(Ok(()));
                    watch(child);
                }
                Err(error) => drop(tell.send(Err(from_std(&error)))),
            }
        });
        started.map_err(|error| from_std(&error))?;
        told.recv().map_err(|_| Errno::Io)??;
        Ok(ours.into())
    }
}

/// An option with its value in one argument: a value that begins with a hyphen is none by itself.
fn valued(option: &str, value: &OsStr) -> OsString {
    let mut argument = OsString::from(option);
    argument.push(value);
    argument
}

/// Waits for the end of a sidecar, so that nothing is left of it in the system's table.
fn watch(mut child: Child) {
    match child.wait() {
        Ok(status) if status.success() => {}
        Ok(status) => tracing::warn!(target: "wasi_gofer::lisafs", %status, "a sidecar ended"),
        Err(error) => tracing::warn!(target: "wasi_gofer::lisafs", %error, "a sidecar cannot be waited for"),
    }
}

/// The directory that a server of our own is started for, which this process locks in its place; that of any other server is
/// none.
#[derive(Debug, Default)]
pub(super) struct OwnTree {
    root: Option<PathBuf>,
    /// The directory, while it is locked.
    held: Mutex<Option<OwnedFd>>,
}

impl OwnTree {
    /// Locks it for as long as this lives, if there is one. `EBUSY` when somebody else has the lock, `ESTALE` when its path
    /// is not that of `key` any more.
    pub(super) fn lock(&self, key: InodeKey) -> Result<()> {
        let Some(root) = &self.root else { return Ok(()) };
        let mut held = self.held.lock();
        if held.is_none() {
            *held = Some(lock::lock_directory(root, key)?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_of_a_directory_that_begins_with_a_hyphen_has_it_for_the_value_of_root() {
        let (socket, _other) = UnixStream::pair().expect("a pair");
        let command = Program::new("program", "-data").before(["serve"]).jail("off").command(socket.into());
        let arguments: Vec<_> = command.get_args().collect();
        assert_eq!(arguments, ["serve", "--root=-data", "--fd=0", "--die-with-parent", "--quiet", "--jail=off"]);
    }
}
