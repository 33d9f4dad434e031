//! A backend around another one that keeps the books: every node and handle that it gave out must be handed back
//! through `release` before it is dropped, and nothing may be used that was handed back.

use std::io::{IoSlice, IoSliceMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use wasi_gofer::abi::{Call, Dirent, InodeKey, Mode, Name, OpenFlags, Result, SetStat, SetStatReport, Stat, StatFs};
use wasi_gofer::backend::{
    Advice, Backend, Capabilities, Created, DirentSink, Found, FoundSink, Handle, Location, NodeKind, Object, Step,
    WalkEnd,
};

/// The books.
#[derive(Debug, Default)]
pub(crate) struct Books {
    /// Nodes given out and not handed back; the root aside.
    pub(crate) nodes: AtomicI64,
    /// Handles given out and not handed back.
    pub(crate) handles: AtomicI64,
    /// Nodes dropped without having been handed back.
    pub(crate) lost_nodes: AtomicI64,
    /// Handles dropped so.
    pub(crate) lost_handles: AtomicI64,
    /// Pins without an unpin.
    pub(crate) pins: AtomicI64,
}

/// A node in the books.
pub(crate) struct Entered<N> {
    /// `None` once it was handed back.
    node: Option<N>,
    root: bool,
    books: Arc<Books>,
}

impl<N> Entered<N> {
    fn node(&self) -> &N {
        self.node.as_ref().expect("not handed back yet")
    }
}

impl<N> Drop for Entered<N> {
    fn drop(&mut self) {
        if self.node.is_some() && !self.root {
            self.books.lost_nodes.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A handle in the books.
pub(crate) struct EnteredHandle<H> {
    handle: Arc<H>,
    back: AtomicBool,
    books: Arc<Books>,
}

impl<H> Drop for EnteredHandle<H> {
    fn drop(&mut self) {
        if !*self.back.get_mut() {
            self.books.lost_handles.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Called with the name of a method behind each of its calls that asked something, before the answer is passed on.
type Hook = Arc<dyn Fn(&'static str) + Send + Sync>;

/// The bookkeeper.
pub(crate) struct Ledger<B> {
    inner: B,
    books: Arc<Books>,
    hook: Option<Hook>,
}

impl<B: Backend> Ledger<B> {
    pub(crate) fn new(inner: B) -> Ledger<B> {
        Ledger { inner, books: Arc::default(), hook: None }
    }

    /// With something that happens behind each question.
    pub(crate) fn with_hook(inner: B, hook: Hook) -> Ledger<B> {
        Ledger { inner, books: Arc::default(), hook: Some(hook) }
    }

    fn answered(&self, method: &'static str) {
        if let Some(hook) = &self.hook {
            hook(method);
        }
    }

    pub(crate) fn books(&self) -> &Arc<Books> {
        &self.books
    }

    fn enter(&self, found: Found<B::Node>) -> Found<Entered<B::Node>> {
        self.books.nodes.fetch_add(1, Ordering::Relaxed);
        let node = Entered { node: Some(found.node), root: false, books: Arc::clone(&self.books) };
        Found { node, stat: found.stat }
    }

    fn enter_handle(&self, handle: Arc<B::Handle>) -> Arc<EnteredHandle<B::Handle>> {
        self.books.handles.fetch_add(1, Ordering::Relaxed);
        Arc::new(EnteredHandle { handle, back: AtomicBool::new(false), books: Arc::clone(&self.books) })
    }

    fn enter_created(&self, made: Created<B::Node, B::Handle>) -> Created<Entered<B::Node>, EnteredHandle<B::Handle>> {
        Created { found: self.enter(made.found), handle: self.enter_handle(made.handle) }
    }
}

fn at<'a, N>(location: Location<'a, Entered<N>>) -> Location<'a, N> {
    Location { dir: location.dir.node(), name: location.name }
}

fn of<'a, N>(object: Object<'a, Entered<N>>) -> Object<'a, N> {
    Object { node: object.node.node(), location: object.location.map(at), key: object.key, file_type: object.file_type }
}

impl<B: Backend> Backend for Ledger<B> {
    type Node = Entered<B::Node>;
    type Handle = EnteredHandle<B::Handle>;

    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capabilities(&self) -> Capabilities {
        let mut inner = self.inner.capabilities();
        // Every handle is to be handed back here.
        inner.handles_end_by_drop = false;
        inner
    }

    fn counters(&self) -> Vec<(&'static str, u64)> {
        self.inner.counters()
    }

    fn lineage(&self) -> Vec<InodeKey> {
        self.inner.lineage()
    }

    fn root(&self, call: &Call) -> Result<Found<Self::Node>> {
        let found = self.inner.root(call)?;
        let node = Entered { node: Some(found.node), root: true, books: Arc::clone(&self.books) };
        Ok(Found { node, stat: found.stat })
    }

    fn lookup(&self, call: &Call, dir: &Self::Node, name: Name<'_>) -> Result<Found<Self::Node>> {
        Ok(self.enter(self.inner.lookup(call, dir.node(), name)?))
    }

    fn walk_many(
        &self,
        call: &Call,
        dir: &Self::Node,
        names: &[Name<'_>],
        out: &mut Vec<Found<Self::Node>>,
    ) -> Result<WalkEnd> {
        let mut found = Vec::new();
        let end = self.inner.walk_many(call, dir.node(), names, &mut found);
        out.extend(found.into_iter().map(|found| self.enter(found)));
        self.answered("walk_many");
        end
    }

    fn revalidate_many(&self, call: &Call, steps: &[Step<'_, Self::Node>], out: &mut Vec<Stat>) -> Result<()> {
        let steps: Vec<_> =
            steps.iter().map(|step| Step { dir: step.dir.node(), name: step.name, key: step.key }).collect();
        self.inner.revalidate_many(call, &steps, out)
    }

    fn revalidate_end(&self, call: &Call, dir: &Self::Node, names: &[Name<'_>], key: InodeKey) -> Result<Option<Stat>> {
        self.inner.revalidate_end(call, dir.node(), names, key)
    }

    fn stat(&self, call: &Call, object: Object<'_, Self::Node>) -> Result<Stat> {
        let stat = self.inner.stat(call, of(object));
        self.answered("stat");
        stat
    }

    fn set_stat(&self, call: &Call, object: Object<'_, Self::Node>, set: &SetStat) -> Result<SetStatReport> {
        self.inner.set_stat(call, of(object), set)
    }

    fn open(&self, call: &Call, object: Object<'_, Self::Node>, flags: OpenFlags) -> Result<Arc<Self::Handle>> {
        Ok(self.enter_handle(self.inner.open(call, of(object), flags)?))
    }

    fn create(
        &self,
        call: &Call,
        dir: &Self::Node,
        name: Name<'_>,
        flags: OpenFlags,
        mode: Mode,
    ) -> Result<Created<Self::Node, Self::Handle>> {
        Ok(self.enter_created(self.inner.create(call, dir.node(), name, flags, mode)?))
    }

    fn create_beneath(
        &self,
        call: &Call,
        dir: &Self::Node,
        names: (&[Name<'_>], Name<'_>),
        flags: OpenFlags,
        mode: Mode,
    ) -> Result<Option<Created<Self::Node, Self::Handle>>> {
        let made = self.inner.create_beneath(call, dir.node(), names, flags, mode)?;
        Ok(made.map(|made| self.enter_created(made)))
    }

    fn mkdir(&self, call: &Call, dir: &Self::Node, name: Name<'_>, mode: Mode) -> Result<Found<Self::Node>> {
        Ok(self.enter(self.inner.mkdir(call, dir.node(), name, mode)?))
    }

    fn mkdir_unseen(&self, call: &Call, dir: &Self::Node, name: Name<'_>, mode: Mode) -> Result<()> {
        self.inner.mkdir_unseen(call, dir.node(), name, mode)
    }

    fn mknod(
        &self,
        call: &Call,
        dir: &Self::Node,
        name: Name<'_>,
        kind: NodeKind,
        mode: Mode,
    ) -> Result<Found<Self::Node>> {
        Ok(self.enter(self.inner.mknod(call, dir.node(), name, kind, mode)?))
    }

    fn symlink(&self, call: &Call, dir: &Self::Node, name: Name<'_>, target: &[u8]) -> Result<Found<Self::Node>> {
        Ok(self.enter(self.inner.symlink(call, dir.node(), name, target)?))
    }

    fn link(&self, call: &Call, object: Object<'_, Self::Node>, dir: &Self::Node, name: Name<'_>) -> Result<Stat> {
        self.inner.link(call, of(object), dir.node(), name)
    }

    fn unlink(&self, call: &Call, dir: &Self::Node, name: Name<'_>) -> Result<()> {
        self.inner.unlink(call, dir.node(), name)
    }

    fn rmdir(&self, call: &Call, dir: &Self::Node, name: Name<'_>) -> Result<()> {
        self.inner.rmdir(call, dir.node(), name)
    }

    fn rename(&self, call: &Call, from: Location<'_, Self::Node>, to: Location<'_, Self::Node>) -> Result<()> {
        self.inner.rename(call, at(from), at(to))
    }

    fn readlink(&self, call: &Call, object: Object<'_, Self::Node>) -> Result<Vec<u8>> {
        self.inner.readlink(call, of(object))
    }

    fn read_dir(&self, call: &Call, dir: &Self::Node, cookie: u64, sink: &mut DirentSink<'_>) -> Result<bool> {
        let end = self.inner.read_dir(call, dir.node(), cookie, sink);
        self.answered("read_dir");
        end
    }

    fn read_dir_found(
        &self,
        call: &Call,
        dir: &Self::Node,
        cookie: u64,
        sink: &mut FoundSink<'_, Self::Node>,
    ) -> Result<bool> {
        let mut enter =
            |entry: Dirent<'_>, found: Option<Found<B::Node>>| sink(entry, found.map(|found| self.enter(found)));
        let end = self.inner.read_dir_found(call, dir.node(), cookie, &mut enter);
        self.answered("read_dir");
        end
    }

    fn statfs(&self, call: &Call) -> Result<StatFs> {
        self.inner.statfs(call)
    }

    fn sync_many(&self, call: &Call, handles: &[Arc<Self::Handle>]) -> Vec<Result<()>> {
        let handles: Vec<_> = handles.iter().map(|handle| Arc::clone(&handle.handle)).collect();
        self.inner.sync_many(call, &handles)
    }

    fn sync_fs(&self, call: &Call) -> Result<()> {
        self.inner.sync_fs(call)
    }

    fn sync_dir(&self, call: &Call, dir: &Self::Node) -> Result<()> {
        self.inner.sync_dir(call, dir.node())
    }

    fn restore(&self, call: &Call, node: &Self::Node, place: Location<'_, Self::Node>, key: InodeKey) -> Result<()> {
        self.inner.restore(call, node.node(), at(place), key)
    }

    fn is_bound(&self, node: &Self::Node) -> bool {
        self.inner.is_bound(node.node())
    }

    fn pin(&self, node: &Self::Node, pinned: bool) {
        self.books.pins.fetch_add(if pinned { 1 } else { -1 }, Ordering::Relaxed);
        self.inner.pin(node.node(), pinned);
    }

    fn moved(&self, node: &Self::Node, to: Location<'_, Self::Node>) {
        self.inner.moved(node.node(), at(to));
    }

    fn relieve(&self, want: usize) -> usize {
        self.inner.relieve(want)
    }

    fn release(&self, call: &Call, nodes: Vec<Self::Node>) {
        let mut back = Vec::new();
        for mut node in nodes {
            assert!(!node.root, "the root is not handed back");
            back.extend(node.node.take());
        }
        self.books.nodes.fetch_sub(i64::try_from(back.len()).expect("few"), Ordering::Relaxed);
        self.inner.release(call, back);
    }

    fn release_handles(&self, call: &Call, handles: Vec<Arc<Self::Handle>>) {
        // A handle may come twice: as the one to read with, and the one to write with.
        let back = handles.iter().filter(|handle| !handle.back.swap(true, Ordering::Relaxed)).collect::<Vec<_>>();
        self.books.handles.fetch_sub(i64::try_from(back.len()).expect("few"), Ordering::Relaxed);
        let back = back.into_iter().map(|handle| Arc::clone(&handle.handle)).collect();
        self.inner.release_handles(call, back);
    }
}

impl<H: Handle> Handle for EnteredHandle<H> {
    fn read_at(&self, call: &Call, bufs: &mut [IoSliceMut<'_>], offset: u64) -> Result<usize> {
        self.handle.read_at(call, bufs, offset)
    }

    fn write_at(&self, call: &Call, bufs: &[IoSlice<'_>], offset: u64) -> Result<usize> {
        self.handle.write_at(call, bufs, offset)
    }

    fn append(&self, call: &Call, bufs: &[IoSlice<'_>]) -> Result<(usize, u64)> {
        self.handle.append(call, bufs)
    }

    fn stat(&self, call: &Call) -> Result<Stat> {
        self.handle.stat(call)
    }

    fn stats_locally(&self) -> bool {
        self.handle.stats_locally()
    }

    fn set_stat(&self, call: &Call, set: &SetStat) -> Result<SetStatReport> {
        self.handle.set_stat(call, set)
    }

    fn sync(&self, call: &Call, data_only: bool) -> Result<()> {
        self.handle.sync(call, data_only)
    }

    fn allocate(&self, call: &Call, offset: u64, len: u64) -> Result<()> {
        self.handle.allocate(call, offset, len)
    }

    fn advise(&self, call: &Call, offset: u64, len: u64, advice: Advice) -> Result<()> {
        self.handle.advise(call, offset, len, advice)
    }
}
