//! The operations of a server's tree: what each is made of is in the other files.

use super::handle::LisaHandle;
use super::list::With;
use super::node::LisaNode;
use super::{LisaFs, set};
use crate::abi::{
    Call, Dirent, Errno, Error, FileType, InodeKey, Mode, Name, OpenFlags, Result, SetStat, SetStatReport, Stat, StatFs,
};
use crate::backend::{
    Backend, Capabilities, ChangeQueue, Created, DirentSink, Found, FoundSink, Handle, Location, NodeKind, Object,
    Step, WalkEnd, XattrHow,
};
use crate::proto::lisafs::{FStatFs, FSync, FdId, Flush, Mid};
use smallvec::SmallVec;
use std::sync::Arc;

/// How many files one message syncs.
const SYNC_BATCH: usize = 256;

/// The first step of every operation: one that may not wait ends here, since each takes a message, or may.
pub(super) fn enter(call: &Call) -> Result<()> {
    if call.may_wait { Ok(()) } else { Err(Error::WouldWait) }
}

/// The directory whose control file an operation on an object may need.
pub(super) fn dirs_of<'a>(object: &Object<'a, LisaNode>) -> Option<&'a LisaNode> {
    object.location.map(|at| at.dir)
}

impl Backend for LisaFs {
    type Node = LisaNode;
    type Handle = LisaHandle;

    fn name(&self) -> &'static str {
        "lisafs"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { may_block: true, stale_handles: self.stale_handles, ..Capabilities::default() }
    }

    fn counters(&self) -> Vec<(&'static str, u64)> {
        self.connection().counts().counters()
    }

    fn root(&self, call: &Call) -> Result<Found<LisaNode>> {
        enter(call)?;
        let stat = self.stat_file(call, self.root.id())?;
        if (stat.key, stat.file_type) != (self.root_key, self.root_type) {
            return Err(Errno::Stale.into());
        }
        Ok(Found { node: self.root_node(stat), stat })
    }

    fn lookup(&self, call: &Call, dir: &LisaNode, name: Name<'_>) -> Result<Found<LisaNode>> {
        enter(call)?;
        let found = self.directory(dir).and_then(|dir| self.walk_one(call, dir.id(), name));
        self.in_place(call, &[dir], found).map(|told| self.found(told))
    }

    fn walk_many(
        &self,
        call: &Call,
        dir: &LisaNode,
        names: &[Name<'_>],
        out: &mut Vec<Found<LisaNode>>,
    ) -> Result<WalkEnd> {
        enter(call)?;
        let answer = self.walk(call, dir, names, out);
        self.in_place(call, &[dir], answer)
    }

    fn revalidate_many(&self, call: &Call, steps: &[Step<'_, LisaNode>], out: &mut Vec<Stat>) -> Result<()> {
        enter(call)?;
        let answer = self.revalidate(call, steps, out);
        // The step that was not answered is the one whose directory may have moved.
        let dir = steps.get(out.len()).map(|step| step.dir);
        self.in_place(call, dir.as_slice(), answer)
    }

    fn revalidate_end(&self, call: &Call, dir: &LisaNode, names: &[Name<'_>], key: InodeKey) -> Result<Option<Stat>> {
        enter(call)?;
        self.revalidate_path(call, dir, names, key)
    }

    fn stat(&self, call: &Call, object: Object<'_, LisaNode>) -> Result<Stat> {
        enter(call)?;
        let answer = self.stat_object(call, &object);
        self.in_place(call, dirs_of(&object).as_slice(), answer)
    }

    fn set_stat(&self, call: &Call, object: Object<'_, LisaNode>, set: &SetStat) -> Result<SetStatReport> {
        enter(call)?;
        let size = if object.file_type == FileType::Directory { Errno::Isdir } else { Errno::Inval };
        let report = set::refused(set, object.file_type, Some(size));
        let answer =
            self.on_object(call, &object, |control| set::set_stat(self.connection(), call, control.id(), set, report));
        self.in_place(call, dirs_of(&object).as_slice(), answer)
    }

    fn open(&self, call: &Call, object: Object<'_, LisaNode>, flags: OpenFlags) -> Result<Arc<LisaHandle>> {
        enter(call)?;
        let answer = self.open_file(call, &object, flags);
        self.in_place(call, dirs_of(&object).as_slice(), answer)
    }

    fn open_to_stat(&self, call: &Call, object: Object<'_, LisaNode>) -> Result<(Arc<LisaHandle>, OpenFlags)> {
        if !self.shared.host_fds {
            return Err(Errno::Opnotsupp.into());
        }
        // The protocol has no way to ask for less.
        self.open(call, object, OpenFlags::READ).map(|handle| (handle, OpenFlags::READ))
    }

    fn create(
        &self,
        call: &Call,
        dir: &LisaNode,
        name: Name<'_>,
        flags: OpenFlags,
        mode: Mode,
    ) -> Result<Created<LisaNode, LisaHandle>> {
        enter(call)?;
        let answer = self.create_file(call, dir, name, flags, mode);
        self.in_place(call, &[dir], answer)
    }

    fn mkdir(&self, call: &Call, dir: &LisaNode, name: Name<'_>, mode: Mode) -> Result<Found<LisaNode>> {
        enter(call)?;
        let answer = self.make_dir(call, dir, name, mode);
        self.in_place(call, &[dir], answer)
    }

    fn mknod(
        &self,
        call: &Call,
        dir: &LisaNode,
        name: Name<'_>,
        kind: NodeKind,
        mode: Mode,
    ) -> Result<Found<LisaNode>> {
        enter(call)?;
        let answer = self.make_node(call, dir, name, kind, mode);
        self.in_place(call, &[dir], answer)
    }

    fn symlink(&self, call: &Call, dir: &LisaNode, name: Name<'_>, target: &[u8]) -> Result<Found<LisaNode>> {
        enter(call)?;
        let answer = self.make_symlink(call, dir, name, target);
        self.in_place(call, &[dir], answer)
    }

    fn link(&self, call: &Call, object: Object<'_, LisaNode>, dir: &LisaNode, name: Name<'_>) -> Result<Stat> {
        enter(call)?;
        let answer = self.make_link(call, &object, dir, name);
        let dirs: SmallVec<[&LisaNode; 2]> = dirs_of(&object).into_iter().chain([dir]).collect();
        self.in_place(call, &dirs, answer)
    }

    fn unlink(&self, call: &Call, dir: &LisaNode, name: Name<'_>) -> Result<()> {
        enter(call)?;
        let answer = self.remove(call, dir, name, FileType::Regular);
        self.in_place(call, &[dir], answer)
    }

    fn rmdir(&self, call: &Call, dir: &LisaNode, name: Name<'_>) -> Result<()> {
        enter(call)?;
        let answer = self.remove(call, dir, name, FileType::Directory);
        self.in_place(call, &[dir], answer)
    }

    fn rename(&self, call: &Call, from: Location<'_, LisaNode>, to: Location<'_, LisaNode>) -> Result<()> {
        enter(call)?;
        let answer = self.rename_name(call, from, to);
        self.in_place(call, &[from.dir, to.dir], answer)
    }

    fn readlink(&self, call: &Call, object: Object<'_, LisaNode>) -> Result<Vec<u8>> {
        enter(call)?;
        let answer = self.read_link(call, &object);
        self.in_place(call, dirs_of(&object).as_slice(), answer)
    }

    fn read_dir(&self, call: &Call, dir: &LisaNode, cookie: u64, sink: &mut DirentSink<'_>) -> Result<bool> {
        enter(call)?;
        let answer = self.list(call, dir, cookie, With::Names, &mut |entry, _| sink(entry));
        self.in_place(call, &[dir], answer)
    }

    fn read_dir_found(
        &self,
        call: &Call,
        dir: &LisaNode,
        cookie: u64,
        sink: &mut FoundSink<'_, LisaNode>,
    ) -> Result<bool> {
        enter(call)?;
        let with = if self.connection().offers(Mid::READ_DIR_STAT) { With::Attributes } else { With::Names };
        let mut found = |entry: Dirent<'_>, stat: Option<Stat>| sink(entry, stat.map(|stat| self.listed(stat)));
        let answer = self.list(call, dir, cookie, with, &mut found);
        self.in_place(call, &[dir], answer)
    }

    fn statfs(&self, call: &Call) -> Result<StatFs> {
        enter(call)?;
        self.connection().ask(call, &FStatFs { fd: self.root.id() }, |figures, _| Ok(figures.to_stat_fs()?))
    }

    fn get_xattr(&self, call: &Call, object: Object<'_, LisaNode>, name: &[u8]) -> Result<Vec<u8>> {
        enter(call)?;
        self.value_of(call, &object, name)
    }

    fn list_xattrs(&self, call: &Call, object: Object<'_, LisaNode>) -> Result<Vec<Vec<u8>>> {
        enter(call)?;
        self.names_of(call, &object)
    }

    fn set_xattr(
        &self,
        call: &Call,
        object: Object<'_, LisaNode>,
        attribute: (&[u8], &[u8]),
        how: XattrHow,
    ) -> Result<()> {
        enter(call)?;
        self.set_value(call, &object, attribute, how)
    }

    fn remove_xattr(&self, call: &Call, object: Object<'_, LisaNode>, name: &[u8]) -> Result<()> {
        enter(call)?;
        self.remove_value(call, &object, name)
    }

    fn sync_many(&self, call: &Call, handles: &[Arc<LisaHandle>]) -> Vec<Result<()>> {
        // By their descriptors one by one, since each then has a failure of its own; the others in few messages, whose
        // answer tells no more than that one of them failed.
        let there: Vec<FdId> =
            handles.iter().filter(|handle| !handle.has_host_fd()).map(|handle| handle.open_id()).collect();
        let mut answers = Vec::with_capacity(there.len());
        for part in there.chunks(SYNC_BATCH) {
            let synced = enter(call).and_then(|()| self.connection().ask(call, &FSync { fds: part }, |(), _| Ok(())));
            answers.extend(part.iter().map(|_| synced));
        }
        let mut answers = answers.into_iter();
        let each = handles.iter().map(|handle| match handle.has_host_fd() {
            true => handle.sync(call, false),
            false => answers.next().unwrap_or(Err(Error::Errno(Errno::Io))),
        });
        each.collect()
    }

    fn sync_fs(&self, call: &Call) -> Result<()> {
        enter(call)?;
        if self.root_type == FileType::Directory { self.sync_open_dir(call, self.root.id()) } else { Ok(()) }
    }

    fn sync_dir(&self, call: &Call, dir: &LisaNode) -> Result<()> {
        enter(call)?;
        let answer = self.directory(dir).and_then(|dir| self.sync_open_dir(call, dir.id()));
        self.in_place(call, &[dir], answer)
    }

    fn restore(&self, call: &Call, node: &LisaNode, at: Location<'_, LisaNode>, key: InodeKey) -> Result<()> {
        enter(call)?;
        if node.key != key {
            return Err(Errno::Stale.into());
        }
        let anew = || self.bind(call, node, at).and_then(|_| self.hold_open(call, node));
        let bound = match node.is_bound() {
            true => match self.hold_open(call, node) {
                // It is bound to a place where it is no more: somebody moved it.
                Err(Error::Errno(Errno::Stale | Errno::Noent)) => {
                    node.unbind();
                    anew()
                }
                held => held,
            },
            false => anew(),
        };
        match self.in_place(call, &[at.dir], bound) {
            Ok(()) => Ok(()),
            Err(Error::Errno(Errno::Noent | Errno::Notdir)) => Err(Errno::Stale.into()),
            Err(error) => Err(error),
        }
    }

    fn is_bound(&self, node: &LisaNode) -> bool {
        node.is_bound()
    }

    fn pin(&self, node: &LisaNode, pinned: bool) {
        node.pin(pinned);
    }

    fn relieve(&self, want: usize) -> usize {
        self.give_back(want)
    }

    fn change_queue(&self) -> Option<Box<dyn ChangeQueue<LisaNode>>> {
        self.queue()
    }

    fn lock_tree(&self) -> Result<()> {
        self.own_tree.lock(self.root_key)
    }

    fn release(&self, call: &Call, nodes: Vec<LisaNode>) {
        drop(nodes);
        self.connection().close_due(call);
    }

    fn release_handles(&self, call: &Call, handles: Vec<Arc<LisaHandle>>) {
        let connection = self.connection();
        let mut flushed = None;
        for handle in handles.iter().filter(|handle| handle.is_writer()) {
            // While it is open for writing nobody can run it.
            connection.doomed().hurry();
            // One that is for reading and writing may be here as both. A descriptor of this host is flushed by its close.
            let id = Some(handle.open_id()).filter(|id| !handle.has_host_fd() && flushed != Some(*id));
            if let Some(fd) = id.filter(|_| connection.offers(Mid::FLUSH)) {
                flushed = id;
                if let Err(error) = connection.ask(call, &Flush { fd }, |(), _| Ok(())) {
                    // Nobody is there to be told: whoever wants to know syncs before.
                    tracing::debug!(target: "wasi_gofer::lisafs", %error, "a file could not be flushed");
                }
            }
        }
        drop(handles);
        connection.close_due(call);
    }
}

impl LisaFs {
    fn sync_open_dir(&self, call: &Call, dir: FdId) -> Result<()> {
        let connection = self.connection();
        let open = match self.open_dir(call, dir) {
            Ok(open) => open,
            // One without a name cannot be opened any more, and has nothing that could reach the disk.
            Err(error) if self.instead_of_inval_in(call, error, dir).is(Errno::Noent) => return Ok(()),
            Err(error) => return Err(error),
        };
        connection.ask(call, &FSync { fds: &[open.id()] }, |(), _| Ok(()))
    }
}
