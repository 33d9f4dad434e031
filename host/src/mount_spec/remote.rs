//! The keys of mounts that reach files over a connection.

use super::{Source, path};
use anyhow::{Result, bail};
use std::path::PathBuf;
use std::time::Duration;
use wasi_gofer::LisaFsOptions;

/// A mount over a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remote {
    /// Where the server is.
    pub(crate) server: Server,
    /// How the connection is used.
    pub(crate) options: LisaFsOptions,
    /// Whether calls wait for a server that is gone.
    pub(crate) hard: bool,
}

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    /// It is started, to serve this directory, with so much of a jail.
    Start { root: PathBuf, jail: &'static str },
    /// It listens on the socket at this path.
    Socket(PathBuf),
    /// It is connected to this inherited descriptor.
    Fd(i32),
}

/// What was given of the keys; `None` for what was not.
#[derive(Debug, Default)]
pub(super) struct RemoteKeys {
    pub(super) socket: Option<PathBuf>,
    pub(super) fd: Option<i32>,
    pub(super) jail: Option<&'static str>,
    pub(super) timeout: Option<Duration>,
    pub(super) hard: Option<bool>,
    pub(super) soft: Option<bool>,
    pub(super) host_fds: Option<bool>,
}

impl RemoteKeys {
    /// Refuses what was given, for a mount without a connection.
    pub(super) fn refuse(&self) -> Result<()> {
        let given = [
            ("socket", self.socket.is_some()),
            ("fd", self.fd.is_some()),
            ("jail", self.jail.is_some()),
            ("timeout", self.timeout.is_some()),
            ("hard", self.hard.is_some()),
            ("soft", self.soft.is_some()),
            ("host_fds", self.host_fds.is_some()),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            Some((key, _)) => bail!("`{key}` belongs to type=lisafs: nothing else has a server"),
            None => Ok(()),
        }
    }

    /// The mount that was asked for, whose `src` is `root`.
    pub(super) fn settle(self, root: Option<PathBuf>) -> Result<Source> {
        let server = match (root, self.socket, self.fd) {
            (Some(root), None, None) => Server::Start { root, jail: self.jail.unwrap_or("auto") },
            (None, Some(socket), None) => Server::Socket(socket),
            (None, None, Some(fd)) => Server::Fd(fd),
            (None, None, None) => bail!(
                "no `src`: the directory that a sidecar is started for (or `socket` or `fd`, where a server is there \
                 already)"
            ),
            _ => bail!("more than one of `src`, `socket` and `fd`: each says where the server is"),
        };
        if let (Some(jail), false) = (self.jail, matches!(server, Server::Start { .. })) {
            bail!(
                "`jail={jail}` is for a sidecar that is started for `src`: a server that is there has the one it has"
            );
        }
        let hard = match (self.hard, self.soft) {
            (Some(true), Some(true)) => bail!("both `hard` and `soft`"),
            (Some(false), Some(false)) => bail!("neither `hard` nor `soft`"),
            (Some(hard), _) => hard,
            (None, soft) => soft == Some(false),
        };
        let defaults = LisaFsOptions::default();
        let options = LisaFsOptions {
            timeout: self.timeout.unwrap_or(defaults.timeout),
            host_fds: self.host_fds.unwrap_or(defaults.host_fds),
            ..defaults
        };
        if hard && let Server::Fd(fd) = server {
            bail!("`hard` needs a server that can be connected to again, which `fd={fd}` is not");
        }
        Ok(Source::Lisafs(Remote { server, options, hard }))
    }
}

/// The path of a socket.
pub(super) fn socket(bytes: &[u8]) -> Result<PathBuf> {
    if bytes.is_empty() {
        bail!("bad value `` for `socket`: the path of a socket");
    }
    Ok(path(bytes))
}

/// A mode of the jail.
pub(super) fn jail(text: &str) -> Result<&'static str> {
    match ["auto", "require", "off"].into_iter().find(|mode| *mode == text) {
        Some(mode) => Ok(mode),
        None => bail!("bad value `{text}` for `jail`: auto, require or off"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Remote, Server};
    use crate::mount_spec::{Source, parse_mount};
    use std::ffi::OsStr;
    use std::time::Duration;
    use wasi_gofer::LisaFsOptions;

    fn remote(text: &str) -> Remote {
        let text = format!("type=lisafs,dst=/t,{text}");
        let spec = parse_mount(OsStr::new(&text)).unwrap_or_else(|error| panic!("{text}: {error}"));
        let Source::Lisafs(remote) = spec.source else { panic!("another type") };
        remote
    }

    #[test]
    fn mount_of_lisafs_says_where_its_server_is() {
        for (text, server) in [
            ("src=/s", Server::Start { root: "/s".into(), jail: "auto" }),
            ("src=/s,jail=require", Server::Start { root: "/s".into(), jail: "require" }),
            ("socket=/run/x", Server::Socket("/run/x".into())),
            ("fd=7", Server::Fd(7)),
        ] {
            assert_eq!(remote(text), Remote { server, options: LisaFsOptions::default(), hard: false }, "{text}");
        }
    }

    #[test]
    fn mount_of_lisafs_has_every_option() {
        let options =
            LisaFsOptions { timeout: Duration::from_millis(250), host_fds: false, ..LisaFsOptions::default() };
        let found = remote("src=/s,timeout=250ms,hard,host_fds=off");
        assert_eq!((found.options, found.hard), (options, true));
        assert!(!remote("src=/s,soft").hard);
        assert!(remote("src=/s,soft=off").hard);
    }

    #[test]
    fn mount_of_lisafs_refuses_what_does_not_fit_together() {
        for (text, needle) in [
            ("type=lisafs", "no `src`"),
            ("type=lisafs,src=", "for `src`"),
            ("type=lisafs,src=/s,socket=/x", "more than one of `src`, `socket` and `fd`"),
            ("type=lisafs,socket=/x,fd=3", "more than one"),
            ("type=lisafs,socket=", "for `socket`"),
            ("type=lisafs,fd=-1", "for `fd`"),
            ("type=lisafs,fd=x", "for `fd`"),
            ("type=lisafs,socket=/x,jail=auto", "`jail=auto` is for a sidecar that is started"),
            ("type=lisafs,src=/s,jail=on", "`on` for `jail`"),
            ("type=lisafs,src=/s,hard,soft", "both `hard` and `soft`"),
            ("type=lisafs,fd=7,hard", "`fd=7` is not"),
            ("type=lisafs,src=/s,hard=off,soft=off", "neither"),
            ("type=lisafs,src=/s,timeout=0", "10ms to 1h"),
            ("type=lisafs,src=/s,size=1m", "`size` belongs to type=memory"),
            ("src=/s,socket=/x", "`socket` belongs to type=lisafs"),
            ("type=memory,hard", "`hard` belongs to type=lisafs"),
        ] {
            let message = parse_mount(OsStr::new(&format!("{text},dst=/t"))).expect_err(text).to_string();
            assert!(message.contains(needle), "{text}: {message}");
        }
    }
}
