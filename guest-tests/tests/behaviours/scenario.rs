//! A way to run a behaviour, and what is checked behind it.

use crate::guest::{Behaviour, Guest, Program, Setting};
use crate::harness::ours::{self, Linking};
use crate::harness::{Invocation, Outcome, Tree};
use crate::place::Place;
use crate::registry::Leaves;
use crate::stock;
use anyhow::{Context, Result, anyhow, ensure};
use std::fmt;
use std::path::Path;
use wasi_gofer::{CachePolicy, FsOptions, Gofer, MemoryFs, MountOptions, SharedBackend};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Backend {
    Directfs,
    Memory,
}

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
            Linking::Sync => "",
            Linking::Async => "-async",
        };
        let backend = match self.backend {
            Backend::Directfs => "directfs",
            Backend::Memory => "memory",
        };
        write!(f, "{}{linking}/{backend}{}/{}", self.guest, if self.tiny { "-tiny" } else { "" }, self.policy)
    }
}

impl Scenario {
    pub(crate) fn all() -> Vec<Scenario> {
        let mut all = Vec::new();
        for guest in Guest::SERVED {
            for backend in [Backend::Directfs, Backend::Memory] {
                for policy in CachePolicy::ALL {
                    all.push(Scenario { backend, ..Scenario::directfs(guest, policy) });
                }
            }
        }
        // The adapter is linked as the others are.
        for guest in Guest::SERVED.into_iter().filter(|guest| *guest != Guest::P2Adapted) {
            let directfs = Scenario::directfs(guest, CachePolicy::Shared);
            all.push(Scenario { linking: Linking::Async, ..directfs });
            all.push(Scenario { tiny: true, ..directfs });
            all.push(Scenario { tiny: true, ..Scenario::directfs(guest, CachePolicy::Exclusive) });
        }
        all
    }

    /// Synchronous host functions over a directory of the host.
    pub(crate) fn directfs(guest: Guest, policy: CachePolicy) -> Scenario {
        Scenario { guest, linking: Linking::Sync, backend: Backend::Directfs, policy, tiny: false }
    }

    /// What is run: settings of more mounts than one are directories of the host.
    pub(crate) fn behaviours(self) -> impl Iterator<Item = Behaviour> {
        let memory = self.backend == Backend::Memory;
        self.guest.behaviours().filter(move |behaviour| !memory || behaviour.setting == Setting::Root)
    }

    fn mount(&self, setting: Setting, place: &Place, memory: &SharedBackend) -> Result<Gofer> {
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
                Backend::Memory => builder.mount(mount.guest, memory.clone(), options),
            };
        }
        Ok(builder.build()?)
    }

    /// What the backend holds, read without the cache that the guest used.
    fn kept(&self, place: &Place, memory: &SharedBackend) -> Result<Tree> {
        match self.backend {
            Backend::Directfs => place.left(),
            Backend::Memory => {
                let fs = FsOptions::with_policy(CachePolicy::None);
                let mut builder = Gofer::builder();
                builder.mount("/", memory.clone(), MountOptions { fs, ..MountOptions::default() });
                Tree::of_guest(&builder.build()?.ctx())
            }
        }
    }

    fn run(&self, gofer: &Gofer, behaviour: Behaviour) -> Result<Outcome> {
        let invocation = Invocation::of(self.guest.file()).arg(behaviour.name);
        match self.guest.program()? {
            Program::Module(module) => ours::run(self.linking, gofer.ctx(), &module, &invocation),
            Program::Component(run, component) => {
                ours::run_component(self.linking, gofer.ctx(), run, &component, &invocation)
            }
        }
    }

    /// Runs a behaviour in a fresh directory and checks everything that it may not leave behind.
    pub(crate) fn check(&self, behaviour: Behaviour) -> Result<()> {
        let place = Place::new(behaviour.setting)?;
        let memory = SharedBackend::new(MemoryFs::new());
        let gofer = self.mount(behaviour.setting, &place, &memory)?;

        let outcome = self.run(&gofer, behaviour)?;

        invariants(&gofer)?;
        if let Some(reason) = self.guest.differs()?.get(behaviour.name) {
            ensure!(!outcome.is_success(), "it passes, but the list of differences says: {reason}");
            return place.check_outside();
        }
        ensure!(outcome.is_success(), "{outcome}");
        let shown = Tree::of_guest(&gofer.ctx())?;
        invariants(&gofer)?;
        drop(gofer);
        let kept = self.kept(&place, &memory)?;
        if behaviour.setting == Setting::Root {
            shown.expect(&kept).context("the cache shows something else than the backend holds")?;
        }
        self.check_left(&kept, behaviour)?;
        if self.guest == Guest::P2Adapted {
            self.check_same_as_module(&outcome, &kept, behaviour)?;
        }
        place.check_outside()
    }

    /// What is done for a module must be the same behind the adapter: what the guest says, and all that it leaves.
    fn check_same_as_module(&self, outcome: &Outcome, kept: &Tree, behaviour: Behaviour) -> Result<()> {
        let (place, memory) = (Place::new(behaviour.setting)?, SharedBackend::new(MemoryFs::new()));
        let module = Scenario { guest: Guest::P1, ..*self };
        let gofer = module.mount(behaviour.setting, &place, &memory)?;
        let of_module = module.run(&gofer, behaviour)?;
        drop(gofer);
        ensure!(*outcome == of_module, "adapted: {outcome}\nas a module: {of_module}");
        if behaviour.leaves == Leaves::WhatTheListingDecides {
            return Ok(());
        }
        kept.expect(&module.kept(&place, &memory)?).context("adapted, it leaves something else than as a module")
    }

    fn check_left(&self, kept: &Tree, behaviour: Behaviour) -> Result<()> {
        match behaviour.leaves {
            Leaves::AsStock => {
                let guest = if self.guest == Guest::P2Adapted { Guest::P1 } else { self.guest };
                let (_, expected) = stock::run(guest, behaviour)?;
                let left = match self.backend {
                    Backend::Directfs => kept.expect(&expected),
                    // It knows no umask.
                    Backend::Memory => kept.clone().without_modes().expect(&expected.without_modes()),
                };
                left.context("it leaves something else than under wasmtime's filesystem")
            }
            Leaves::Paths(expected) => {
                let left: Vec<_> = kept.paths().collect();
                let expected: Vec<_> = expected.iter().map(Path::new).collect();
                ensure!(left == expected, "it leaves {left:?}, expected {expected:?}");
                Ok(())
            }
            Leaves::WhatTheListingDecides => Ok(()),
        }
    }
}

fn invariants(gofer: &Gofer) -> Result<()> {
    gofer.check_invariants().map_err(|error| anyhow!("an invariant of the cache does not hold: {error}"))
}
