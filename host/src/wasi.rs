//! The part of WASI that is not about files: arguments, environment, standard streams, clocks, random numbers.

use anyhow::{Context as _, Result, bail};
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use wasmtime_cli_flags::CommonOptions;
use wasmtime_wasi::WasiCtxBuilder;

/// A `--env` option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EnvVar {
    name: String,
    value: Option<String>,
}

impl EnvVar {
    /// Reads `NAME=VALUE`, or `NAME` for the value of this process's own.
    pub(crate) fn parse(text: &str) -> Result<EnvVar> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        if name.is_empty() {
            bail!("a variable needs a name: NAME=VALUE, or NAME for this process's own");
        }
        Ok(EnvVar { name: name.to_owned(), value })
    }
}

/// The guest's arguments: `words` as they are, but for the first, of which the file name is left (a path of the host
/// is nothing to the guest) unless `argv0` stands in for it.
pub(crate) fn arguments(argv0: Option<&str>, words: &[OsString]) -> Result<Vec<String>> {
    let Some((module, rest)) = words.split_first() else { return Ok(Vec::new()) };
    let first = argv0.map_or_else(|| Path::new(module).file_name().unwrap_or(module), OsStr::new);
    std::iter::once(first).chain(rest.iter().map(OsString::as_os_str)).map(utf8).collect()
}

fn utf8(word: &OsStr) -> Result<String> {
    match word.to_str() {
        Some(word) => Ok(word.to_owned()),
        None => bail!("the guest's argument {word:?} is not UTF-8"),
    }
}

/// What the context of the guest is made of. It has no directories: those are the mounts'.
pub(crate) fn context(options: &CommonOptions, arguments: &[String], variables: &[EnvVar]) -> Result<WasiCtxBuilder> {
    let wasi = &options.wasi;
    let mut builder = WasiCtxBuilder::new();
    builder.args(arguments);
    // The guest is the only task of this process, so it may block the thread; with a timeout it may not, because a
    // thread that is blocked in a sleep or a read cannot be interrupted.
    builder.allow_blocking_current_thread(options.wasm.timeout.is_none());
    if wasi.inherit_stdin != Some(false) {
        builder.inherit_stdin();
    }
    if wasi.inherit_stdout != Some(false) {
        builder.inherit_stdout();
    }
    if wasi.inherit_stderr != Some(false) {
        builder.inherit_stderr();
    }
    builder.envs(&Environment::of(wasi.inherit_env == Some(true), variables)?.variables);
    set_network(&mut builder, wasi);
    if let Some(cwd) = &wasi.cwd {
        builder.initial_cwd(cwd);
    }
    if let Some(most) = wasi.max_random_size {
        builder.max_random_size(most);
    }
    Ok(builder)
}

/// The guest's environment: each name once, where it was first given, with the last value. `getenv` would find the first.
#[derive(Debug, Default)]
struct Environment {
    variables: Vec<(String, String)>,
    places: HashMap<String, usize>,
}

impl Environment {
    fn set(&mut self, name: &str, value: &str) {
        let place = self.places.get(name).and_then(|place| self.variables.get_mut(*place));
        if let Some((_, old)) = place {
            value.clone_into(old);
        } else {
            self.places.insert(name.to_owned(), self.variables.len());
            self.variables.push((name.to_owned(), value.to_owned()));
        }
    }

    /// What `-S inherit-env` and then `--env` say. As in wasmtime a name that is to be handed on and is not there
    /// changes nothing.
    fn of(inherit: bool, variables: &[EnvVar]) -> Result<Environment> {
        let mut environment = Environment::default();
        if inherit {
            for (name, value) in std::env::vars_os() {
                let what = || format!("the environment variable {name:?}, which `-S inherit-env` hands on");
                environment.set(utf8_variable(&name).with_context(what)?, utf8_variable(&value).with_context(what)?);
            }
        }
        for EnvVar { name, value } in variables {
            match (value, std::env::var_os(name)) {
                (Some(value), _) => environment.set(name, value),
                (None, Some(value)) => {
                    let what = || format!("the environment variable {name:?}, which `--env` hands on");
                    environment.set(name, utf8_variable(&value).with_context(what)?);
                }
                (None, None) => {}
            }
        }
        Ok(environment)
    }
}

fn utf8_variable(text: &OsStr) -> Result<&str> {
    text.to_str().context("it is not UTF-8")
}

fn set_network(builder: &mut WasiCtxBuilder, wasi: &wasmtime_cli_flags::WasiOptions) {
    if wasi.inherit_network == Some(true) {
        builder.inherit_network().allow_tcp(true).allow_udp(true);
    }
    if let Some(allow) = wasi.allow_ip_name_lookup {
        builder.allow_ip_name_lookup(allow);
    }
    if let Some(allow) = wasi.tcp {
        builder.allow_tcp(allow);
    }
    if let Some(allow) = wasi.udp {
        builder.allow_udp(allow);
    }
}

#[cfg(test)]
mod tests {
    use super::{EnvVar, arguments};

    #[test]
    fn arguments_start_with_the_file_name_or_argv0() {
        let words = ["/x/app.wasm".into(), "a".into(), "--b".into()];
        assert_eq!(arguments(None, &words).expect("UTF-8"), ["app.wasm", "a", "--b"]);
        assert_eq!(arguments(Some("/bin/sh"), &words).expect("UTF-8"), ["/bin/sh", "a", "--b"]);
        assert_eq!(arguments(None, &["-".into()]).expect("UTF-8"), ["-"]);
        assert_eq!(arguments(None, &["..".into()]).expect("UTF-8"), [".."]);
    }

    #[test]
    fn env_var_splits_at_the_first_equals_sign_and_needs_a_name() {
        let is =
            |name: &str, value: Option<&str>| EnvVar { name: name.to_owned(), value: value.map(ToOwned::to_owned) };
        assert_eq!(EnvVar::parse("A=b=c").expect("valid"), is("A", Some("b=c")));
        assert_eq!(EnvVar::parse("A=").expect("valid"), is("A", Some("")));
        assert_eq!(EnvVar::parse("A").expect("valid"), is("A", None));
        assert!(EnvVar::parse("=b").is_err() && EnvVar::parse("").is_err());
    }
}
