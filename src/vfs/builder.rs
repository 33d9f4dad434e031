//! Building a [`Gofer`]: mounts checked, filesystems shared, the namespace put together.

use super::context::{GoferCtx, Preopen};
use super::mount::{Mount, MountOptions};
use super::namespace::Namespace;
use super::rights::Rights;
use crate::abi::{Call, Errno, Error, FileType, InodeKey, Name};
use crate::backend::directfs::{DirectFs, FdBudget};
use crate::backend::{EmptyFs, IntoBackend, SharedBackend};
use crate::gofer::{CachePolicy, FsOptions, FsStats, GoferFs, Lost, PageCeiling};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// What is wrong with a mount; its text names the mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildError {
    /// The guest path of the mount, as given.
    pub mount: String,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mount at `{}`: {}", self.mount, self.reason)
    }
}

impl std::error::Error for BuildError {}

/// Where a mount's files come from.
#[derive(Debug)]
enum Source {
    Backend(SharedBackend),
    Host(PathBuf),
}

#[derive(Debug)]
struct Request {
    path: String,
    source: Source,
    options: MountOptions,
}

struct Planned {
    path: String,
    backend: SharedBackend,
    options: MountOptions,
}

/// Collects mounts. Setters take `&mut self`; [`GoferBuilder::build`] says what was wrong with any of them.
#[derive(Debug, Default)]
pub struct GoferBuilder {
    requests: Vec<Request>,
    fds: Option<usize>,
    page_cache_max: Option<usize>,
}

/// A mount whose guest path is split and whose filesystem stands.
struct Ready<'a> {
    names: Vec<Name<'a>>,
    planned: &'a Planned,
    fs: Arc<GoferFs>,
    lineage: Vec<InodeKey>,
}

impl GoferBuilder {
    /// Mounts `backend` at `guest_path`. Paths are taken from the root: `/data`, `data` and `./data` are one; `/` and
    /// `.` are the root. Directories above it that no mount has are made up. Give one [`SharedBackend`] to several
    /// mounts with equal options and they share one cache.
    pub fn mount(&mut self, guest_path: &str, backend: impl IntoBackend, options: MountOptions) -> &mut Self {
        let source = Source::Backend(backend.into_backend());
        self.requests.push(Request { path: guest_path.to_owned(), source, options });
        self
    }

    /// Mounts a host directory, or a single host file, at `guest_path`.
    pub fn dir(&mut self, host: impl AsRef<Path>, guest_path: &str, options: MountOptions) -> &mut Self {
        let source = Source::Host(host.as_ref().to_owned());
        self.requests.push(Request { path: guest_path.to_owned(), source, options });
        self
    }

    /// Sets how many control handles of host directories the mounts of this builder keep open (default: a quarter of
    /// the process's limit of descriptors, shared by all builders). Directories that guests have open do not count.
    pub fn fds(&mut self, limit: usize) -> &mut Self {
        self.fds = Some(limit);
        self
    }

    /// Sets how many bytes the page caches of the mounts of this builder take together (default: 256 MiB, shared by all
    /// builders that set nothing).
    pub fn page_cache_max(&mut self, bytes: usize) -> &mut Self {
        self.page_cache_max = Some(bytes);
        self
    }

    /// Builds the namespace: mounts in the order of their depth, preopens in the order in which they were given.
    pub fn build(&mut self) -> Result<Gofer, BuildError> {
        let budget = self.fds.map_or_else(FdBudget::process, FdBudget::new);
        let ceiling = self.page_cache_max.map_or_else(PageCeiling::process, PageCeiling::new);
        let requests = std::mem::take(&mut self.requests);
        let planned: Vec<_> = requests.into_iter().map(|request| request.plan(&budget)).collect::<Result<_, _>>()?;
        let mut ready: Vec<Ready<'_>> = Vec::with_capacity(planned.len());
        for plan in &planned {
            let names = split(&plan.path).map_err(|reason| plan.error(reason))?;
            if ready.iter().any(|other| other.names == names) {
                return Err(plan.error("something is mounted there already".to_owned()));
            }
            let lineage = plan.backend.erased().lineage();
            check_overlap(plan, &lineage, &ready)?;
            let fs = find_shared(plan, &lineage, &ready).map_or_else(|| plan.open(&ceiling), Ok)?;
            ready.push(Ready { names, planned: plan, fs, lineage });
        }
        let (ns, mounts) = assemble(&ready)?;
        let ns = Arc::new(ns);
        let preopens = preopens(&ns, &ready, &mounts)?;
        let mounts = ready.iter().map(|ready| (ready.planned.path.clone(), Arc::clone(&ready.fs))).collect();
        Ok(Gofer { inner: Arc::new(Inner { ns, preopens, mounts }) })
    }
}

impl Request {
    fn plan(self, budget: &Arc<FdBudget>) -> Result<Planned, BuildError> {
        let Request { path, source, options } = self;
        let backend = match source {
            Source::Backend(backend) => backend,
            Source::Host(host) => match DirectFs::open_ambient(&host) {
                Ok(backend) => SharedBackend::new(backend.with_budget(Arc::clone(budget))),
                Err(error) => {
                    let reason = format!("cannot open the host path `{}`: {error}", host.display());
                    return Err(BuildError { mount: path, reason });
                }
            },
        };
        Ok(Planned { path, backend, options })
    }
}

impl Planned {
    fn error(&self, reason: String) -> BuildError {
        BuildError { mount: self.path.clone(), reason }
    }

    fn open(&self, ceiling: &Arc<PageCeiling>) -> Result<Arc<GoferFs>, BuildError> {
        if !self.options.fs.page_bytes_fit() {
            let bytes = self.options.fs.page_bytes;
            return Err(self.error(format!("pages of {bytes} bytes: a power of two from 512 to 65536 is needed")));
        }
        GoferFs::below(&self.backend, self.options.fs.clone(), Arc::clone(ceiling)).map_err(|error| {
            self.error(if error.is(Errno::Busy) {
                format!(
                    "another process holds the lock of the tree, which cache={} needs for itself (lock=off insists)",
                    self.options.fs.cache
                )
            } else {
                format!("cannot open the source: {error}")
            })
        })
    }
}

/// The components of a guest path from the root.
fn split(path: &str) -> Result<Vec<Name<'_>>, String> {
    if path.is_empty() {
        return Err("the guest path is empty".to_owned());
    }
    path.split('/')
        .filter(|component| !matches!(*component, "" | "."))
        .map(|component| match Name::new(component.as_bytes()) {
            Ok(name) => Ok(name),
            Err(_) if component == ".." => Err("`..` has no place in a guest path".to_owned()),
            Err(error) => Err(format!("`{}` is no file name: {error}", component.escape_debug())),
        })
        .collect()
}

/// A policy that owns its tree cannot have another cache over a part of it.
fn check_overlap(plan: &Planned, lineage: &[InodeKey], ready: &[Ready<'_>]) -> Result<(), BuildError> {
    for other in ready {
        let (Some(own), Some(its)) = (lineage.first(), other.lineage.first()) else { continue };
        let overlaps = lineage.contains(its) || other.lineage.contains(own);
        let shares = own == its && plan.options.fs == other.planned.options.fs;
        let owned = [&plan.options.fs, &other.planned.options.fs].into_iter().find(|options| options.cache.owns_tree());
        if let (true, false, Some(owner)) = (overlaps, shares, owned) {
            return Err(plan.error(format!(
                "its source overlaps that of the mount at `{}`, and cache={} must have its tree for itself",
                other.planned.path, owner.cache
            )));
        }
    }
    Ok(())
}

/// The filesystem of an earlier mount of the same tree with equal options.
fn find_shared(plan: &Planned, lineage: &[InodeKey], ready: &[Ready<'_>]) -> Option<Arc<GoferFs>> {
    let same = |other: &&Ready<'_>| {
        let one_object = plan.backend.is_same(&other.planned.backend);
        let one_root = !lineage.is_empty() && lineage.first() == other.lineage.first();
        (one_object || one_root) && plan.options.fs == other.planned.options.fs
    };
    ready.iter().find(same).map(|other| Arc::clone(&other.fs))
}

/// Mounts everything, the shallow first; answers which mount each of `ready` became.
fn assemble(ready: &[Ready<'_>]) -> Result<(Namespace, Vec<usize>), BuildError> {
    let mut order: Vec<usize> = (0..ready.len()).collect();
    order.sort_by_key(|index| ready.get(*index).map_or(0, |ready| ready.names.len()));
    let at_root = ready.iter().find(|ready| ready.names.is_empty());
    let mut ns = match at_root {
        Some(ready) if ready.fs.root().file_type() != FileType::Directory => {
            return Err(ready.planned.error("a file cannot be mounted at the root".to_owned()));
        }
        Some(ready) => Namespace::new(ready.mount()),
        None => Namespace::new(empty_root()?),
    };
    let mut mounts = vec![0; ready.len()];
    for index in order {
        let Some(ready) = ready.get(index).filter(|ready| !ready.names.is_empty()) else { continue };
        let mount = ns.add(&Call::WAITING, &ready.names, ready.mount()).map_err(|error| {
            ready.planned.error(match error {
                Error::Errno(Errno::Notdir) => {
                    "the way to it leads through something that is no directory, or a file meets a directory".to_owned()
                }
                other => format!("cannot be mounted: {other}"),
            })
        })?;
        if let Some(slot) = mounts.get_mut(index) {
            *slot = mount;
        }
    }
    Ok((ns, mounts))
}

impl Ready<'_> {
    fn mount(&self) -> Mount {
        let read_only = self.planned.options.read_only || self.fs.is_read_only();
        Mount { root: self.fs.root(), rights: Rights::of_mount(read_only) }
    }
}

fn empty_root() -> Result<Mount, BuildError> {
    let error = |error| BuildError { mount: "/".to_owned(), reason: format!("cannot be made up: {error}") };
    let fs =
        GoferFs::new(&SharedBackend::new(EmptyFs), FsOptions::with_policy(CachePolicy::Exclusive)).map_err(error)?;
    Ok(Mount { root: fs.root(), rights: Rights::of_mount(true) })
}

/// A preopen for each mounted directory. A mounted file is reached through the directory that it is in: where no other
/// preopen leads there, that directory is one too.
fn preopens(ns: &Namespace, ready: &[Ready<'_>], mounts: &[usize]) -> Result<Vec<Preopen>, BuildError> {
    let mut preopens = Vec::new();
    for (ready, mount) in ready.iter().zip(mounts) {
        let place = ns.root_of(*mount).map_err(|error| ready.planned.error(error.to_string()))?;
        if place.dentry.file_type() == FileType::Directory {
            preopens.push(Preopen::new(ready.planned.path.clone(), place));
        }
    }
    let covered = |names: &[Name<'_>]| {
        let leads = |other: &Ready<'_>| names.len() > other.names.len() && names.starts_with(&other.names);
        ready.iter().any(|other| other.fs.root().file_type() == FileType::Directory && leads(other))
    };
    let mut made: Vec<&[Name<'_>]> = Vec::new();
    for file in ready.iter().filter(|ready| ready.fs.root().file_type() != FileType::Directory) {
        let Some((_, parent)) = file.names.split_last() else { continue };
        if covered(&file.names) || made.contains(&parent) {
            continue;
        }
        made.push(parent);
        let place = ns.directory(&Call::WAITING, parent).map_err(|error| file.planned.error(error.to_string()))?;
        let path =
            parent.iter().fold(String::new(), |path, name| path + "/" + &String::from_utf8_lossy(name.as_bytes()));
        preopens.push(Preopen::new(if path.is_empty() { "/".to_owned() } else { path }, place));
    }
    Ok(preopens)
}

struct Inner {
    ns: Arc<Namespace>,
    preopens: Vec<Preopen>,
    mounts: Vec<(String, Arc<GoferFs>)>,
}

/// Mounted filesystems, shared by any number of guests. Cheap to clone.
#[derive(Clone)]
pub struct Gofer {
    inner: Arc<Inner>,
}

impl fmt::Debug for Gofer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.inner.mounts).finish()
    }
}

/// Figures of one mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountStats {
    /// The guest path.
    pub dst: String,
    /// The backend.
    pub backend: &'static str,
    /// The policy.
    pub cache: CachePolicy,
    /// The figures of its cache; mounts that share one show the same.
    pub fs: FsStats,
}

/// Something that guests wrote and that may not have reached its backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The guest path of the mount.
    pub mount: String,
    /// The file's path below the mount; `None` for one without a name, and where the mount as a whole failed.
    pub path: Option<String>,
    /// Why.
    pub errno: Errno,
}

/// What could not be brought to an end by [`Gofer::shutdown`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What failed, mount by mount.
    pub failures: Vec<Failure>,
}

impl Gofer {
    /// A builder without mounts.
    #[must_use]
    pub fn builder() -> GoferBuilder {
        GoferBuilder::default()
    }

    /// A context for one guest, with every mounted directory as a preopen.
    #[must_use]
    pub fn ctx(&self) -> GoferCtx {
        GoferCtx::new(&self.inner.ns, self.inner.preopens.clone())
    }

    /// Figures of every mount, in the order in which they were given.
    #[must_use]
    pub fn stats(&self) -> Vec<MountStats> {
        let stats = |(dst, fs): &(String, Arc<GoferFs>)| MountStats {
            dst: dst.clone(),
            backend: fs.backend_name(),
            cache: fs.options().cache,
            fs: fs.stats(),
        };
        self.inner.mounts.iter().map(stats).collect()
    }

    /// Makes everything that guests wrote reach the disk; the first failure is told, after all were tried.
    pub fn sync(&self) -> crate::abi::Result<()> {
        let mut result = Ok(());
        for (_, fs) in &self.inner.mounts {
            result = result.and(fs.sync_all(&Call::WAITING));
        }
        result
    }

    /// From now on every call that would change a file's data waits, until that call is cancelled or too late: for a
    /// process that is about to end, so that nothing is written behind what [`Gofer::shutdown`] brings out.
    pub fn hold_writes(&self) {
        for (_, fs) in &self.inner.mounts {
            fs.hold_writes();
        }
    }

    /// Ends the mounts' work: brings out what guests wrote and the backends do not have yet, and releases what is kept
    /// for later use. Waits that it needs end at `deadline`; what was not brought out by then is told with `ETIMEDOUT`.
    /// Mounts are ended beside each other (up to 65 of them, each on a thread of its own but for one; more share the
    /// time of that one), so that a backend that does not answer takes nothing from the others. It comes back when all
    /// are through: with a backend that heeds no deadline that may be later, or never. Guests should have ended; one that
    /// goes on writing makes work for the next shutdown.
    #[must_use]
    pub fn shutdown(&self, deadline: Option<Instant>) -> Report {
        let mut mounts: Vec<&(String, Arc<GoferFs>)> = Vec::new();
        for mount in &self.inner.mounts {
            // Mounts that share a filesystem are brought out once.
            if !mounts.iter().any(|other| Arc::ptr_eq(&other.1, &mount.1)) {
                mounts.push(mount);
            }
        }
        let filesystems: Vec<&Arc<GoferFs>> = mounts.iter().map(|(_, fs)| fs).collect();
        let lost = GoferFs::bring_out_each(&filesystems, &Call { deadline, ..Call::WAITING });
        let failure =
            |mount: &str, lost: Lost| Failure { mount: mount.to_owned(), path: lost.path, errno: lost.error.errno() };
        let failures = mounts
            .iter()
            .zip(lost)
            .flat_map(|((mount, _), lost)| lost.into_iter().map(move |lost| failure(mount, lost)));
        Report { failures: failures.collect() }
    }

    /// Drops every cached name, list and handle that no guest refers to.
    pub fn drop_caches(&self) {
        for (_, fs) in &self.inner.mounts {
            fs.drop_caches(&Call::WAITING);
        }
    }

    /// Checks the invariants of every cache; the message names what does not hold. For tests.
    pub fn check_invariants(&self) -> Result<(), String> {
        self.inner.mounts.iter().try_for_each(|(dst, fs)| fs.check_invariants().map_err(|e| format!("{dst}: {e}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::memory::MemoryFs;

    fn build(paths: &[&str]) -> Result<Gofer, BuildError> {
        let mut builder = Gofer::builder();
        for path in paths {
            builder.mount(path, MemoryFs::new(), MountOptions::default());
        }
        builder.build()
    }

    #[test]
    fn build_with_one_guest_path_twice_names_it() {
        for paths in [["/data", "data"], ["/", "."], ["/a/b", "/a//b/"]] {
            let error = build(&paths).expect_err("refused");
            assert_eq!(error.mount, paths[1]);
            assert!(error.to_string().contains("already"), "{error}");
        }
    }

    #[test]
    fn build_with_dotdot_in_a_guest_path_is_refused() {
        assert!(build(&["/a/../b"]).expect_err("refused").reason.contains(".."));
    }

    #[test]
    fn build_mounts_the_shallow_before_the_deep_and_keeps_the_order_of_preopens() {
        let gofer = build(&["/a/b/c", "/", "/a"]).expect("mounted");
        let paths: Vec<_> = gofer.ctx().preopens().iter().map(|preopen| preopen.path().to_owned()).collect();
        assert_eq!(paths, ["/a/b/c", "/", "/a"]);
        let names = |path| {
            let entries = gofer.ctx().read_dir_path(&Call::WAITING, path).expect("listed");
            entries.into_iter().map(|entry| String::from_utf8_lossy(&entry.name).into_owned()).collect::<Vec<_>>()
        };
        assert_eq!((names("/"), names("/a"), names("/a/b")), (vec!["a".into()], vec!["b".into()], vec!["c".into()]));
    }

    #[test]
    fn build_of_a_shared_backend_twice_shares_one_cache() {
        let backend = SharedBackend::new(MemoryFs::new());
        let mut builder = Gofer::builder();
        builder.mount("/rw", backend.clone(), MountOptions::default());
        builder.mount("/ro", backend, MountOptions::read_only());
        let gofer = builder.build().expect("mounted");
        assert!(Arc::ptr_eq(&gofer.inner.mounts[0].1, &gofer.inner.mounts[1].1));
    }
}
