//! Every operation, passed on under the plan.

use super::queue::{FaultyQueue, ScriptedQueue};
use super::{Faulty, FaultyHandle, Op};
use crate::abi::{Call, InodeKey, Mode, Name, OpenFlags, Result, SetStat, SetStatReport, Stat, StatFs};
use crate::backend::{
    Backend, Capabilities, ChangeQueue, Created, DirentSink, Found, FoundSink, Location, NodeKind, Object, Step,
    WalkEnd, XattrHow,
};
use std::sync::Arc;

impl<B: Backend> Backend for Faulty<B> {
    type Node = B::Node;
    type Handle = FaultyHandle<B::Handle>;

    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capabilities(&self) -> Capabilities {
        let inner = self.inner.capabilities();
        let queue_pays_after = if self.script.is_some() { 0 } else { inner.queue_pays_after };
        let may_block = inner.may_block || self.plan.would_wait();
        // Its plan hears of every end.
        Capabilities { may_block, queue_pays_after, handles_end_by_drop: false, ..inner }
    }

    fn root(&self, call: &Call) -> Result<Found<B::Node>> {
        self.plan.call(Op::Root, call, || self.inner.root(call))
    }

    fn counters(&self) -> Vec<(&'static str, u64)> {
        self.inner.counters()
    }

    fn lineage(&self) -> Vec<InodeKey> {
        self.inner.lineage()
    }

    fn lookup(&self, call: &Call, dir: &B::Node, name: Name<'_>) -> Result<Found<B::Node>> {
        self.plan.call(Op::Lookup, call, || self.inner.lookup(call, dir, name))
    }

    fn walk_many(
        &self,
        call: &Call,
        dir: &B::Node,
        names: &[Name<'_>],
        out: &mut Vec<Found<B::Node>>,
    ) -> Result<WalkEnd> {
        self.plan.call(Op::WalkMany, call, || self.inner.walk_many(call, dir, names, out))
    }

    fn revalidate_end(&self, call: &Call, dir: &B::Node, names: &[Name<'_>], key: InodeKey) -> Result<Option<Stat>> {
        self.plan.call(Op::RevalidateEnd, call, || self.inner.revalidate_end(call, dir, names, key))
    }

    fn revalidate_many(&self, call: &Call, steps: &[Step<'_, B::Node>], out: &mut Vec<Stat>) -> Result<()> {
        self.plan.call(Op::RevalidateMany, call, || self.inner.revalidate_many(call, steps, out))
    }

    fn stat(&self, call: &Call, object: Object<'_, B::Node>) -> Result<Stat> {
        self.plan.call(Op::Stat, call, || self.inner.stat(call, object))
    }

    fn set_stat(&self, call: &Call, object: Object<'_, B::Node>, set: &SetStat) -> Result<SetStatReport> {
        self.plan.call(Op::SetStat, call, || self.inner.set_stat(call, object, set))
    }

    fn open(&self, call: &Call, object: Object<'_, B::Node>, flags: OpenFlags) -> Result<Arc<Self::Handle>> {
        let handle = self.plan.call(Op::Open, call, || self.inner.open(call, object, flags))?;
        Ok(FaultyHandle::new(handle, &self.plan))
    }

    fn open_to_stat(&self, call: &Call, object: Object<'_, B::Node>) -> Result<(Arc<Self::Handle>, OpenFlags)> {
        let (handle, access) = self.plan.call(Op::Open, call, || self.inner.open_to_stat(call, object))?;
        Ok((FaultyHandle::new(handle, &self.plan), access))
    }

    fn create(
        &self,
        call: &Call,
        dir: &B::Node,
        name: Name<'_>,
        flags: OpenFlags,
        mode: Mode,
    ) -> Result<Created<B::Node, Self::Handle>> {
        let made = self.plan.call(Op::Create, call, || self.inner.create(call, dir, name, flags, mode))?;
        Ok(Created { found: made.found, handle: FaultyHandle::new(made.handle, &self.plan) })
    }

    fn mkdir(&self, call: &Call, dir: &B::Node, name: Name<'_>, mode: Mode) -> Result<Found<B::Node>> {
        self.plan.call(Op::Mkdir, call, || self.inner.mkdir(call, dir, name, mode))
    }

    fn mkdir_unseen(&self, call: &Call, dir: &B::Node, name: Name<'_>, mode: Mode) -> Result<()> {
        self.plan.call(Op::Mkdir, call, || self.inner.mkdir_unseen(call, dir, name, mode))
    }

    fn mknod(&self, call: &Call, dir: &B::Node, name: Name<'_>, kind: NodeKind, mode: Mode) -> Result<Found<B::Node>> {
        self.plan.call(Op::Mknod, call, || self.inner.mknod(call, dir, name, kind, mode))
    }

    fn symlink(&self, call: &Call, dir: &B::Node, name: Name<'_>, target: &[u8]) -> Result<Found<B::Node>> {
        self.plan.call(Op::Symlink, call, || self.inner.symlink(call, dir, name, target))
    }

    fn link(&self, call: &Call, object: Object<'_, B::Node>, dir: &B::Node, name: Name<'_>) -> Result<Stat> {
        self.plan.call(Op::Link, call, || self.inner.link(call, object, dir, name))
    }

    fn unlink(&self, call: &Call, dir: &B::Node, name: Name<'_>) -> Result<()> {
        self.plan.call(Op::Unlink, call, || self.inner.unlink(call, dir, name))
    }

    fn rmdir(&self, call: &Call, dir: &B::Node, name: Name<'_>) -> Result<()> {
        self.plan.call(Op::Rmdir, call, || self.inner.rmdir(call, dir, name))
    }

    fn rename(&self, call: &Call, from: Location<'_, B::Node>, to: Location<'_, B::Node>) -> Result<()> {
        self.plan.call(Op::Rename, call, || self.inner.rename(call, from, to))
    }

    fn readlink(&self, call: &Call, object: Object<'_, B::Node>) -> Result<Vec<u8>> {
        self.plan.call(Op::Readlink, call, || self.inner.readlink(call, object))
    }

    fn read_dir(&self, call: &Call, dir: &B::Node, cookie: u64, sink: &mut DirentSink<'_>) -> Result<bool> {
        self.plan.call(Op::ReadDir, call, || self.inner.read_dir(call, dir, cookie, sink))
    }

    fn read_dir_found(
        &self,
        call: &Call,
        dir: &B::Node,
        cookie: u64,
        sink: &mut FoundSink<'_, B::Node>,
    ) -> Result<bool> {
        self.plan.call(Op::ReadDir, call, || self.inner.read_dir_found(call, dir, cookie, sink))
    }

    fn statfs(&self, call: &Call) -> Result<StatFs> {
        self.plan.call(Op::StatFs, call, || self.inner.statfs(call))
    }

    fn get_xattr(&self, call: &Call, object: Object<'_, B::Node>, name: &[u8]) -> Result<Vec<u8>> {
        self.plan.call(Op::GetXattr, call, || self.inner.get_xattr(call, object, name))
    }

    fn list_xattrs(&self, call: &Call, object: Object<'_, B::Node>) -> Result<Vec<Vec<u8>>> {
        self.plan.call(Op::ListXattrs, call, || self.inner.list_xattrs(call, object))
    }

    fn set_xattr(
        &self,
        call: &Call,
        object: Object<'_, B::Node>,
        attribute: (&[u8], &[u8]),
        how: XattrHow,
    ) -> Result<()> {
        self.plan.call(Op::SetXattr, call, || self.inner.set_xattr(call, object, attribute, how))
    }

    fn remove_xattr(&self, call: &Call, object: Object<'_, B::Node>, name: &[u8]) -> Result<()> {
        self.plan.call(Op::RemoveXattr, call, || self.inner.remove_xattr(call, object, name))
    }

    fn sync_many(&self, call: &Call, handles: &[Arc<Self::Handle>]) -> Vec<Result<()>> {
        let inner: Vec<_> = handles.iter().map(|handle| Arc::clone(handle.inner())).collect();
        match self.plan.call(Op::SyncMany, call, || Ok(self.inner.sync_many(call, &inner))) {
            Ok(results) => results,
            Err(error) => vec![Err(error); handles.len()],
        }
    }

    fn sync_fs(&self, call: &Call) -> Result<()> {
        self.plan.call(Op::SyncFs, call, || self.inner.sync_fs(call))
    }

    fn sync_dir(&self, call: &Call, dir: &B::Node) -> Result<()> {
        self.plan.call(Op::SyncDir, call, || self.inner.sync_dir(call, dir))
    }

    fn restore(&self, call: &Call, node: &B::Node, at: Location<'_, B::Node>, key: InodeKey) -> Result<()> {
        self.plan.call(Op::Restore, call, || self.inner.restore(call, node, at, key))
    }

    fn is_bound(&self, node: &B::Node) -> bool {
        self.inner.is_bound(node)
    }

    fn pin(&self, node: &B::Node, pinned: bool) {
        self.plan.count(Op::Pin);
        self.inner.pin(node, pinned);
    }

    fn moved(&self, node: &B::Node, to: Location<'_, B::Node>) {
        self.inner.moved(node, to);
    }

    fn relieve(&self, want: usize) -> usize {
        self.plan.count(Op::Relieve);
        self.inner.relieve(want)
    }

    fn change_queue(&self) -> Option<Box<dyn ChangeQueue<B::Node>>> {
        if let Some(script) = &self.script {
            return Some(Box::new(ScriptedQueue { script: Arc::clone(script), plan: Arc::clone(&self.plan) }));
        }
        let inner = self.inner.change_queue()?;
        Some(Box::new(FaultyQueue { inner, plan: Arc::clone(&self.plan) }))
    }

    fn lock_tree(&self) -> Result<()> {
        // It has no call: whoever mounts may wait.
        self.plan.call(Op::LockTree, &Call::WAITING, || self.inner.lock_tree())
    }

    fn release(&self, call: &Call, nodes: Vec<B::Node>) {
        self.plan.count(Op::Release);
        self.inner.release(call, nodes);
    }

    fn release_handles(&self, call: &Call, handles: Vec<Arc<Self::Handle>>) {
        self.plan.count(Op::ReleaseHandles);
        let inner = handles.iter().map(|handle| Arc::clone(handle.inner())).collect();
        drop(handles);
        self.inner.release_handles(call, inner);
    }
}
