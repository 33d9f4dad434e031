//! Steps into the jail, by name, and what came of them.

use crate::abi::Errno;
use rustix::io;
use std::fmt;
use std::str::FromStr;

/// How much of a jail a process has to have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JailMode {
    /// What this machine permits; the rest is told.
    #[default]
    Auto,
    /// All of it, or an error.
    Require,
    /// Nothing.
    Off,
}

impl FromStr for JailMode {
    type Err = String;

    fn from_str(word: &str) -> Result<JailMode, String> {
        match word {
            "auto" => Ok(JailMode::Auto),
            "require" => Ok(JailMode::Require),
            "off" => Ok(JailMode::Off),
            other => Err(format!("{other:?} is none of auto, require, off")),
        }
    }
}

impl fmt::Display for JailMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            JailMode::Auto => "auto",
            JailMode::Require => "require",
            JailMode::Off => "off",
        })
    }
}

/// A step into the jail that failed: `unshare the user namespace: EPERM`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepError {
    step: String,
    errno: Option<i32>,
}

impl StepError {
    pub(super) fn new(step: impl Into<String>, errno: io::Errno) -> StepError {
        StepError { step: step.into(), errno: Some(errno.raw_os_error()) }
    }

    /// One that no system call said.
    pub(super) fn refused(step: impl Into<String>) -> StepError {
        StepError { step: step.into(), errno: None }
    }

    /// What was to be done, in words.
    #[must_use]
    pub fn step(&self) -> &str {
        &self.step
    }

    /// The kernel's number, if it was the kernel that said no.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        self.errno
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.errno {
            None => f.write_str(&self.step),
            Some(raw) if Errno::from_raw(raw).raw() == raw => write!(f, "{}: {}", self.step, Errno::from_raw(raw)),
            Some(raw) => write!(f, "{}: errno {raw}", self.step),
        }
    }
}

impl std::error::Error for StepError {}

/// Names the step of a system call's error.
pub(super) trait Step<T> {
    fn step(self, step: &str) -> Result<T, StepError>;
}

impl<T> Step<T> for io::Result<T> {
    fn step(self, step: &str) -> Result<T, StepError> {
        self.map_err(|errno| StepError::new(step, errno))
    }
}

impl<T> Step<T> for std::io::Result<T> {
    fn step(self, step: &str) -> Result<T, StepError> {
        self.map_err(|error| StepError::new(step, io::Errno::from_io_error(&error).unwrap_or(io::Errno::IO)))
    }
}

/// What came of the steps so far.
#[derive(Debug)]
pub(super) struct Steps {
    pub(super) mode: JailMode,
    /// What is in force, in words.
    pub(super) held: Vec<String>,
    /// What is not, and why.
    pub(super) missing: Vec<StepError>,
}

impl Steps {
    pub(super) fn new(mode: JailMode) -> Steps {
        Steps { mode, held: Vec::new(), missing: Vec::new() }
    }

    pub(super) fn hold(&mut self, what: impl Into<String>) {
        self.held.push(what.into());
    }

    /// Takes a step's result: an error ends it all where everything is required, and is noted elsewhere.
    pub(super) fn attempt<T>(&mut self, result: Result<T, StepError>) -> Result<Option<T>, StepError> {
        match result {
            Ok(done) => Ok(Some(done)),
            Err(error) if self.mode == JailMode::Require => Err(error),
            Err(error) => {
                self.missing.push(error);
                Ok(None)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_of_a_step_names_it_and_the_errno() {
        let shown = |errno| StepError::new("unshare the user namespace", errno).to_string();
        assert_eq!(shown(io::Errno::PERM), "unshare the user namespace: EPERM");
        assert_eq!(shown(io::Errno::USERS), "unshare the user namespace: errno 87");
        assert_eq!(StepError::refused("there are 2 threads").to_string(), "there are 2 threads");
    }

    #[test]
    fn attempt_of_a_failed_step_ends_it_where_all_is_required_and_is_noted_elsewhere() {
        let failed = || Err::<(), _>(StepError::new("pivot", io::Errno::INVAL));
        assert!(Steps::new(JailMode::Require).attempt(failed()).is_err());
        let mut steps = Steps::new(JailMode::Auto);
        assert_eq!(steps.attempt(failed()), Ok(None));
        assert_eq!(steps.missing.len(), 1);
    }

    #[test]
    fn mode_of_its_own_words_is_the_mode() {
        for mode in [JailMode::Auto, JailMode::Require, JailMode::Off] {
            assert_eq!(mode.to_string().parse(), Ok(mode));
        }
        assert!("on".parse::<JailMode>().is_err());
    }
}
