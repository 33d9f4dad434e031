//! The only `dyn` seam of the crate: a type-safe [`Backend`] wrapped once into an object-safe form.

use super::{
    Backend, Capabilities, Change, ChangeQueue, DirentSink, Found, FoundSink, Handle, Location, NodeKind, Object, Step,
    WalkEnd, Watch, WatchId,
};
use crate::abi::{
    Call, Errno, Error, FileType, InodeKey, Mode, Name, OpenFlags, Result, SetStat, SetStatReport, Stat, StatFs,
};
use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// A node whose type only its own backend knows.
#[derive(Clone)]
pub(crate) struct ErasedNode(Arc<dyn Any + Send + Sync>);

#[cfg(test)]
impl ErasedNode {
    /// A node of no backend.
    pub(crate) fn of_none() -> ErasedNode {
        ErasedNode(Arc::new(()))
    }
}

impl fmt::Debug for ErasedNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ErasedNode({:p})", Arc::as_ptr(&self.0))
    }
}

/// [`Object`] over erased nodes.
pub(crate) type ErasedObject<'a> = Object<'a, ErasedNode>;
/// [`Step`] over erased nodes.
pub(crate) type ErasedStep<'a> = Step<'a, ErasedNode>;

/// An open file whose type only its own backend knows; dereferences to the object-safe [`Handle`].
pub(crate) type ErasedHandle = Arc<dyn Handle>;

/// A change queue over erased nodes.
pub(crate) type ErasedQueue = Box<dyn ChangeQueue<ErasedNode>>;

/// A made file with its handle, erased.
pub(crate) struct ErasedCreated {
    pub(crate) found: Found<ErasedNode>,
    pub(crate) handle: ErasedHandle,
}

/// The object-safe form of [`Backend`], implemented once, for every backend. Methods as there.
pub(crate) trait ErasedBackend: Send + Sync {
    fn name(&self) -> &'static str;
    fn capabilities(&self) -> Capabilities;
    fn counters(&self) -> Vec<(&'static str, u64)>;
    fn lineage(&self) -> Vec<InodeKey>;
    fn root(&self, call: &Call) -> Result<Found<ErasedNode>>;
    fn walk_many(
        &self,
        call: &Call,
        dir: &ErasedNode,
        names: &[Name<'_>],
        out: &mut Vec<Found<ErasedNode>>,
    ) -> Result<WalkEnd>;
    fn revalidate_many(&self, call: &Call, steps: &[ErasedStep<'_>], out: &mut Vec<Stat>) -> Result<()>;
    fn revalidate_end(&self, call: &Call, dir: &ErasedNode, names: &[Name<'_>], key: InodeKey) -> Result<Option<Stat>>;
    fn stat(&self, call: &Call, object: ErasedObject<'_>) -> Result<Stat>;
    fn set_stat(&self, call: &Call, object: ErasedObject<'_>, set: &SetStat) -> Result<SetStatReport>;
    fn open(&self, call: &Call, object: ErasedObject<'_>, flags: OpenFlags) -> Result<ErasedHandle>;
    fn open_to_stat(&self, call: &Call, object: ErasedObject<'_>) -> Result<(ErasedHandle, OpenFlags)>;
    fn create(
        &self,
        call: &Call,
        dir: &ErasedNode,
        name: Name<'_>,
        flags: OpenFlags,
        mode: Mode,
    ) -> Result<ErasedCreated>;
    fn create_beneath(
        &self,
        call: &Call,
        dir: &ErasedNode,
        at: (&[Name<'_>], Name<'_>),
        flags: OpenFlags,
        mode: Mode,
    ) -> Result<Option<ErasedCreated>>;
    fn mkdir(&self, call: &Call, dir: &ErasedNode, name: Name<'_>, mode: Mode) -> Result<Found<ErasedNode>>;
    fn mkdir_unseen(&self, call: &Call, dir: &ErasedNode, name: Name<'_>, mode: Mode) -> Result<()>;
    fn mknod(
        &self,
        call: &Call,
        dir: &ErasedNode,
        name: Name<'_>,
        kind: NodeKind,
        mode: Mode,
    ) -> Result<Found<ErasedNode>>;
    fn symlink(&self, call: &Call, dir: &ErasedNode, name: Name<'_>, target: &[u8]) -> Result<Found<ErasedNode>>;
    fn link(&self, call: &Call, object: ErasedObject<'_>, dir: &ErasedNode, name: Name<'_>) -> Result<Stat>;
    fn unlink(&self, call: &Call, dir: &ErasedNode, name: Name<'_>) -> Result<()>;
    fn rmdir(&self, call: &Call, dir: &ErasedNode, name: Name<'_>) -> Result<()>;
    fn rename(&self, call: &Call, from: Location<'_, ErasedNode>, to: Location<'_, ErasedNode>) -> Result<()>;
    fn readlink(&self, call: &Call, object: ErasedObject<'_>) -> Result<Vec<u8>>;
    fn read_dir(&self, call: &Call, dir: &ErasedNode, cookie: u64, sink: &mut DirentSink<'_>) -> Result<bool>;
    fn read_dir_found(
        &self,
        call: &Call,
        dir: &ErasedNode,
        cookie: u64,
        sink: &mut FoundSink<'_, ErasedNode>,
    ) -> Result<bool>;
    fn statfs(&self, call: &Call) -> Result<StatFs>;
    fn sync_fs(&self, call: &Call) -> Result<()>;
    fn sync_dir(&self, call: &Call, dir: &ErasedNode) -> Result<()>;
    fn restore(&self, call: &Call, node: &ErasedNode, at: Location<'_, ErasedNode>, key: InodeKey) -> Result<()>;
    fn is_bound(&self, node: &ErasedNode) -> bool;
    fn pin(&self, node: &ErasedNode, pinned: bool);
    fn moved(&self, node: &ErasedNode, to: Location<'_, ErasedNode>);
    fn relieve(&self, want: usize) -> usize;
    fn change_queue(&self) -> Option<ErasedQueue>;
    fn lock_tree(&self) -> Result<()>;
    fn release(&self, call: &Call, nodes: Vec<ErasedNode>);
    fn release_handles(&self, call: &Call, handles: Vec<ErasedHandle>);
    fn sync_many(&self, call: &Call, handles: &[ErasedHandle]) -> Vec<Result<()>>;
}

/// Wraps a backend; the only implementation of [`ErasedBackend`].
struct Erase<B>(B);

impl<B: Backend> Erase<B> {
    fn wrap(found: Found<B::Node>) -> Found<ErasedNode> {
        Found { node: ErasedNode(Arc::new(found.node)), stat: found.stat }
    }

    /// A node of another backend is a bug of the cache; it costs an `EIO`, not a panic.
    fn node(node: &ErasedNode) -> Result<&B::Node> {
        node.0.downcast_ref().ok_or_else(|| {
            debug_assert!(false, "a node of another backend");
            Error::Errno(Errno::Io)
        })
    }

    fn location<'a>(location: Location<'a, ErasedNode>) -> Result<Location<'a, B::Node>> {
        Ok(Location { dir: Self::node(location.dir)?, name: location.name })
    }

    fn handle(handle: ErasedHandle) -> Option<Arc<B::Handle>> {
        let any: Arc<dyn Any + Send + Sync> = handle;
        any.downcast().ok()
    }

    fn object<'a>(object: ErasedObject<'a>) -> Result<Object<'a, B::Node>> {
        Ok(Object {
            node: Self::node(object.node)?,
            location: object.location.map(Self::location).transpose()?,
            key: object.key,
            file_type: object.file_type,
        })
    }
}

impl<B: Backend> ErasedBackend for Erase<B> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn counters(&self) -> Vec<(&'static str, u64)> {
        self.0.counters()
    }

    fn lineage(&self) -> Vec<InodeKey> {
        self.0.lineage()
    }

    fn root(&self, call: &Call) -> Result<Found<ErasedNode>> {
        self.0.root(call).map(Self::wrap)
    }

    fn walk_many(
        &self,
        call: &Call,
        dir: &ErasedNode,
        names: &[Name<'_>],
        out: &mut Vec<Found<ErasedNode>>,
    ) -> Result<WalkEnd> {
        let mut found = Vec::with_capacity(names.len());
        let end = self.0.walk_many(call, Self::node(dir)?, names, &mut found);
        out.extend(found.into_iter().map(Self::wrap));
        end
    }

    fn revalidate_many(&self, call: &Call, steps: &[ErasedStep<'_>], out: &mut Vec<Stat>) -> Result<()> {
        let mut own = smallvec::SmallVec::<[Step<'_, B::Node>; 8]>::new();
        for step in steps {
            own.push(Step { dir: Self::node(step.dir)?, name: step.name, key: step.key });
        }
        self.0.revalidate_many(call, &own, out)
    }

    fn revalidate_end(&self, call: &Call, dir: &ErasedNode, names: &[Name<'_>], key: InodeKey) -> Result<Option<Stat>> {
        self.0.revalidate_end(call, Self::node(dir)?, names, key)
    }

    fn stat(&self, call: &Call, object: ErasedObject<'_>) -> Result<Stat> {
        self.0.stat(call, Self::object(object)?)
    }

    fn set_stat(&self, call: &Call, object: ErasedObject<'_>, set: &SetStat) -> Result<SetStatReport> {
        self.0.set_stat(call, Self::object(object)?, set)
    }

    fn open(&self, call: &Call, object: ErasedObject<'_>, flags: OpenFlags) -> Result<ErasedHandle> {
        let handle = self.0.open(call, Self::object(object)?, flags)?;
        Ok(handle)
    }

    fn open_to_stat(&self, call: &Call, object: ErasedObject<'_>) -> Result<(ErasedHandle, OpenFlags)> {
        let (handle, access) = self.0.open_to_stat(call, Self::object(object)?)?;
        Ok((handle, access))
    }

    fn create(
        &self,
        call: &Call,
        dir: &ErasedNode,
        name: Name<'_>,
        flags: OpenFlags,
        mode: Mode,
    ) -> Result<ErasedCreated> {
        let made = self.0.create(call, Self::node(dir)?, name, flags, mode)?;
        Ok(ErasedCreated { found: Self::wrap(made.found), handle: made.handle })
    }

    fn create_beneath(
        &self,
        call: &Call,
        dir: &ErasedNode,
        at: (&[Name<'_>], Name<'_>),
        flags: OpenFlags,
        mode: Mode,
    ) -> Result<Option<ErasedCreated>> {
        let made = self.0.create_beneath(call, Self::node(dir)?, at, flags, mode)?;
        Ok(made.map(|made| ErasedCreated { found: Self::wrap(made.found), handle: made.handle }))
    }

    fn mkdir(&self, call: &Call, dir: &ErasedNode, name: Name<'_>, mode: Mode) -> Result<Found<ErasedNode>> {
        self.0.mkdir(call, Self::node(dir)?, name, mode).map(Self::wrap)
    }

    fn mkdir_unseen(&self, call: &Call, dir: &ErasedNode, name: Name<'_>, mode: Mode) -> Result<()> {
        self.0.mkdir_unseen(call, Self::node(dir)?, name, mode)
    }

    fn mknod(
        &self,
        call: &Call,
        dir: &ErasedNode,
        name: Name<'_>,
        kind: NodeKind,
        mode: Mode,
    ) -> Result<Found<ErasedNode>> {
        self.0.mknod(call, Self::node(dir)?, name, kind, mode).map(Self::wrap)
    }

    fn symlink(&self, call: &Call, dir: &ErasedNode, name: Name<'_>, target: &[u8]) -> Result<Found<ErasedNode>> {
        self.0.symlink(call, Self::node(dir)?, name, target).map(Self::wrap)
    }

    fn link(&self, call: &Call, object: ErasedObject<'_>, dir: &ErasedNode, name: Name<'_>) -> Result<Stat> {
        self.0.link(call, Self::object(object)?, Self::node(dir)?, name)
    }

    fn unlink(&self, call: &Call, dir: &ErasedNode, name: Name<'_>) -> Result<()> {
        self.0.unlink(call, Self::node(dir)?, name)
    }

    fn rmdir(&self, call: &Call, dir: &ErasedNode, name: Name<'_>) -> Result<()> {
        self.0.rmdir(call, Self::node(dir)?, name)
    }

    fn rename(&self, call: &Call, from: Location<'_, ErasedNode>, to: Location<'_, ErasedNode>) -> Result<()> {
        self.0.rename(call, Self::location(from)?, Self::location(to)?)
    }

    fn readlink(&self, call: &Call, object: ErasedObject<'_>) -> Result<Vec<u8>> {
        self.0.readlink(call, Self::object(object)?)
    }

    fn read_dir(&self, call: &Call, dir: &ErasedNode, cookie: u64, sink: &mut DirentSink<'_>) -> Result<bool> {
        self.0.read_dir(call, Self::node(dir)?, cookie, sink)
    }

    fn read_dir_found(
        &self,
        call: &Call,
        dir: &ErasedNode,
        cookie: u64,
        sink: &mut FoundSink<'_, ErasedNode>,
    ) -> Result<bool> {
        let dir = Self::node(dir)?;
        self.0.read_dir_found(call, dir, cookie, &mut |entry, found| sink(entry, found.map(Self::wrap)))
    }

    fn statfs(&self, call: &Call) -> Result<StatFs> {
        self.0.statfs(call)
    }

    fn sync_fs(&self, call: &Call) -> Result<()> {
        self.0.sync_fs(call)
    }

    fn sync_dir(&self, call: &Call, dir: &ErasedNode) -> Result<()> {
        self.0.sync_dir(call, Self::node(dir)?)
    }

    fn restore(&self, call: &Call, node: &ErasedNode, at: Location<'_, ErasedNode>, key: InodeKey) -> Result<()> {
        self.0.restore(call, Self::node(node)?, Self::location(at)?, key)
    }

    fn is_bound(&self, node: &ErasedNode) -> bool {
        Self::node(node).is_ok_and(|node| self.0.is_bound(node))
    }

    fn pin(&self, node: &ErasedNode, pinned: bool) {
        if let Ok(node) = Self::node(node) {
            self.0.pin(node, pinned);
        }
    }

    fn moved(&self, node: &ErasedNode, to: Location<'_, ErasedNode>) {
        if let (Ok(node), Ok(to)) = (Self::node(node), Self::location(to)) {
            self.0.moved(node, to);
        }
    }

    fn relieve(&self, want: usize) -> usize {
        self.0.relieve(want)
    }

    fn change_queue(&self) -> Option<ErasedQueue> {
        let queue = self.0.change_queue()?;
        Some(Box::new(EraseQueue::<B>(queue)))
    }

    fn lock_tree(&self) -> Result<()> {
        self.0.lock_tree()
    }

    fn release(&self, call: &Call, nodes: Vec<ErasedNode>) {
        let own: Vec<B::Node> = nodes
            .into_iter()
            // A node that an operation still looks at is dropped by that operation.
            .filter_map(|node| node.0.downcast::<B::Node>().ok().and_then(Arc::into_inner))
            .collect();
        if !own.is_empty() {
            self.0.release(call, own);
        }
    }

    fn release_handles(&self, call: &Call, handles: Vec<ErasedHandle>) {
        self.0.release_handles(call, handles.into_iter().filter_map(Self::handle).collect());
    }

    fn sync_many(&self, call: &Call, handles: &[ErasedHandle]) -> Vec<Result<()>> {
        let own: Vec<_> = handles.iter().cloned().filter_map(Self::handle).collect();
        debug_assert_eq!(own.len(), handles.len(), "a handle of another backend");
        self.0.sync_many(call, &own)
    }
}

/// Wraps a backend's change queue.
struct EraseQueue<B: Backend>(Box<dyn ChangeQueue<B::Node>>);

impl<B: Backend> ChangeQueue<ErasedNode> for EraseQueue<B> {
    fn watch(&self, call: &Call, dir: &ErasedNode) -> Result<Watch> {
        self.0.watch(call, Erase::<B>::node(dir)?)
    }

    fn unwatch(&self, watch: WatchId) {
        self.0.unwatch(watch);
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn drain(&self, sink: &mut dyn FnMut(Change<'_>)) -> Result<()> {
        self.0.drain(sink)
    }
}

/// A backend ready to be mounted: erased, shared by reference.
#[derive(Clone)]
pub struct SharedBackend(Arc<dyn ErasedBackend>);

impl SharedBackend {
    /// Wraps `backend`.
    pub fn new<B: Backend>(backend: B) -> Self {
        SharedBackend(Arc::new(Erase(backend)))
    }

    /// The type of the backend's root; mounts of files and of directories differ.
    pub fn root_type(&self) -> Result<FileType> {
        Ok(self.0.root(&Call::WAITING)?.stat.file_type)
    }

    /// Whether both are one.
    #[must_use]
    pub fn is_same(&self, other: &SharedBackend) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The object-safe form.
    pub(crate) fn erased(&self) -> &Arc<dyn ErasedBackend> {
        &self.0
    }
}

impl fmt::Debug for SharedBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedBackend({})", self.0.name())
    }
}

/// What can be mounted: a [`Backend`], or one that is shared already.
pub trait IntoBackend {
    /// The erased form.
    fn into_backend(self) -> SharedBackend;
}

impl<B: Backend> IntoBackend for B {
    fn into_backend(self) -> SharedBackend {
        SharedBackend::new(self)
    }
}

impl IntoBackend for SharedBackend {
    fn into_backend(self) -> SharedBackend {
        self
    }
}
