//! One cached filesystem: what its operations share.

use super::coherence::Coherence;
use super::dentry::{DentryId, Limits, Tree};
use super::dirty::DirtyFiles;
use super::ended::Ended;
use super::flights::Flights;
use super::gate::Gate;
use super::handle::IdleHandles;
use super::inode::{Inode, InodeTable};
use super::options::FsOptions;
use super::page::{PageBudget, PageCeiling, Recency};
use super::stats::{FsStats, Op, Stats};
use super::watches::Watches;
use crate::abi::{Call, Errno, FileType, Name, Result, StatFs};
use crate::backend::{ErasedBackend, ErasedHandle, ErasedNode, SharedBackend};
use crate::sync::{Background, Rank, RankedMutex, Sharded, pause};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// A filesystem over one backend: its names, objects and handles, cached. Mounts of one directory with equal options
/// share one.
pub struct GoferFs {
    backend: Arc<dyn ErasedBackend>,
    pub(super) options: FsOptions,
    pub(super) coherence: Coherence,
    pub(super) tree: Sharded<Tree>,
    pub(super) inodes: InodeTable,
    pub(super) flights: Flights,
    pub(super) watches: Watches,
    pub(super) idle: IdleHandles,
    /// Serialises renames between directories, so that the tree's shape stands while they look for loops.
    pub(super) renames: RankedMutex<(), { Rank::Rename as u8 }>,
    /// Lets the backend hear of pins and unpins in the order in which they were counted.
    pub(super) pins: RankedMutex<(), { Rank::Pins as u8 }>,
    /// What was dropped in a place that must not do I/O.
    graveyard: RankedMutex<Graveyard, { Rank::Graveyard as u8 }>,
    graveyard_used: AtomicBool,
    pub(super) stats: Stats,
    /// Before every change of file data.
    pub(super) gate: Gate,
    pub(super) pages: Arc<PageBudget>,
    pub(super) recency: Recency,
    pub(super) dirty: DirtyFiles,
    /// Brings out what is dirty for long enough.
    pub(super) background: Background,
    /// Bytes of the lists that open directories keep.
    pub(super) kept_lists: AtomicUsize,
    pub(super) root: DentryId,
    root_inode: Arc<Inode>,
}

/// What awaits release: dentries without a name whose last reference went, and files that were not closed.
#[derive(Default)]
struct Graveyard {
    dentries: Vec<DentryId>,
    files: Vec<Ended>,
}

impl fmt::Debug for GoferFs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GoferFs").field("backend", &self.backend.name()).field("options", &self.options).finish()
    }
}

impl GoferFs {
    /// A cache over `backend`. `EBUSY` when the policy owns the tree and somebody else holds its lock.
    pub fn new(backend: &SharedBackend, options: FsOptions) -> Result<Arc<GoferFs>> {
        GoferFs::below(backend, options, PageCeiling::process())
    }

    /// As [`GoferFs::new`], with pages that count against `ceiling`. `EINVAL` for pages of a size that is none.
    pub fn below(backend: &SharedBackend, options: FsOptions, ceiling: Arc<PageCeiling>) -> Result<Arc<GoferFs>> {
        if !options.page_bytes_fit() {
            return Err(Errno::Inval.into());
        }
        let backend = Arc::clone(backend.erased());
        let capabilities = backend.capabilities();
        let coherence = Coherence::new(&options, capabilities);
        if coherence.owns_tree() && options.lock {
            backend.lock_tree()?;
        }
        let found = backend.root(&Call::WAITING)?;
        backend.pin(&found.node, true);
        let inodes = InodeTable::default();
        let (root_inode, _) = inodes.find_or_insert(found.node, &found.stat);
        let tree = Tree::new(Arc::clone(&root_inode));
        let tree = if coherence.trusts_names() { tree.with_trusted_names() } else { tree };
        let root = tree.id(tree.root());
        let pages = PageBudget::new(options.page_cache_bytes, options.page_bytes, ceiling);
        Ok(Arc::new(GoferFs {
            backend,
            coherence,
            tree: Sharded::new(tree),
            inodes,
            flights: Flights::default(),
            watches: Watches::new(coherence.watches(), options.queue_after.unwrap_or(capabilities.queue_pays_after)),
            idle: IdleHandles::new(options.idle_handle_limit),
            renames: RankedMutex::new(()),
            pins: RankedMutex::new(()),
            graveyard: RankedMutex::new(Graveyard::default()),
            graveyard_used: AtomicBool::new(false),
            stats: Stats::default(),
            gate: Gate::default(),
            recency: Recency::new(&pages),
            pages,
            dirty: DirtyFiles::default(),
            background: Background::default(),
            kept_lists: AtomicUsize::new(0),
            root,
            root_inode,
            options,
        }))
    }

    /// The object at the mount point.
    pub fn root(self: &Arc<Self>) -> DentryRef {
        self.tree.read().take_ref(self.root.index);
        DentryRef { fs: Arc::clone(self), id: self.root, inode: Some(Arc::clone(&self.root_inode)) }
    }

    /// The options that it was made with.
    #[must_use]
    pub fn options(&self) -> &FsOptions {
        &self.options
    }

    /// The backend's name.
    #[must_use]
    pub fn backend_name(&self) -> &'static str {
        self.backend.name()
    }

    /// Whether calls of the backend wait for a peer.
    #[must_use]
    pub fn may_block(&self) -> bool {
        self.backend.capabilities().may_block
    }

    /// Whether the backend refuses changes.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.backend.capabilities().read_only
    }

    /// Present figures.
    #[must_use]
    pub fn stats(&self) -> FsStats {
        let mut stats = self.stats.snapshot();
        stats.backend_counters = self.backend.counters();
        let tree = self.tree.read();
        stats.dentries = tree.len() as u64;
        stats.cache_bytes = tree.total_bytes() as u64;
        stats.watches = self.watches.count() as u64;
        (stats.queue_drains, stats.queue_overflows) = self.watches.figures();
        stats.page_bytes = self.pages.used() as u64;
        stats.dirty_bytes = self.pages.dirty() as u64;
        stats
    }

    /// Figures of the filesystem behind the backend.
    pub fn statfs(&self, call: &Call) -> Result<StatFs> {
        self.backend.statfs(call)
    }

    /// The backend, counting one call of `op`.
    #[inline]
    pub(super) fn ask(&self, op: Op) -> &dyn ErasedBackend {
        self.stats.op(op);
        &*self.backend
    }

    /// The backend, for calls that are not counted.
    pub(super) fn backend(&self) -> &dyn ErasedBackend {
        &*self.backend
    }

    pub(super) fn limits(&self) -> Limits {
        Limits { dentries: self.options.dentry_cache_limit, bytes: self.options.dentry_cache_bytes }
    }

    /// A counted reference to the dentry at `index`; called under the tree's lock, by look-ups alone.
    pub(super) fn reference(self: &Arc<Self>, tree: &Tree, index: u32) -> Option<DentryRef> {
        let inode = Arc::clone(tree.inode(index)?);
        tree.take_ref(index);
        Some(DentryRef { fs: Arc::clone(self), id: tree.id(index), inode: Some(inode) })
    }

    /// From now on every call that would change a file's data waits until that call ends. Writes into pages that came
    /// before are through when this returns; what came before and goes to the backend itself is waited for by whoever
    /// brings the file out.
    pub fn hold_writes(&self) {
        self.gate.close();
        // A writer looks at the gate under its file's lock: whoever looked before leaves it before we have been there.
        let mut cells = Vec::new();
        self.inodes.for_each(|inode| cells.extend(inode.cell()));
        cells.iter().for_each(|cell| drop(cell.write()));
    }

    /// Runs a change of the tree, then evicts to the limits; what died is released once the lock is gone.
    pub(super) fn commit<R>(&self, call: &Call, change: impl FnOnce(&mut Tree, &mut Vec<Arc<Inode>>) -> R) -> R {
        let mut dead = Vec::new();
        let mut tree = self.tree.write();
        let result = change(&mut tree, &mut dead);
        let evicted = tree.evict(self.limits(), &mut dead);
        let freed = tree.take_freed_watches();
        drop(tree);
        self.watches.give_back(&freed);
        if evicted > 0 {
            self.stats.evictions(evicted);
        }
        self.bury(call, dead);
        result
    }

    /// Lets go of inodes that left the tree, and releases those that nobody else refers to. Called without the tree's lock.
    pub(super) fn bury(&self, call: &Call, dead: Vec<Arc<Inode>>) {
        let mut gone: Vec<Inode> = dead.into_iter().filter_map(|inode| self.inodes.forget(inode)).collect();
        if self.inodes.wants_sweep() {
            gone.extend(self.inodes.sweep());
        }
        self.release_inodes(call, gone);
    }

    fn release_inodes(&self, call: &Call, gone: Vec<Inode>) {
        let mut nodes: Vec<ErasedNode> = Vec::new();
        let mut handles: Vec<ErasedHandle> = Vec::new();
        for inode in gone {
            let (node, own) = inode.into_parts();
            nodes.extend(node);
            handles.extend(own);
        }
        if !nodes.is_empty() {
            self.backend.release(call, nodes);
        }
        self.release_handles(call, handles);
    }

    /// Releases nodes that the backend handed out and nobody took.
    pub(super) fn release_nodes(&self, call: &Call, nodes: Vec<ErasedNode>) {
        if !nodes.is_empty() {
            self.backend.release(call, nodes);
        }
    }

    /// Hands handles back to the backend. Called without the tree's lock.
    pub(super) fn release_handles(&self, call: &Call, handles: Vec<ErasedHandle>) {
        if !handles.is_empty() {
            self.backend.release_handles(call, handles);
        }
    }

    /// Lets go of references to handles; the last one of a handle is handed back to the backend.
    pub(super) fn let_go(&self, call: &Call, handles: impl Iterator<Item = ErasedHandle>) {
        if self.coherence.drops_handles() {
            return handles.for_each(drop);
        }
        let mut last: Vec<ErasedHandle> = Vec::new();
        for handle in handles {
            if Arc::strong_count(&handle) == 1 {
                last.push(handle);
            }
        }
        self.release_handles(call, last);
    }

    /// Does the after-work of references that were dropped in places that must not do I/O, if there is any.
    #[inline]
    pub fn after(&self, call: &Call) {
        if self.graveyard_used.load(Ordering::Acquire) {
            self.empty_graveyard(call);
        }
    }

    fn empty_graveyard(&self, call: &Call) {
        self.graveyard_used.store(false, Ordering::Release);
        let Graveyard { dentries, files } = std::mem::take(&mut *self.graveyard.lock());
        if !dentries.is_empty() {
            self.commit(call, |tree, dead| {
                for id in dentries {
                    tree.reap(id, dead);
                }
            });
        }
        for end in files {
            // Nobody is there to be told; the file stays dirty, and whoever brings it out next is told.
            if let Err(error) = self.close_ended(call, end) {
                tracing::warn!(target: "wasi_gofer::gofer", %error, "a file that was not closed cannot be written back yet");
            }
        }
    }

    /// Leaves a close to the next operation.
    pub(super) fn close_later(&self, end: Ended) {
        self.graveyard.lock().files.push(end);
        self.graveyard_used.store(true, Ordering::Release);
    }

    fn put(&self, id: DentryId) {
        if self.tree.read().drop_ref(id) {
            self.graveyard.lock().dentries.push(id);
            self.graveyard_used.store(true, Ordering::Release);
        }
    }

    /// Throws a cached name out that proved stale in the place where it was asked about, unless it was moved from there
    /// meanwhile; whether it was.
    pub(super) fn invalidate_at(&self, call: &Call, id: DentryId, (dir, name): (DentryId, Name<'_>)) -> bool {
        self.throw_out(call, id, |in_dir, own| in_dir == dir && own == name)
    }

    /// Throws a cached name out that proved stale, wherever it is.
    pub(super) fn invalidate(&self, call: &Call, id: DentryId) {
        self.throw_out(call, id, |_, _| true);
    }

    /// Throws a cached name out if it is where it is meant; whether it is elsewhere.
    fn throw_out(&self, call: &Call, id: DentryId, is_meant: impl Fn(DentryId, Name<'_>) -> bool) -> bool {
        self.commit(call, |tree, dead| {
            let Some((dir, name)) = tree.location(id) else { return false };
            if !is_meant(dir, name.as_name()) {
                return true;
            }
            if tree.get(id).is_some_and(|dentry| !dentry.is_anchored()) {
                tree.detach(id.index, dead);
                tree.names_changed(dir.index);
            }
            false
        })
    }

    /// Drops every cached dentry, list and handle that nothing refers to, and every page that the backend has too.
    pub fn drop_caches(&self, call: &Call) {
        self.after(call);
        let mut cells = Vec::new();
        self.inodes.for_each(|inode| cells.extend(inode.cell()));
        cells.iter().for_each(|cell| cell.write().drop_clean());
        drop(cells);
        self.recency.drop_stale();
        self.pages.trim();
        let mut dead = Vec::new();
        let mut tree = self.tree.write();
        // Twice: the first pass takes the second chances away.
        for _ in 0..2 {
            let looks = tree.len() / 64 + 2;
            for _ in 0..looks {
                tree.evict(Limits { dentries: 0, bytes: 0 }, &mut dead);
            }
        }
        tree.drop_lists();
        let freed = tree.take_freed_watches();
        drop(tree);
        self.watches.give_back(&freed);
        self.bury(call, dead);
        let idle = self.idle.relieve(usize::MAX);
        self.release_idle(call, idle);
        let lone = self.inodes.sweep();
        self.release_inodes(call, lone);
    }

    /// Releases the handles of inodes that left the idle list.
    pub(super) fn release_idle(&self, call: &Call, inodes: Vec<Arc<Inode>>) {
        for inode in inodes {
            self.bring_out_idle(call, &inode);
            let handles = inode.take_handles();
            self.release_handles(call, handles);
            self.bury(call, vec![inode]);
        }
    }

    /// Checks what must hold whenever no operation is under way; the message names what does not. For tests.
    pub fn check_invariants(&self) -> Result<(), String> {
        // Write-back goes on meanwhile; what it is in the middle of is through a moment later, or on a machine with more
        // to do some seconds: so many pauses, of less than a millisecond each.
        const ATTEMPTS: usize = 5_000;
        let mut checked = self.check_now();
        for attempt in 0..ATTEMPTS {
            if checked.is_ok() {
                break;
            }
            pause(attempt, true);
            checked = self.check_now();
        }
        checked
    }

    fn check_now(&self) -> Result<(), String> {
        self.after(&Call::WAITING);
        let lone = self.inodes.sweep();
        self.release_inodes(&Call::WAITING, lone);
        let table = self.watches.lock();
        let tree = self.tree.read();
        tree.check()?;
        let watched = tree.watched();
        if watched.len() != table.len() || watched.iter().any(|watch| table.dir(watch.id) != Some(watch.dir)) {
            return Err(format!("{} directories are watched, {} watches are kept", watched.len(), table.len()));
        }
        let mut missing = None;
        self.inodes.for_each(|inode| {
            if Arc::strong_count(inode) < 2 && missing.is_none() {
                missing = Some(format!("inode {:?} is in the table alone", inode.key()));
            }
        });
        missing.map_or(Ok(()), Err)?;
        drop(tree);
        drop(table);
        self.check_data()
    }

    /// Checks every file's pages, and that their costs add up to what is counted.
    fn check_data(&self) -> Result<(), String> {
        let mut cells = Vec::new();
        self.inodes.for_each(|inode| cells.extend(inode.cell()));
        let (mut pages, mut dirty) = (0, 0);
        for cell in &cells {
            let (some, some_dirty) = cell.read().check()?;
            (pages, dirty) = (pages + some, dirty + some_dirty);
        }
        self.pages.check(pages, dirty)
    }
}

impl Drop for GoferFs {
    fn drop(&mut self) {
        self.bring_out_at_drop();
        if let Some(node) = self.root_inode.node() {
            self.backend.pin(node, false);
        }
    }
}

/// A counted reference to a name: it stays usable when the name is removed, replaced or moved.
pub struct DentryRef {
    fs: Arc<GoferFs>,
    id: DentryId,
    /// `None` only while it is dropped.
    inode: Option<Arc<Inode>>,
}

impl DentryRef {
    pub(super) fn id(&self) -> DentryId {
        self.id
    }

    /// The filesystem that it belongs to.
    #[must_use]
    pub fn fs(&self) -> &Arc<GoferFs> {
        &self.fs
    }

    pub(super) fn inode(&self) -> &Arc<Inode> {
        match &self.inode {
            Some(inode) => inode,
            None => unreachable!("taken only by Drop"),
        }
    }

    /// The object's type, which never changes.
    #[must_use]
    pub fn file_type(&self) -> FileType {
        self.inode().file_type()
    }

    /// The object's inode number.
    #[must_use]
    pub fn ino(&self) -> u64 {
        self.inode().key().ino
    }

    /// Whether it exists only here.
    #[must_use]
    pub fn is_synthetic(&self) -> bool {
        self.inode().node().is_none()
    }

    /// Whether two references are of one name.
    #[must_use]
    pub fn is_same(&self, other: &DentryRef) -> bool {
        self.id == other.id && Arc::ptr_eq(&self.fs, &other.fs)
    }

    /// A hashable identity of the name, unique among present references.
    #[must_use]
    pub fn token(&self) -> (usize, u32) {
        (Arc::as_ptr(&self.fs) as usize, self.id.index)
    }
}

impl fmt::Debug for DentryRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DentryRef").field("id", &self.id).field("inode", &self.inode).finish_non_exhaustive()
    }
}

impl Clone for DentryRef {
    fn clone(&self) -> Self {
        self.fs.tree.read().take_ref(self.id.index);
        DentryRef { fs: Arc::clone(&self.fs), id: self.id, inode: self.inode.clone() }
    }
}

impl Drop for DentryRef {
    fn drop(&mut self) {
        // The object first: whoever takes the dentry out must find the last reference to it in his own hands.
        self.inode = None;
        self.fs.put(self.id);
    }
}
