//! Starting this program again as the child, and what it said.

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// The user and group that stand for everybody who is not root.
const NOBODY: u32 = 65_534;

/// As whom a child runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Root,
    User,
}

impl Who {
    /// Whom this process can be: a user only himself.
    pub(crate) fn all() -> &'static [Who] {
        if rustix::process::geteuid().is_root() { &[Who::Root, Who::User] } else { &[Who::User] }
    }

    /// The ids of a child, if they are not this process's.
    fn ids(self) -> Option<u32> {
        (self == Who::User && rustix::process::geteuid().is_root()).then_some(NOBODY)
    }
}

/// A directory to serve, and one beside it that nobody inside may get at.
pub(crate) struct Place {
    base: TempDir,
    pub(crate) who: Who,
}

impl Place {
    pub(crate) fn new(who: Who) -> Place {
        let base = TempDir::new().expect("a directory");
        let place = Place { base, who };
        std::fs::create_dir(place.export()).expect("made");
        std::fs::create_dir(place.outside()).expect("made");
        std::fs::write(place.outside().join("secret"), "the secret").expect("written");
        for path in [place.base.path().to_owned(), place.export(), place.outside(), place.outside().join("secret")] {
            place.give(&path);
        }
        place
    }

    /// Has it belong to the user of the child.
    pub(crate) fn give_as_it_is(&self, path: &std::path::Path) {
        if let Some(id) = self.who.ids() {
            chown(path, Some(id), Some(id)).expect("root may");
        }
    }

    /// Has it belong to the user of the child, and be one that everybody may pass.
    pub(crate) fn give(&self, path: &std::path::Path) {
        self.give_as_it_is(path);
        if path.is_dir() {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("ours");
        }
    }

    pub(crate) fn export(&self) -> PathBuf {
        self.base.path().join("export")
    }

    pub(crate) fn outside(&self) -> PathBuf {
        self.base.path().join("outside")
    }

    /// A child that does `act` in the jail.
    pub(crate) fn child(&self, act: &str) -> Start {
        let mut command = Command::new(std::env::current_exe().expect("we run"));
        command
            .env_clear()
            .env("JAIL_EXPORT", self.export())
            .env("JAIL_OUTSIDE", self.outside())
            .env("JAIL_ACT", act)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(id) = self.who.ids() {
            command.uid(id).gid(id);
        }
        Start { command }
    }
}

/// A child that is about to be started.
pub(crate) struct Start {
    pub(crate) command: Command,
}

impl Start {
    /// Sets an option of the child: see `child.rs`.
    pub(crate) fn with(mut self, option: &str, value: impl ToString) -> Start {
        self.command.env(format!("JAIL_{option}"), value.to_string());
        self
    }

    pub(crate) fn spawn(mut self) -> Child {
        self.command.spawn().expect("the test can be started")
    }

    pub(crate) fn run(self) -> Ran {
        let output = self.spawn().wait_with_output().expect("it is our child");
        Ran {
            said: String::from_utf8_lossy(&output.stdout).into_owned(),
            errors: String::from_utf8_lossy(&output.stderr).into_owned(),
            code: output.status.code().unwrap_or_else(|| 128 + output.status.signal().unwrap_or(0)),
        }
    }
}

/// What a child said until its end.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) said: String,
    pub(crate) errors: String,
    /// Its status; 128 and the signal for one that a signal ended, as the supervisor says it too.
    pub(crate) code: i32,
}

/// The status of a process that made a system call which the jail does not allow.
pub(crate) const KILLED: i32 = 128 + 31;

impl Ran {
    /// What it said behind `word`, at the end of a line.
    pub(crate) fn told(&self, word: &str) -> Option<&str> {
        let prefix = format!("{word}: ");
        self.said.lines().find_map(|line| Some(line.split_once(&prefix)?.1))
    }

    /// The line for the log.
    pub(crate) fn log(&self) -> &str {
        self.told("log").unwrap_or_else(|| panic!("no log: {self:?}"))
    }
}

/// What came of many children, for the line at the end of a test.
#[derive(Default)]
pub(crate) struct Counts(BTreeMap<String, usize>);

impl Counts {
    pub(crate) fn count(&mut self, what: impl Into<String>) {
        *self.0.entry(what.into()).or_default() += 1;
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all: Vec<_> = self.0.iter().map(|(what, count)| format!("{count} {what}")).collect();
        f.write_str(&all.join(", "))
    }
}
