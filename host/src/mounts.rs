//! The mounts that the command line asks for.

use crate::mount_spec::{MountSpec, Remote, Server, Source, parse_dir, parse_mount};
use crate::{exit, rlimit};
use anyhow::{Result, bail};
use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{ArgMatches, Args, Command, FromArgMatches};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use wasi_gofer::abi::Errno;
use wasi_gofer::backend::directfs::FdBudget;
use wasi_gofer::backend::lisafs::{HardLisaFs, Program};
use wasi_gofer::sidecar;
use wasi_gofer::transport::Stream;
use wasi_gofer::{DirectFs, FsOptions, Gofer, LisaFs, MemoryFs, MountOptions, SharedBackend};

/// A memory mount holds one object for this many bytes of its size, since objects take memory beside their contents.
const BYTES_PER_OBJECT: u64 = 4096;
/// And never fewer than this many.
const OBJECTS_MIN: u64 = 1024;

/// Mount options as clap reads them: one list per option.
#[derive(Clone, Debug, clap::Args)]
struct RawMountArgs {
    /// Give the guest a host directory, as wasmtime does; with `::ro` the guest may change nothing in it
    ///
    /// HOST alone is seen by the guest under the same name. A file can be mounted too.
    #[arg(long = "dir", value_name = "HOST[::GUEST][::ro]",
        value_parser = OsStringValueParser::new().try_map(|text| parse_dir(&text)))]
    dirs: Vec<MountSpec>,

    /// Mount a directory, a file, a tree in memory or what a sidecar serves: `type=directfs|memory|lisafs,src=PATH,dst=/GUEST[,ro][,cache=POLICY]...`
    ///
    /// Policies: exclusive, writethrough, shared (the default), none. A value with a comma is put in quotes. All keys
    /// are in docs/CLI.md.
    #[arg(long = "mount", value_name = "KEY=VALUE,...",
        value_parser = OsStringValueParser::new().try_map(|text| parse_mount(&text)))]
    mounts: Vec<MountSpec>,

    /// Keep at most N control handles of host directories (default: a quarter of RLIMIT_NOFILE)
    #[arg(long, value_name = "N")]
    fds: Option<usize>,
}

/// Mount options in the order of the command line, which is the order of the guest's preopened descriptors.
#[derive(Clone, Debug)]
pub(crate) struct MountArgs {
    specs: Vec<MountSpec>,
    fds: Option<usize>,
}

impl Args for MountArgs {
    fn augment_args(command: Command) -> Command {
        RawMountArgs::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        RawMountArgs::augment_args_for_update(command)
    }
}

impl FromArgMatches for MountArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let places = |id| matches.indices_of(id).into_iter().flatten();
        let places: Vec<usize> = places("dirs").chain(places("mounts")).collect();
        let raw = RawMountArgs::from_arg_matches(matches)?;
        let mut specs: Vec<(usize, MountSpec)> =
            places.into_iter().zip(raw.dirs.into_iter().chain(raw.mounts)).collect();
        specs.sort_by_key(|(place, _)| *place);
        Ok(MountArgs { specs: specs.into_iter().map(|(_, spec)| spec).collect(), fds: raw.fds })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl MountArgs {
    /// Whether nothing is mounted.
    pub(crate) fn is_empty(&self) -> bool {
        self.specs.is_empty()
    }

    /// Opens every mount. Their caches hold so many bytes of file data together, where that is said.
    pub(crate) fn build(&self, page_cache_max: Option<usize>) -> Result<Gofer> {
        let open_files = rlimit::raise_open_files();
        let budget = match self.budget(open_files)? {
            Some(fds) => FdBudget::new(fds),
            None => FdBudget::process(),
        };
        let mut builder = Gofer::builder();
        if let Some(bytes) = page_cache_max {
            builder.page_cache_max(bytes);
        }
        let idle_handle_limit = idle_handle_limit(open_files, self.specs.len());
        for spec in &self.specs {
            let idle_handle_limit = spec.idle_handle_limit.unwrap_or(idle_handle_limit);
            let queue_after = queue_after(&spec.source);
            let fs = FsOptions { idle_handle_limit, queue_after, ..spec.fs.clone() };
            let options = MountOptions { read_only: spec.read_only, fs };
            match &spec.source {
                Source::Directfs(path) => builder.mount(&spec.dst, open(spec, path, &budget)?, options),
                Source::Lisafs(remote) => builder.mount(&spec.dst, connect(spec, remote)?, options),
                Source::Memory { limit: None } => builder.mount(&spec.dst, MemoryFs::new(), options),
                Source::Memory { limit: Some(limit) } => {
                    let objects = (*limit / BYTES_PER_OBJECT).max(OBJECTS_MIN);
                    builder.mount(&spec.dst, MemoryFs::new().max_bytes(*limit).max_inodes(objects), options)
                }
            };
        }
        Ok(builder.build()?)
    }

    /// How many control handles the process may hold, of `open_files` descriptors; `None` when nothing says it.
    fn budget(&self, open_files: Option<u64>) -> Result<Option<usize>> {
        let most = open_files.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
        let mut asked = self.fds.map(|fds| (fds, "--fds".to_owned()));
        for spec in &self.specs {
            let Some(fds) = spec.fds else { continue };
            let place = format!("`fds` of the mount {}", spec.dst);
            match &asked {
                Some((before, there)) if *before != fds => {
                    bail!("{there} says {before} and {place} says {fds}: the budget is one of the whole process");
                }
                _ => asked = Some((fds, place)),
            }
        }
        match asked {
            None => Ok(None),
            Some((0, place)) => bail!("{place} says 0: at least one control handle is needed"),
            Some((fds, place)) if fds > most => bail!("{place} says {fds}: RLIMIT_NOFILE allows {most} open files"),
            Some((fds, _)) => Ok(Some(fds)),
        }
    }
}

/// Fewest and most idle handles of a mount that names no limit.
const IDLE_HANDLES: std::ops::RangeInclusive<usize> = 16..=4_096;

/// The limit of idle handles of a mount that names none, one of `mounts`: together an eighth of the open files that the
/// process may have.
fn idle_handle_limit(open_files: Option<u64>, mounts: usize) -> usize {
    let share = open_files.map_or(u64::MAX, |limit| limit / 8) / (mounts.max(1) as u64);
    usize::try_from(share).unwrap_or(usize::MAX).clamp(*IDLE_HANDLES.start(), *IDLE_HANDLES.end())
}

/// How often a directory must be wanted to be watched before it is worth it, for a process that ends with its guest and
/// so waits for the end of the queue: 6 to 20 ms (Linux 6.18). Each time that a watch is wanted a question or two were
/// asked that it would have spared, of 0.5 to 0.9 us each to a directory and 2 us to a server. So when there is a queue the
/// guest has waited for answers about as long as it will wait for the queue's end: a short one has none, and none waits
/// for much more than twice as long as it had to.
fn queue_after(source: &Source) -> Option<u32> {
    match source {
        Source::Directfs(_) => Some(16_384),
        Source::Lisafs(_) => Some(4_096),
        Source::Memory { .. } => None,
    }
}

/// What the server of a mount serves; one that is not there yet is started.
fn connect(spec: &MountSpec, remote: &Remote) -> Result<SharedBackend> {
    let options = remote.options.clone();
    let server = match &remote.server {
        Server::Start { root, .. } => format!("a sidecar for `{}`", root.display()),
        Server::Socket(path) => format!("the server at `{}`", path.display()),
        Server::Fd(fd) => format!("the server at descriptor {fd}"),
    };
    let connected = match &remote.server {
        Server::Start { root, jail } => {
            // The command itself, also where the file that it was started from is another by now.
            let sidecar = Program::new("/proc/self/exe", root).before(["serve"]).jail(jail).read_only(spec.read_only);
            if remote.hard {
                HardLisaFs::start(sidecar, options).map(SharedBackend::new)
            } else {
                LisaFs::start(&sidecar, options).map(SharedBackend::new)
            }
        }
        Server::Socket(path) => {
            let path = path.clone();
            let wait = |path: &Path| match UnixStream::connect(path) {
                Ok(socket) => Ok(OwnedFd::from(socket)),
                Err(error) => Err(Errno::from_raw(error.raw_os_error().unwrap_or_default()).into()),
            };
            if remote.hard {
                // The start may wait for a server that is busy. Later on a guest's call has its own time.
                let is_first = AtomicBool::new(true);
                let connect = move || match is_first.swap(false, Ordering::Relaxed) {
                    true => wait(&path),
                    false => Ok(Stream::connect(&path)?),
                };
                HardLisaFs::connect(connect, options).map(SharedBackend::new)
            } else {
                wait(&path).and_then(|socket| LisaFs::connect(socket, options)).map(SharedBackend::new)
            }
        }
        Server::Fd(fd) => {
            sidecar::inherited(*fd).and_then(|socket| LisaFs::connect(socket, options)).map(SharedBackend::new)
        }
    };
    match connected {
        Ok(files) => Ok(files),
        Err(error) => bail!("mount at `{}`: {server}: {}", spec.dst, exit::describe(error)),
    }
}

/// The directory or file at `path`.
fn open(spec: &MountSpec, path: &Path, budget: &Arc<FdBudget>) -> Result<DirectFs> {
    match DirectFs::open_ambient(path) {
        Ok(files) => Ok(files.with_budget(Arc::clone(budget))),
        Err(error) => bail!("mount at `{}`: its source `{}`: {}", spec.dst, path.display(), exit::describe(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::{MountArgs, RawMountArgs};
    use clap::{Args, Command, FromArgMatches};

    fn parse(args: &[&str]) -> MountArgs {
        let command = RawMountArgs::augment_args(Command::new("x"));
        let matches = command.try_get_matches_from([&["x"], args].concat()).expect("parses");
        MountArgs::from_arg_matches(&matches).expect("parses")
    }

    #[test]
    fn specs_are_in_the_order_of_the_command_line() {
        let args =
            parse(&["--mount=type=memory,dst=/1", "--dir=.::/2", "--mount", "type=memory,dst=/3", "--dir=.::/4"]);
        let order: Vec<&str> = args.specs.iter().map(|spec| spec.dst.as_str()).collect();
        assert_eq!(order, ["/1", "/2", "/3", "/4"]);
        assert!(parse(&[]).is_empty());
    }

    #[test]
    fn budget_is_what_one_or_all_say() {
        assert_eq!(parse(&[]).budget(Some(4096)).expect("a budget"), None);
        assert_eq!(parse(&["--fds=7"]).budget(Some(4096)).expect("a budget"), Some(7));
        let both = ["--fds=7", "--mount=type=memory,dst=/a,fds=7", "--mount=type=memory,dst=/b"];
        assert_eq!(parse(&both).budget(None).expect("a budget"), Some(7));
    }

    #[test]
    fn budget_refuses_two_sayings_zero_and_too_much() {
        for (args, needle) in [
            (&["--fds=7", "--mount=type=memory,dst=/a,fds=8"][..], "--fds says 7 and `fds` of the mount /a says 8"),
            (&["--mount=type=memory,dst=/a,fds=1", "--mount=type=memory,dst=/b,fds=2"], "mount /a says 1"),
            (&["--fds=0"], "--fds says 0"),
            (&["--fds=5000"], "RLIMIT_NOFILE allows 4096"),
        ] {
            let message = parse(args).budget(Some(4096)).expect_err("refused").to_string();
            assert!(message.contains(needle), "{message}");
        }
    }
}
