//! Exit codes, and messages on the standard error stream.

use std::fmt::Display;
use std::io::Write;
use std::time::Duration;
use wasi_gofer::Failure;
use wasi_gofer::abi::{Errno, Error};

/// Our own failures: the command line, a mount, a module that cannot be run. Docker's code for the same.
pub(crate) const OURS: i32 = 125;

/// The guest trapped: 128 + SIGABRT, as wasmtime on Unix.
pub(crate) const TRAP: i32 = 134;

/// The guest ended by an error that is neither an exit nor a trap, as wasmtime; and `ls`, `stat` or `cat` could not
/// look at a path.
pub(crate) const FAILED: i32 = 1;

/// Says `message` on the standard error stream. Nobody is left to hear it when that fails.
pub(crate) fn say(message: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "wasi-gofer: {message}");
}

/// The exit code of a command: its own, or 125 and a message.
pub(crate) fn code_of(result: anyhow::Result<i32>) -> i32 {
    match result {
        Ok(code) => code,
        Err(error) => {
            say(format_args!("{error:#}"));
            OURS
        }
    }
}

/// An error in words, with its number's name.
pub(crate) fn describe(error: Error) -> String {
    let errno = error.errno();
    let text = std::io::Error::from_raw_os_error(errno.raw()).to_string();
    let words = text.split(" (os error").next().unwrap_or(&text);
    format!("{words} ({errno})")
}

/// What to say of something that a guest wrote and that may be lost; `timeout` is how long the attempt was given.
pub(crate) fn lost(failure: &Failure, timeout: Duration) -> String {
    let reason = match failure.errno {
        Errno::Timedout => format!("not done within {timeout:?} (`--shutdown-timeout`)"),
        errno => describe(errno.into()),
    };
    let mount = &failure.mount;
    match &failure.path {
        Some(path) => format!("what the guest wrote to `{path}` may not have reached the mount at `{mount}`: {reason}"),
        None => format!("what the guest wrote may not have reached the mount at `{mount}`: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{describe, lost};
    use std::time::Duration;
    use wasi_gofer::Failure;
    use wasi_gofer::abi::Errno;

    #[test]
    fn describe_has_words_and_the_errno() {
        assert_eq!(describe(Errno::Noent.into()), "No such file or directory (ENOENT)");
    }

    #[test]
    fn lost_names_the_file_the_mount_and_the_reason() {
        let failure = |path: Option<&str>, errno| {
            let path = path.map(ToOwned::to_owned);
            lost(&Failure { mount: "/d".to_owned(), path, errno }, Duration::from_millis(250))
        };
        let message = failure(Some("a/b.txt"), Errno::Nospc);
        assert!(message.contains("`a/b.txt`") && message.contains("`/d`") && message.contains("ENOSPC"), "{message}");
        let message = failure(None, Errno::Timedout);
        assert!(message.contains("`/d`") && message.contains("within 250ms (`--shutdown-timeout`)"), "{message}");
    }
}
