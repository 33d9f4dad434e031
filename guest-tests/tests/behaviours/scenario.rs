//! A way to run a behaviour, and what is checked behind it.

use crate::guest::{Behaviour, FEW, Guest, Program, Setting};
use crate::harness::ours::{self, Linking};
use crate::harness::{self, Invocation, Outcome, Tree};
use crate::place::Place;
use crate::registry::Leaves;
use crate::runsc::Runsc;
use crate::stock;
use anyhow::{Context, Result, anyhow, bail, ensure};
use std::fmt;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use wasi_gofer::backend::faulty::Faulty;
use wasi_gofer::sidecar::{Export, Server};
use wasi_gofer::transport::Stream;
use wasi_gofer::{CachePolicy, FsOptions, Gofer, LisaFs, LisaFsOptions, MemoryFs, MountOptions, SharedBackend};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Backend {
    Directfs,
    Memory,
    /// A directory of the host, through our own server.
    Lisafs,
    /// A directory of the host, through gVisor's gofer.
    Gvisor,
    /// That in memory, which answers no call that may not wait.
    Waiting,
    /// That in memory, of which one transfer moves [`SHORT`] bytes at most.
    Short,
}

impl Backend {
    /// Whether a directory of the host is what is mounted.
    fn is_of_host(self) -> bool {
        matches!(self, Backend::Directfs | Backend::Lisafs | Backend::Gvisor)
    }

    /// A server of a directory, and the socket that it serves.
    fn serve(self, root: &Path) -> Result<(Served, OwnedFd)> {
        if self == Backend::Gvisor {
            let started = Runsc::start_over("a behaviour", Some(root), &["--host-uds=all", "--host-fifo=open"]);
            let (server, socket) = started.context("runsc went away")?;
            return Ok((Served::Gvisor(server), socket.into()));
        }
        let server = Server::lisafs(Export::open_ambient(root)?)?;
        let (ours, theirs) = UnixStream::pair()?;
        server.serve(Stream::new(theirs.into())?)?;
        Ok((Served::Own(server), ours.into()))
    }
}

/// Who serves a mount.
#[allow(dead_code, reason = "kept for as long as the mount")]
enum Served {
    Own(Server),
    Gvisor(Runsc),
}

/// What a guest gets. The filesystem goes first: with it the connections end, and with those the servers.
struct Mounts {
    gofer: Gofer,
    _servers: Vec<Served>,
}

/// Divides nothing that guests use.
const SHORT: usize = 777;

/// A guest, how it is linked, a backend and a policy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    guest: Guest,
    linking: Linking,
    backend: Backend,
    policy: CachePolicy,
    /// Whether the cache is so small that hardly anything stays in it.
    tiny: bool,
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let linking = match self.linking {
            linking if linking == self.guest.linking() => "",
            Linking::Sync => "-sync",
            Linking::Async => "-async",
            Linking::HandOver => "-handover",
        };
        let backend = match self.backend {
            Backend::Directfs => "directfs",
            Backend::Memory => "memory",
            Backend::Lisafs => "lisafs",
            Backend::Gvisor => "gvisor",
            Backend::Waiting => "waiting",
            Backend::Short => "short",
        };
        write!(f, "{}{linking}/{backend}{}/{}", self.guest, if self.tiny { "-tiny" } else { "" }, self.policy)
    }
}

impl Scenario {
    pub(crate) fn all() -> Vec<Scenario> {
        let mut all = Vec::new();
        for guest in Guest::ALL {
            for backend in [Backend::Directfs, Backend::Memory, Backend::Lisafs] {
                for policy in CachePolicy::ALL {
                    all.push(Scenario { backend, ..Scenario::directfs(guest, policy) });
                }
            }
        }
        for guest in [Guest::P1, Guest::P2, Guest::P3] {
            for policy in [CachePolicy::Exclusive, CachePolicy::Shared] {
                all.push(Scenario { backend: Backend::Gvisor, ..Scenario::directfs(guest, policy) });
            }
        }
        // The adapter is linked as the others are.
        for guest in [Guest::P1, Guest::P2, Guest::P3] {
            let directfs = Scenario::directfs(guest, CachePolicy::Shared);
            if guest.linking() == Linking::Sync {
                all.push(Scenario { linking: Linking::Async, ..directfs });
            }
            all.push(Scenario { tiny: true, ..directfs });
            all.push(Scenario { tiny: true, ..Scenario::directfs(guest, CachePolicy::Exclusive) });
        }
        for guest in [Guest::P2, Guest::P3] {
            for policy in [CachePolicy::Exclusive, CachePolicy::Shared] {
                let directfs = Scenario::directfs(guest, policy);
                all.push(Scenario { linking: Linking::HandOver, backend: Backend::Waiting, ..directfs });
                all.push(Scenario { backend: Backend::Short, ..directfs });
            }
        }
        all
    }

    /// A directory of the host, and the host functions that the guest is linked with where nothing else is said.
    pub(crate) fn directfs(guest: Guest, policy: CachePolicy) -> Scenario {
        Scenario { guest, linking: guest.linking(), backend: Backend::Directfs, policy, tiny: false }
    }

    /// Whether it needs gVisor's gofer.
    pub(crate) fn needs_gvisor(self) -> bool {
        self.backend == Backend::Gvisor
    }

    /// What is run: settings of more mounts than one are directories of the host.
    pub(crate) fn behaviours(self) -> impl Iterator<Item = Behaviour> {
        let host = self.backend.is_of_host();
        self.guest.behaviours().filter(move |behaviour| match behaviour.setting {
            Setting::Root | Setting::Few => true,
            Setting::Mounts => host,
        })
    }

    /// The storage of those that are no directory of the host.
    fn memory(&self) -> SharedBackend {
        let faulty = Faulty::new(MemoryFs::new());
        match self.backend {
            Backend::Directfs | Backend::Lisafs | Backend::Gvisor | Backend::Memory => {
                return SharedBackend::new(MemoryFs::new());
            }
            Backend::Waiting => faulty.plan().set_would_wait(true),
            Backend::Short => faulty.plan().set_short_transfers(Some(SHORT)),
        }
        SharedBackend::new(faulty)
    }

    fn mount(&self, setting: Setting, place: &Place, memory: &SharedBackend) -> Result<Mounts> {
        let mut servers = Vec::new();
        let mut fs = FsOptions::with_policy(self.policy);
        let mut builder = Gofer::builder();
        if self.tiny {
            fs.dentry_cache_limit = 1;
            builder.fds(4);
        }
        for mount in place.mounts(setting) {
            let options = MountOptions { fs: fs.clone(), read_only: mount.read_only };
            match self.backend {
                Backend::Directfs => builder.dir(mount.host, mount.guest, options),
                Backend::Lisafs | Backend::Gvisor => {
                    let (server, socket) = self.backend.serve(&mount.host)?;
                    servers.push(server);
                    builder.mount(mount.guest, LisaFs::connect(socket, LisaFsOptions::default())?, options)
                }
                Backend::Memory | Backend::Waiting | Backend::Short => {
                    builder.mount(mount.guest, memory.clone(), options)
                }
            };
        }
        Ok(Mounts { gofer: builder.build()?, _servers: servers })
    }

    /// What the backend holds, read without the cache that the guest used.
    fn kept(&self, place: &Place, memory: &SharedBackend) -> Result<Tree> {
        match self.backend {
            Backend::Directfs | Backend::Lisafs | Backend::Gvisor => place.left(),
            Backend::Memory | Backend::Waiting | Backend::Short => {
                let fs = FsOptions::with_policy(CachePolicy::None);
                let mut builder = Gofer::builder();
                builder.mount("/", memory.clone(), MountOptions { fs, ..MountOptions::default() });
                Tree::of_guest(&builder.build()?.ctx())
            }
        }
    }

    fn start(&self, gofer: &Gofer, behaviour: Behaviour) -> Result<Outcome> {
        let invocation = Invocation::of(self.guest.file()).arg(behaviour.name);
        let files = match behaviour.setting {
            Setting::Root | Setting::Mounts => gofer.ctx(),
            Setting::Few => gofer.ctx().with_max_descriptors(FEW),
        };
        match self.guest.program()? {
            Program::Module(module) => ours::run(self.linking, files, &module, &invocation),
            Program::Component(run, component) => {
                ours::run_component(self.linking, files, run, &component, &invocation)
            }
        }
    }

    /// Runs a behaviour and checks all that it does and leaves.
    pub(crate) fn check(&self, behaviour: Behaviour) -> Result<()> {
        if self.guest == Guest::P2Adapted {
            return self.check_adapted(behaviour);
        }
        let (outcome, kept) = self.run(behaviour)?;
        ensure!(outcome.is_success(), "{outcome}");
        self.check_left(&kept, behaviour)
    }

    /// What is done for a module must be the same behind the adapter: what the guest says, and all that it leaves. The
    /// list of what differs is kept true.
    fn check_adapted(&self, behaviour: Behaviour) -> Result<()> {
        let adapted = self.run(behaviour)?;
        let module = Scenario { guest: Guest::P1, ..*self }.run(behaviour)?;
        let same = same(&adapted, &module, behaviour);
        match harness::differences("adapter-differs.txt")?.get(behaviour.name) {
            None => same,
            Some(reason) if same.is_ok() => bail!("it is the same, but the list of differences says: {reason}"),
            Some(_) => Ok(()),
        }
    }

    /// Runs a behaviour in a fresh directory: how it ended, and what it left. Whatever it did, the cache is sound, shows
    /// what the backend holds, and nothing else was touched.
    fn run(&self, behaviour: Behaviour) -> Result<(Outcome, Tree)> {
        let place = Place::new(behaviour.setting)?;
        let memory = self.memory();
        let mounts = self.mount(behaviour.setting, &place, &memory)?;
        let gofer = &mounts.gofer;

        let outcome = self.start(gofer, behaviour)?;

        invariants(gofer)?;
        // Of several mounts there is no one tree; and the read-only one has a name that no guest can say.
        let shown = match behaviour.setting {
            Setting::Root | Setting::Few => Some(Tree::of_guest(&gofer.ctx())?),
            Setting::Mounts => None,
        };
        invariants(gofer)?;
        if self.linking == Linking::HandOver {
            // Files are closed on workers, which may not have come to it.
            let report = gofer.shutdown(None);
            ensure!(report.failures.is_empty(), "{report:?}");
        }
        drop(mounts);
        let kept = self.kept(&place, &memory)?;
        if let Some(shown) = shown {
            let same = shown.expect(&kept).context("the cache shows something else than the backend holds");
            same.with_context(|| outcome.to_string())?;
        }
        place.check_outside()?;
        Ok((outcome, kept))
    }

    fn check_left(&self, kept: &Tree, behaviour: Behaviour) -> Result<()> {
        match behaviour.leaves {
            Leaves::AsStock => {
                let (_, expected) = stock::run(self.guest, behaviour)?;
                let left = match self.backend {
                    Backend::Directfs => kept.expect(&expected),
                    // Their servers have no umask.
                    Backend::Lisafs | Backend::Gvisor => kept.clone().without_modes().expect(&expected.without_modes()),
                    // It knows no umask.
                    Backend::Memory | Backend::Waiting | Backend::Short => {
                        kept.clone().without_modes().expect(&expected.without_modes())
                    }
                };
                left.context("it leaves something else than under wasmtime's filesystem")
            }
            Leaves::Paths(expected) => {
                let left: Vec<_> = kept.paths().collect();
                let expected: Vec<_> = expected.iter().map(Path::new).collect();
                ensure!(left == expected, "it leaves {left:?}, expected {expected:?}");
                Ok(())
            }
            Leaves::WhatTheOrderDecides => Ok(()),
        }
    }
}

fn same(one: &(Outcome, Tree), other: &(Outcome, Tree), behaviour: Behaviour) -> Result<()> {
    ensure!(one.0 == other.0, "{}\nbut {}", one.0, other.0);
    match behaviour.leaves {
        Leaves::WhatTheOrderDecides => Ok(()),
        Leaves::AsStock | Leaves::Paths(_) => one.1.expect(&other.1),
    }
}

fn invariants(gofer: &Gofer) -> Result<()> {
    gofer.check_invariants().map_err(|error| anyhow!("an invariant of the cache does not hold: {error}"))
}
