//! What a program that serves is told.

use super::export::Limits;
use super::host_uds::HostUds;
use super::jail::JailMode;
use std::fmt;
use std::os::fd::RawFd;
use std::path::PathBuf;
use std::time::Duration;

/// Where clients come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// One client, connected by a socket that this process inherited under this number. With its end the program ends.
    Fd(RawFd),
    /// Those that connect to a socket which is made at this path, with mode 0600.
    Socket(PathBuf),
    /// Those that connect to the one socket that a service manager handed over (`LISTEN_FDS`, `LISTEN_PID`).
    Activated,
}

/// What [`super::serve`] serves, to whom, and in what jail.
#[derive(Clone, Debug)]
pub struct Config {
    /// The directory. Symbolic links on the way to it are followed, this once.
    pub root: PathBuf,
    /// Where clients come from.
    pub endpoint: Endpoint,
    /// Whether every change is refused.
    pub read_only: bool,
    /// Whether extended attributes of users are served.
    pub xattrs: bool,
    /// Which unix sockets clients get at.
    pub host_uds: HostUds,
    /// Owner of what is made by a client that names none.
    pub uid: Option<u32>,
    /// Group of what is made by a client that names none.
    pub gid: Option<u32>,
    /// How much of the jail there must be.
    pub jail: JailMode,
    /// How much clients may take.
    pub limits: Limits,
    /// How many descriptors the process may have; never more than its hard limit.
    pub descriptors: u64,
    /// Users that may connect, beside the one who serves and root.
    pub users: Vec<u32>,
    /// Whether this process is killed when the thread that started it ends.
    pub dies_with_parent: bool,
    /// How long clients may take their last answers when the process is asked to end.
    pub drain: Duration,
}

impl Config {
    /// A directory for clients of an endpoint, with everything else as it is unless somebody says otherwise: writable, no
    /// extended attributes or sockets, the jail as far as this machine permits, 65,536 descriptors, a drain of 10 s.
    #[must_use]
    pub fn new(root: PathBuf, endpoint: Endpoint) -> Config {
        Config {
            root,
            endpoint,
            read_only: false,
            xattrs: false,
            host_uds: HostUds::None,
            uid: None,
            gid: None,
            jail: JailMode::Auto,
            limits: Limits::default(),
            descriptors: 65_536,
            users: Vec::new(),
            dies_with_parent: false,
            drain: Duration::from_secs(10),
        }
    }
}

/// Why a program does not serve, or serves no more: the option that it is about, and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServeError {
    option: &'static str,
    what: String,
}

impl ServeError {
    pub(super) fn new(option: &'static str, what: impl fmt::Display) -> ServeError {
        ServeError { option, what: what.to_string() }
    }

    /// The option, as both programs call it.
    #[must_use]
    pub fn option(&self) -> &'static str {
        self.option
    }
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.option, self.what)
    }
}

impl std::error::Error for ServeError {}
