//! A program that serves: from its start to its end.

use super::config::{Config, ServeError};
use super::endpoint::{self, Socket};
use super::export::Export;
use super::jail::{Jail, JailMode, close_inherited, hold_signals};
use super::server::Server;
use crate::abi::Error;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Resource, Rlimit, geteuid, getrlimit, setrlimit, umask};

/// Serves as `config` says, until the one client is gone, or a signal asks this process to end (`SIGTERM`, `SIGINT`,
/// `SIGHUP`): what clients have asked by then is answered. `say` gets the lines of a log.
///
/// To be called by the first thread of a process that has done nothing yet: descriptors are taken over by their numbers,
/// others that came over the `exec` are closed, the umask is cleared, and the jail demands that there is one thread. What
/// returns may be a child of the process that called; see [`super::jail`]. The process is to end then.
pub fn serve(config: &Config, say: &mut dyn FnMut(&str)) -> Result<(), ServeError> {
    // All that the jail forbids comes before it: paths, numbers of descriptors, limits, the umask.
    let inherited = endpoint::inherited_by(&config.endpoint)?;
    close_inherited(&[]).map_err(|error| ServeError::new("--jail", error))?;
    hold_signals().map_err(|error| ServeError::new("--jail", error))?;
    raise_descriptors();
    let root = open_root(config)?;
    let socket = endpoint::open(&config.endpoint, inherited)?;
    umask(Mode::empty());
    let users: Vec<u32> = config.users.iter().copied().chain([0, geteuid().as_raw()]).collect();
    if matches!(socket, Socket::Listener(_)) {
        endpoint::tell_ready()?;
    }
    let jail = Jail::new(root, config.read_only, config.jail)
        .keep(socket.as_fd())
        .threads(config.limits.threads())
        .descriptors(config.descriptors)
        .listens(matches!(socket, Socket::Listener(_)))
        .xattrs(config.xattrs)
        .host_uds(config.host_uds)
        .dies_with_parent(config.dies_with_parent);
    if config.jail == JailMode::Off {
        limit_descriptors(config.descriptors);
    }
    let inside = jail.enter().map_err(|error| ServeError::new("--jail", error))?;
    say(&format!("{inside}"));
    let (root, stop) = inside.into_descriptors();
    let failed = |error: Error| ServeError::new("--root", error.errno());
    let export = Export::new(root).map_err(failed)?.read_only(config.read_only).xattrs(config.xattrs);
    let export = export.host_uds(config.host_uds);
    let server = Server::lisafs(export.owner(config.uid, config.gid).limits(config.limits)).map_err(failed)?;
    let served = match socket {
        Socket::Connection(stream) => server.run_one(stream, stop.as_fd(), config.drain),
        Socket::Listener(listener) => server.run(listener.as_fd(), &users, stop.as_fd(), config.drain),
    };
    served.map_err(|error| ServeError::new("--socket or --fd", error.errno()))
}

fn open_root(config: &Config) -> Result<OwnedFd, ServeError> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = open(&config.root, flags, Mode::empty());
    opened.map_err(|errno| ServeError::new("--root", format!("{}: {errno}", config.root.display())))
}

/// Best effort: with fewer descriptors fewer files can be open.
fn raise_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

/// What the jail does with the limit, where there is none.
fn limit_descriptors(most: u64) {
    let limit = getrlimit(Resource::Nofile);
    let current = Some(limit.current.map_or(most, |current| current.min(most)));
    let _ = setrlimit(Resource::Nofile, Rlimit { current, maximum: limit.maximum });
}
