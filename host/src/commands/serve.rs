//! `wasi-gofer serve`: the sidecar of a mount, as this command.

use crate::exit::say;
use crate::log::LogArgs;
use crate::mount_spec;
use anyhow::Result;
use clap::ValueEnum;
use std::path::PathBuf;
use std::time::Duration;
use wasi_gofer::sidecar::jail::JailMode;
use wasi_gofer::sidecar::{Config, Endpoint, HostUds, Limits, serve};

/// A protocol that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Protocol {
    /// gVisor's, between its sandbox and its gofer
    Lisafs,
}

/// Options of `serve`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ServeArgs {
    /// What clients speak
    #[arg(long, value_name = "PROTOCOL", default_value = "lisafs")]
    protocol: Protocol,

    /// The directory that is served
    #[arg(long, value_name = "DIR")]
    root: PathBuf,

    /// Serve those that connect to a socket made at PATH, with mode 0600; without it and `--fd`, the one socket that a
    /// service manager handed over
    #[arg(long, value_name = "PATH", conflicts_with = "fd")]
    socket: Option<PathBuf>,

    /// Serve the one client that is connected to the inherited descriptor N, and end with it
    #[arg(long, value_name = "N")]
    fd: Option<i32>,

    /// Refuse every change
    #[arg(long)]
    ro: bool,

    /// How much of a jail there must be: auto (what this machine permits), require (all of it, or an error), off
    #[arg(long, value_name = "MODE", default_value = "auto")]
    jail: JailMode,

    /// Serve extended attributes of users
    #[arg(long)]
    xattrs: bool,

    /// Unix sockets that clients get at: none, open (connect to those that are there), create (make some), all
    #[arg(long, value_name = "WHICH", default_value = "none")]
    host_uds: HostUds,

    /// Owner of what is made by a client that names none
    #[arg(long, value_name = "N")]
    uid: Option<u32>,

    /// Group of what is made by a client that names none
    #[arg(long, value_name = "N")]
    gid: Option<u32>,

    /// Take connections of this user too, beside the own one and root; may be repeated
    #[arg(long = "allow-uid", value_name = "N")]
    allow_uids: Vec<u32>,

    /// Connections at once
    #[arg(long, value_name = "N", default_value_t = Limits::default().connections)]
    connections: u32,

    /// Places in the tree that a connection may refer to at once
    #[arg(long, value_name = "N", default_value_t = Limits::default().controls)]
    controls: usize,

    /// Files that a connection may have open at once
    #[arg(long, value_name = "N", default_value_t = Limits::default().opens)]
    opens: usize,

    /// Descriptors that the process may have
    #[arg(long, value_name = "N", default_value_t = 65_536)]
    fds: u64,

    /// How long clients may take their last answers at a signal to end
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_drain)]
    drain: Duration,

    /// Be killed when the thread that started this ends
    #[arg(long)]
    die_with_parent: bool,

    /// Say nothing but what goes wrong; the rest is in the log (`--log info`)
    #[arg(long)]
    quiet: bool,

    #[command(flatten)]
    log: LogArgs,
}

fn parse_drain(text: &str) -> Result<Duration> {
    mount_spec::duration("--drain", text)
}

/// Serves until the client is gone or a signal asks for the end; both are the code 0.
pub(crate) fn execute(args: ServeArgs) -> Result<i32> {
    // It asks whether the error stream is a terminal, which the jail forbids.
    args.log.init();
    let endpoint = match (args.socket, args.fd) {
        (Some(path), _) => Endpoint::Socket(path),
        (None, Some(fd)) => Endpoint::Fd(fd),
        (None, None) => Endpoint::Activated,
    };
    let Protocol::Lisafs = args.protocol;
    let limits =
        Limits { connections: args.connections, controls: args.controls, opens: args.opens, ..Limits::default() };
    let config = Config {
        read_only: args.ro,
        xattrs: args.xattrs,
        host_uds: args.host_uds,
        uid: args.uid,
        gid: args.gid,
        jail: args.jail,
        limits,
        descriptors: args.fds,
        users: args.allow_uids,
        dies_with_parent: args.die_with_parent,
        drain: args.drain,
        ..Config::new(args.root, endpoint)
    };
    serve(&config, &mut |line| if args.quiet { tracing::info!("{line}") } else { say(line) })?;
    Ok(0)
}
