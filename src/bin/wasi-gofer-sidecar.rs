//! Serves one directory over a connection, from a jail. The small program: no runtime, no command line beyond this.
//!
//! ```text
//! wasi-gofer-sidecar --root DIR (--fd N | --socket PATH) [OPTION]...
//! ```
//!
//! `docs/CLI.md` has the options; `wasi-gofer serve` has the same.

#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use wasi_gofer::sidecar::{Config, Endpoint, serve};

const USAGE: &str = "\
wasi-gofer-sidecar --root DIR (--fd N | --socket PATH) [OPTION]...

Serve a directory to clients that speak lisafs, from a jail.

      --root DIR          The directory
      --fd N              Serve the one client that is connected to the inherited descriptor N
      --socket PATH       Serve those that connect to a socket made at PATH; without either, the one socket that a
                          service manager handed over
      --ro                Refuse every change
      --jail MODE         auto (what this machine permits), require (all of it, or an error), off [default: auto]
      --xattrs            Serve extended attributes of users
      --host-uds WHICH    Sockets that clients get at: none, open (connect to those that are there), create (make some),
                          all [default: none]
      --uid N, --gid N    Owner and group of what is made by a client that names none
      --allow-uid N       Take connections of this user too, beside the own one and root; may be repeated
      --connections N     Connections at once [default: 16]
      --controls N        Places in the tree that a connection may refer to at once [default: 65536]
      --opens N           Files that a connection may have open at once [default: 65536]
      --fds N             Descriptors that the process may have [default: 65536]
      --drain SECONDS     How long clients may take their last answers at a signal to end [default: 10]
      --die-with-parent   Be killed when the thread that started this ends
      --quiet             Say nothing but what goes wrong
      --version           Say which version this is
      --help              Say this
";

/// What the command line asks for.
enum Asked {
    Serve(Config, bool),
    Say(String),
}

fn main() -> ExitCode {
    match parse(std::env::args_os().skip(1)) {
        Ok(Asked::Serve(config, quiet)) => match serve(&config, &mut |line| {
            if !quiet {
                say(line);
            }
        }) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error.to_string()),
        },
        Ok(Asked::Say(text)) => {
            // Nobody is left to hear it when that fails.
            let _ = std::io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(error) => fail(&error),
    }
}

fn say(line: &str) {
    // A log that nobody reads any more stops nobody from being served.
    let _ = writeln!(std::io::stderr(), "wasi-gofer-sidecar: {line}");
}

fn fail(error: &str) -> ExitCode {
    say(error);
    // As `wasi-gofer`: its own failures.
    ExitCode::from(125)
}

fn parse(mut arguments: impl Iterator<Item = OsString>) -> Result<Asked, String> {
    let (mut root, mut endpoint, mut quiet) = (None, None, false);
    // The two are put in when all is read.
    let mut config = Config::new(PathBuf::new(), Endpoint::Activated);
    while let Some(argument) = arguments.next() {
        let (option, attached) = split(&argument);
        let mut value = || match &attached {
            Some(value) => Ok(value.clone()),
            None => arguments.next().ok_or_else(|| format!("`{option}` needs a value")),
        };
        match option.as_str() {
            "--help" => return Ok(Asked::Say(USAGE.to_owned())),
            "--version" => return Ok(Asked::Say(format!("wasi-gofer-sidecar {}\n", env!("CARGO_PKG_VERSION")))),
            "--root" => root = Some(PathBuf::from(value()?)),
            "--fd" | "--socket" if endpoint.is_some() => {
                return Err("`--fd` and `--socket`: one of them is given, once".to_owned());
            }
            "--fd" => endpoint = Some(Endpoint::Fd(number(&option, &value()?)?)),
            "--socket" => endpoint = Some(Endpoint::Socket(value()?.into())),
            "--jail" => {
                config.jail = word(&option, &value()?)?.parse().map_err(|error| format!("`--jail`: {error}"))?
            }
            "--host-uds" => {
                config.host_uds = word(&option, &value()?)?.parse().map_err(|error| format!("`--host-uds`: {error}"))?
            }
            "--uid" => config.uid = Some(number(&option, &value()?)?),
            "--gid" => config.gid = Some(number(&option, &value()?)?),
            "--allow-uid" => config.users.push(number(&option, &value()?)?),
            "--connections" => config.limits.connections = number(&option, &value()?)?,
            "--controls" => config.limits.controls = number(&option, &value()?)?,
            "--opens" => config.limits.opens = number(&option, &value()?)?,
            "--fds" => config.descriptors = number(&option, &value()?)?,
            "--drain" => config.drain = Duration::from_secs(number(&option, &value()?)?),
            "--ro" | "--xattrs" | "--die-with-parent" | "--quiet" if attached.is_some() => {
                return Err(format!("`{option}` takes no value"));
            }
            "--quiet" => quiet = true,
            "--ro" => config.read_only = true,
            "--xattrs" => config.xattrs = true,
            "--die-with-parent" => config.dies_with_parent = true,
            _ => return Err(format!("`{}` is no option; `--help` says which there are", argument.display())),
        }
    }
    config.root = root.ok_or("`--root` is needed")?;
    config.endpoint = endpoint.unwrap_or(Endpoint::Activated);
    Ok(Asked::Serve(config, quiet))
}

/// An argument as an option and the value behind its `=`.
fn split(argument: &OsStr) -> (String, Option<OsString>) {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let bytes = argument.as_bytes();
    let (option, value) = match bytes.iter().position(|byte| *byte == b'=') {
        Some(at) => (bytes.get(..at), bytes.get(at.saturating_add(1)..)),
        None => (Some(bytes), None),
    };
    let option = String::from_utf8_lossy(option.unwrap_or_default()).into_owned();
    (option, value.map(|value| OsString::from_vec(value.to_vec())))
}

fn word(option: &str, value: &OsStr) -> Result<String, String> {
    value.to_str().map(str::to_owned).ok_or_else(|| format!("`{option}`: `{}` is no word", value.display()))
}

fn number<T: std::str::FromStr>(option: &str, value: &OsStr) -> Result<T, String> {
    let bad = || format!("`{option}`: `{}` is no such number", value.display());
    word(option, value)?.parse().map_err(|_| bad())
}
