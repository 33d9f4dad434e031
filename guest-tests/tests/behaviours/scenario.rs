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

/// A front end, a backend and a policy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    linking: Linking,
    backend: Backend,
    policy: CachePolicy,
    /// Whether the cache is so small that hardly anything stays in it.
    tiny: bool,
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let front = match self.linking {
            Linking::Sync => "p1",
            Linking::Async => "p1-async",
        };
        let backend = match self.backend {
            Backend::Directfs => "directfs",
            Backend::Memory => "memory",
        };
        write!(f, "{front}/{backend}{}/{}", if self.tiny { "-tiny" } else { "" }, self.policy)
    }
}

impl Scenario {
    pub(crate) fn all() -> Vec<Scenario> {
        let mut all = Vec::new();
        for backend in [Backend::Directfs, Backend::Memory] {
            for policy in CachePolicy::ALL {
                all.push(Scenario { linking: Linking::Sync, backend, policy, tiny: false });
            }
        }
        let directfs = Scenario::directfs(CachePolicy::Shared);
        all.push(Scenario { linking: Linking::Async, ..directfs });
        all.push(Scenario { tiny: true, ..directfs });
        all.push(Scenario { tiny: true, ..Scenario::directfs(CachePolicy::Exclusive) });
        all
    }

    /// Synchronous host functions over a directory of the host.
    pub(crate) fn directfs(policy: CachePolicy) -> Scenario {
        Scenario { linking: Linking::Sync, backend: Backend::Directfs, policy, tiny: false }
    }

    fn mount(&self, place: &Place, memory: &SharedBackend) -> Result<Gofer> {
        let mut fs = FsOptions::with_policy(self.policy);
        let mut builder = Gofer::builder();
        if self.tiny {
            fs.dentry_cache_limit = 1;
            builder.fds(4);
        }
        let options = MountOptions { fs, ..MountOptions::default() };
        match self.backend {
            Backend::Directfs => builder.dir(place.mount(), "/", options),
            Backend::Memory => builder.mount("/", memory.clone(), options),
        };
        Ok(builder.build()?)
    }

    /// What the backend holds, read without the cache that the guest used.
    fn kept(&self, place: &Place, memory: &SharedBackend) -> Result<Tree> {
        match self.backend {
            Backend::Directfs => Tree::of_host(&place.mount()),
            Backend::Memory => {
                let fs = FsOptions::with_policy(CachePolicy::None);
                let mut builder = Gofer::builder();
                builder.mount("/", memory.clone(), MountOptions { fs, ..MountOptions::default() });
                Tree::of_guest(&builder.build()?.ctx())
            }
        }
    }

    /// Runs a behaviour in a fresh directory and checks everything that it may not leave behind.
    pub(crate) fn check(&self, behaviour: Behaviour) -> Result<()> {
        let place = Place::new()?;
        let memory = SharedBackend::new(MemoryFs::new());
        let gofer = self.mount(&place, &memory)?;

        let outcome = ours::run(self.linking, gofer.ctx(), &guest()?, &Invocation::of(GUEST).arg(behaviour.name))?;

        ensure!(outcome.is_success(), "{outcome}");
        invariants(&gofer)?;
        let shown = Tree::of_guest(&gofer.ctx())?;
        invariants(&gofer)?;
        drop(gofer);
        let kept = self.kept(&place, &memory)?;
        shown.expect(&kept).context("the cache shows something else than the backend holds")?;
        self.check_left(&kept, behaviour)?;
        place.check_outside()
    }

    fn check_left(&self, kept: &Tree, behaviour: Behaviour) -> Result<()> {
        match behaviour.leaves {
            Leaves::AsStock => {
                let (_, expected) = run_stock(behaviour.name)?;
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
