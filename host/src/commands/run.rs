//! `wasi-gofer run`.

use crate::component::ComponentGuest;
use crate::ending::Ending;
use crate::engine::Program;
use crate::guest::{Ended, Frame, Guest};
use crate::invoke::Call;
use crate::log::LogArgs;
use crate::module::ModuleGuest;
use crate::mount_spec;
use crate::mounts::MountArgs;
use crate::stats::Sink;
use crate::wasi::EnvVar;
use crate::{engine, exit, options, signals, wasi};
use anyhow::{Context as _, Result, bail};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use wasi_gofer::GoferCtx;
use wasmtime_cli_flags::CommonOptions;
use wasmtime_wasi::WasiCtxBuilder;

/// Options of `run`.
#[derive(clap::Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    common: CommonOptions,

    #[command(flatten)]
    mounts: MountArgs,

    /// Set a variable of the guest's environment; NAME alone hands on this process's own
    #[arg(long = "env", value_name = "NAME[=VALUE]", value_parser = EnvVar::parse)]
    variables: Vec<EnvVar>,

    /// The guest's first argument, in place of the module's file name
    #[arg(long, value_name = "NAME")]
    argv0: Option<String>,

    /// Call this export in place of `_start`; the arguments are its own, and its results are printed
    #[arg(long, value_name = "FUNCTION")]
    invoke: Option<String>,

    /// Instantiate this module first and let the main module import its exports under NAME
    #[arg(long = "preload", value_name = "NAME=MODULE", value_parser = parse_preload)]
    preloads: Vec<(String, PathBuf)>,

    /// Also run modules that `wasmtime compile` made; they are machine code that nothing checks
    #[arg(long)]
    allow_precompiled: bool,

    // Known so that it is refused by name.
    #[arg(long, hide = true, value_name = "STRATEGY")]
    profile: Option<String>,

    /// Write what each mount counted as JSON at exit, to FILE or to the standard error stream
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    stats: Option<Option<PathBuf>>,

    /// Give up after this long to bring out what the guest wrote, when it has ended or a signal ends it
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_shutdown_timeout)]
    shutdown_timeout: Duration,

    /// Keep at most SIZE bytes of file data in the caches of all mounts together
    #[arg(long, value_name = "SIZE", default_value = "256m", value_parser = parse_pagecache_max)]
    pagecache_max: usize,

    #[command(flatten)]
    log: LogArgs,

    /// The module to run (`-`: the standard input) and the guest's arguments
    #[arg(value_name = "MODULE", trailing_var_arg = true, required = true)]
    module_and_args: Vec<OsString>,
}

fn parse_shutdown_timeout(text: &str) -> Result<Duration> {
    mount_spec::duration("--shutdown-timeout", text)
}

/// The least of `--pagecache-max`: less is no cache, which `pagecache=0` of each mount says better.
const PAGECACHE_MAX_LEAST: usize = 1 << 20;

fn parse_pagecache_max(text: &str) -> Result<usize> {
    let bytes = mount_spec::memory_size("--pagecache-max", text)?;
    if bytes < PAGECACHE_MAX_LEAST {
        bail!("bad value `{text}` for `--pagecache-max`: 1m at least (`pagecache=0` turns a mount's off)");
    }
    Ok(bytes)
}

fn parse_preload(text: &str) -> Result<(String, PathBuf)> {
    match text.split_once('=') {
        Some((_, "")) | None => bail!("NAME=MODULE is needed"),
        Some((name, path)) => Ok((name.to_owned(), path.into())),
    }
}

/// Runs the guest. Everything that can be refused is refused before its first instruction.
pub(crate) fn execute(mut args: RunArgs) -> Result<i32> {
    options::settle(&mut args.common)?;
    if let Some(strategy) = &args.profile {
        bail!("`--profile {strategy}` is refused: this build has no profiler");
    }
    if args.common.debug.logging != Some(false) {
        args.log.init();
    }
    let arguments = wasi::arguments(args.argv0.as_deref(), &args.module_and_args)?;
    let context = wasi::context(&args.common, &arguments, &args.variables)?;
    let gofer = args.mounts.build(Some(args.pagecache_max))?;
    let (stats, timeout) = (args.stats.take(), args.shutdown_timeout);
    let name = args.module_and_args.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let guest = load(&mut args, &name)?;
    let sink = stats.map(|file| Sink::open(file.as_deref())).transpose()?;
    let files = gofer.ctx();
    let ending = Arc::new(Ending::new(gofer, sink, timeout));
    signals::watch(&ending)?;
    let ended = guest.run(context, files);
    if !ending.claim() {
        // A signal came first, and ends the process.
        loop {
            thread::park();
        }
    }
    let Ended { code, word } = ended?;
    drop(guest);
    // A failure takes the place of the guest's success alone.
    Ok(if !ending.conclude(word) && code == 0 { exit::OURS } else { code })
}

/// What runs.
enum Loaded<'a> {
    Module(ModuleGuest<'a>),
    Component(ComponentGuest<'a>),
}

impl Loaded<'_> {
    fn run(&self, builder: WasiCtxBuilder, files: GoferCtx) -> Result<Ended> {
        match self {
            Loaded::Module(guest) => guest.run(builder, files),
            Loaded::Component(guest) => guest.run(builder, files),
        }
    }
}

/// Makes the guest ready to run.
fn load<'a>(args: &'a mut RunArgs, name: &'a str) -> Result<Loaded<'a>> {
    let engine = engine::new(&mut args.common)?;
    let (program, words) = args.module_and_args.split_first().context("no module")?;
    match engine::load(&engine, program, args.allow_precompiled)? {
        Program::Module(module) => {
            options::check_module(&args.common)?;
            let call = Call::of(&module, args.invoke.as_deref(), words)?;
            let preloads = args.preloads.iter().map(|(name, path)| {
                let preload = engine::load_module(&engine, path.as_os_str(), args.allow_precompiled);
                let preload = preload.map_err(|error| error.context(format!("--preload {name}")))?;
                Ok((name.clone(), preload))
            });
            let preloads = preloads.collect::<Result<_>>()?;
            let frame = Frame { options: &args.common, engine, name };
            Ok(Loaded::Module(ModuleGuest { frame, module, preloads, call }))
        }
        Program::Component(component) => {
            options::check_component(&args.common)?;
            if args.invoke.is_some() || !args.preloads.is_empty() {
                let option = if args.invoke.is_some() { "--invoke" } else { "--preload" };
                bail!("`{option}` is refused: `{name}` is a component, and it works on exports of core modules");
            }
            Ok(Loaded::Component(ComponentGuest { frame: Frame { options: &args.common, engine, name }, component }))
        }
    }
}
