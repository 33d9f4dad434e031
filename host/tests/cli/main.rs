//! The built command, run as a user runs it.

#[path = "../../../tests/kit/announces.rs"]
mod announces;
mod away;
mod bad_input;
mod components;
mod ending;
mod guests;
mod limits;
mod look;
mod modules;
mod mounts;
mod run;
mod serve;
#[path = "../../../tests/kit/serving.rs"]
mod serving;
mod sidecar;
mod signals;
mod stats;
mod sub_options;

use assert_cmd::Command;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A directory of one test, with the guests that it writes there.
struct Place(TempDir);

impl Place {
    fn new() -> Place {
        Place(tempfile::tempdir().expect("a directory"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file, and the directories that lead to it.
    fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        std::fs::write(&path, contents).expect("written");
        path
    }

    fn dir(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(&path).expect("made");
        path
    }

    /// The command, started in this directory.
    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wasi-gofer"));
        // Compiled guests are kept between tests, and nothing of the machine that runs them is read.
        let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
        command.current_dir(self.0.path());
        command.env_remove("RUST_LOG").env_remove("RUST_BACKTRACE");
        command.env("XDG_CACHE_HOME", tmp.join("cache")).env("XDG_CONFIG_HOME", tmp.join("config"));
        command
    }

    /// Runs the command with these words.
    fn run(&self, words: &[&str]) -> Done {
        self.command().args(words).output().expect("started").into()
    }
}

/// How the command ended.
#[derive(Debug)]
struct Done {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl From<std::process::Output> for Done {
    fn from(output: std::process::Output) -> Done {
        Done {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Done {
    /// Ended with this code and wrote this, and nothing else, on the standard output.
    #[track_caller]
    fn is(&self, code: i32, stdout: &str) -> &Done {
        assert_eq!((self.code, self.stdout.as_str()), (Some(code), stdout), "{self:?}");
        self
    }

    /// A failure of ours: 125, nothing on the standard output, and a message that says all of `needles`.
    #[track_caller]
    fn refuses(&self, needles: &[&str]) {
        assert_eq!((self.code, self.stdout.as_str()), (Some(125), ""), "{self:?}");
        self.says(needles);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
    }

    /// Wrote all of `needles` on the standard error stream.
    #[track_caller]
    fn says(&self, needles: &[&str]) -> &Done {
        for needle in needles {
            assert!(self.stderr.contains(needle), "no `{needle}` in: {}", self.stderr);
        }
        self
    }
}
