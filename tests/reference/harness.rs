//! Runs actions over the filesystem under test, the model and the kernel, side by side.

use crate::act::{Act, Answer, Outcome, Subject, agree, differ_at};
use crate::kernel::Kernel;
use crate::model::Model;
use crate::ours::Ours;
use crate::runsc::Runsc;
use crate::tree::{compare, without_data};
use std::any::Any;
use std::os::unix::net::UnixStream;
use tempfile::TempDir;
use wasi_gofer::backend::directfs::FdBudget;
use wasi_gofer::sidecar::{Export, Server};
use wasi_gofer::transport::Stream;
use wasi_gofer::{CachePolicy, DirectFs, FsOptions, Gofer, LisaFs, LisaFsOptions, MemoryFs, MountOptions};

/// Where the files are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A directory of this host.
    Direct,
    /// A directory of this host behind a lisafs server in this process; with one control handle every transfer is a
    /// message, too.
    Lisafs,
    /// A directory of this host behind gVisor's gofer.
    Gvisor,
    /// Memory: nobody else gets at it.
    Memory,
}

/// What the filesystem under test is mounted with.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) source: Source,
    /// Control handles of directories.
    pub(crate) fds: Option<usize>,
    pub(crate) options: FsOptions,
    /// That nobody else changes the tree, whatever the policy allows.
    pub(crate) alone: bool,
}

impl Setup {
    pub(crate) fn direct(policy: CachePolicy) -> Setup {
        Setup::over(Source::Direct, FsOptions::with_policy(policy))
    }

    pub(crate) fn memory(policy: CachePolicy) -> Setup {
        Setup::over(Source::Memory, FsOptions::with_policy(policy))
    }

    pub(crate) fn over(source: Source, options: FsOptions) -> Setup {
        Setup { source, fds: None, options, alone: false }
    }

    pub(crate) fn fds(mut self, fds: usize) -> Setup {
        self.fds = Some(fds);
        self
    }

    pub(crate) fn limit(mut self, dentries: usize) -> Setup {
        self.options.dentry_cache_limit = dentries;
        self
    }

    /// Whether somebody else may change the tree.
    pub(crate) fn has_outsiders(&self) -> bool {
        self.source != Source::Memory && !self.alone && outsiders(self.options.cache)
    }
}

/// Whether a policy lets somebody else change the tree.
pub(crate) fn outsiders(policy: CachePolicy) -> bool {
    match policy {
        CachePolicy::Shared | CachePolicy::None => true,
        CachePolicy::Exclusive | CachePolicy::Writethrough => false,
    }
}

/// gVisor lets pipes and sockets be seen if it is told to.
const GVISOR_FLAGS: &[&str] = &["--host-uds=all", "--host-fifo=open"];

/// All subjects.
pub(crate) struct World {
    ours: Ours,
    model: Model,
    twin: Kernel,
    /// The host directory behind the mount, as an outsider holds it.
    host: Option<Kernel>,
    // Behind the mounts, with which the connection ends, and with that the server.
    _server: Option<Box<dyn Any>>,
    _twin_dir: TempDir,
    _host_dir: TempDir,
    checks: bool,
}

/// The host directory behind a server.
fn lisafs(setup: &Setup, dir: &TempDir) -> (Box<dyn Any>, LisaFs) {
    let (server, ours): (Box<dyn Any>, _) = if setup.source == Source::Gvisor {
        let (server, ours) = Runsc::start_over("a row", Some(dir.path()), GVISOR_FLAGS).expect("it was there before");
        (Box::new(server), ours)
    } else {
        let server = Server::lisafs(Export::open_ambient(dir.path()).expect("an export")).expect("a server");
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        server.serve(Stream::new(theirs.into()).expect("a stream")).expect("served");
        (Box::new(server), ours)
    };
    let defaults = LisaFsOptions::default();
    let control_limit = setup.fds.unwrap_or(defaults.control_limit);
    let options = LisaFsOptions { control_limit, host_fds: setup.fds != Some(1), ..defaults };
    (server, LisaFs::connect(ours, options).expect("mounted"))
}

/// The host directory.
fn direct(setup: &Setup, dir: &TempDir) -> DirectFs {
    let backend = DirectFs::open_ambient(dir.path()).expect("a directory");
    match setup.fds {
        Some(fds) => backend.with_budget(FdBudget::new(fds)),
        None => backend,
    }
}

impl World {
    /// Empty filesystems. With `checks` the cache's invariants are checked after every action, which does the
    /// after-work that would otherwise be left to the next one.
    pub(crate) fn new(setup: &Setup, checks: bool) -> World {
        World::with_tree(setup, checks, &[])
    }

    /// Filesystems where `tree` was done before anybody mounted them, as far as they can be got at.
    pub(crate) fn with_tree(setup: &Setup, checks: bool, tree: &[Act]) -> World {
        let (twin_dir, host_dir) = (TempDir::new().expect("a directory"), TempDir::new().expect("a directory"));
        let mut model = Model::new();
        let mut twin = Kernel::new(twin_dir.path());
        let mut host = (setup.source != Source::Memory).then(|| Kernel::new(host_dir.path()));
        if let Some(host) = host.as_mut() {
            for act in tree {
                let outcomes = (model.act(act), twin.act(act), host.act(act));
                assert!(outcomes.0.is_ok() && outcomes.1.is_ok() && outcomes.2.is_ok(), "{act:?}: {outcomes:?}");
            }
        }
        let mut builder = Gofer::builder();
        // Watched from the first time that it is worth it.
        let fs = FsOptions { queue_after: Some(0), ..setup.options.clone() };
        let options = MountOptions { read_only: false, fs };
        let mut server = None;
        match setup.source {
            Source::Lisafs | Source::Gvisor => {
                let (started, backend) = lisafs(setup, &host_dir);
                server = Some(started);
                builder.mount("/", backend, options)
            }
            Source::Direct => builder.mount("/", direct(setup, &host_dir), options),
            Source::Memory => builder.mount("/", MemoryFs::new(), options),
        };
        World {
            ours: Ours::new(builder.build().expect("the mount is fine")),
            model,
            twin,
            host,
            _server: server,
            _twin_dir: twin_dir,
            _host_dir: host_dir,
            checks,
        }
    }

    /// Draws something from what there is for one guest.
    pub(crate) fn of_guest<R>(&mut self, guest: usize, draw: impl FnOnce(&Model) -> R) -> R {
        self.model.of_guest(guest, |model| draw(model))
    }

    /// Does one action everywhere and compares.
    pub(crate) fn step(&mut self, act: &Act) -> Result<(), String> {
        let result = self.try_step(act);
        result.map_err(|error| format!("{act:?}: {error}"))
    }

    fn try_step(&mut self, act: &Act) -> Result<(), String> {
        if let Act::Outside(acts) = act {
            for act in acts {
                let host = self.host.as_mut().ok_or("nobody is outside")?;
                let outcomes = (host.act(act), self.twin.act(act), self.model.act(act));
                if !agree(&outcomes.0, &outcomes.1) || !agree(&outcomes.1, &outcomes.2) {
                    return Err(format!("{act:?} outside answers {outcomes:?}: the test itself is wrong"));
                }
            }
        } else {
            let (model, twin, ours) = (self.model.act(act), self.twin.act(act), self.ours.act(act));
            if !agree(&model, &twin) {
                let at = differ_at(&model, &twin);
                return Err(format!("the model answers {model:?}, the kernel {twin:?}{at}: the test itself is wrong"));
            }
            self.check_part(act, &ours)?;
            if !agree(&ours, &twin) && !act.may_differ(&ours, &twin) {
                return Err(format!("answers {ours:?}, and the kernel {twin:?}{}", differ_at(&ours, &twin)));
            }
        }
        self.model.note_listings();
        if self.checks {
            self.ours.gofer.check_invariants()?;
        }
        let tree = self.twin.tree();
        compare(("the model", "the twin"), &self.model.tree(), &tree)?;
        match &self.host {
            Some(host) if self.ours.writes_back() && *act.parts().1 != Act::SyncAll => {
                compare(("the host directory", "the twin"), &without_data(host.tree()), &without_data(tree))?;
            }
            Some(host) => compare(("the host directory", "the twin"), &host.tree(), &tree)?,
            None => {}
        }
        if *act.parts().1 == Act::Compare {
            self.compare()?;
        }
        Ok(())
    }

    fn check_part(&mut self, act: &Act, ours: &Outcome) -> Result<(), String> {
        let (guest, act) = act.parts();
        match (act, ours) {
            (Act::ListSome { dir, fresh, .. }, Ok(Answer::Part(names, end))) => {
                self.model.of_guest(guest, |model| model.check_part(*dir, *fresh, names, *end))
            }
            (Act::List { dir }, _) => {
                self.model.of_guest(guest, |model| model.end_listing(*dir));
                Ok(())
            }
            (Act::ListSome { .. }, other) => Err(format!("answers {other:?}")),
            _ => Ok(()),
        }
    }

    /// Compares the tree as a guest sees it.
    pub(crate) fn compare(&self) -> Result<(), String> {
        compare(("ours", "the twin"), &self.ours.tree()?, &self.twin.tree())?;
        if let Some(host) = &self.host {
            self.ours.compare_with_host(host.root())?;
            if host.modes() != self.twin.modes() {
                return Err(format!("modes are {:?}, the twin's {:?}", host.modes(), self.twin.modes()));
            }
        }
        Ok(())
    }

    /// What must hold behind every row of actions.
    pub(crate) fn finish(&mut self) -> Result<(), String> {
        if self.ours.lags() {
            // A sync for the host's sake would hide what only a close brings out.
            compare(("ours", "the twin"), &self.ours.tree()?, &self.twin.tree())?;
        } else {
            self.compare()?;
        }
        self.ours.gofer.check_invariants()?;
        self.ours.close_all();
        self.ours.gofer.check_invariants()?;
        self.compare()
    }
}

/// Runs a row of actions; the error says which one went wrong, and how.
pub(crate) fn run(setup: &Setup, acts: &[Act]) -> Result<(), String> {
    let mut world = World::new(setup, true);
    for act in acts {
        world.step(act)?;
    }
    world.finish()
}
