//! The backend over all connections: each operation is the present connection's, on its own nodes.

use super::decide::{Change, New, Questions, Verdict, look};
use super::handle::HardHandle;
use super::node::HardNode;
use super::queue::HardQueue;
use super::sessions::{Session, Sessions};
use crate::abi::{
    Call, Errno, Error, FileType, InodeKey, Mode, Name, OpenFlags, Result, SetStat, SetStatReport, Stat, StatFs,
};
use crate::backend::lisafs::program::OwnTree;
use crate::backend::lisafs::{LisaFs, LisaFsOptions, LisaHandle, LisaNode, Program, RpcCounts};
use crate::backend::{
    Backend, Capabilities, ChangeQueue, Created, DirentSink, Found, FoundSink, Handle as _, Location, NodeKind, Object,
    Step, WalkEnd, XattrHow,
};
use smallvec::SmallVec;
use std::fmt;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::SystemTime;

/// How often a question that needs no more than the root is asked again over a further connection.
const TRIES: usize = 8;

/// The backend of a lisafs server that is waited for when it went away.
///
/// When a connection has ended, the next call that needs the server has a new one made, by whoever made the first, and
/// waits for it until its deadline or its cancel. Nodes are found anew by the cache's names, open files where the cache
/// moved them to, else where they were opened (`ESTALE` when they are in neither place), each only as the same object if
/// its key is; through a descriptor that the server handed out a file is read and written all the while. Requests that
/// were under way and only ask are sent again; a change is decided by what is there, and is `EIO` where that does not tell
/// ([`HardLisaFs::undecided`]).
pub struct HardLisaFs {
    sessions: Arc<Sessions>,
    questions: Questions,
    own_tree: OwnTree,
}

impl HardLisaFs {
    /// Mounts what the server serves to which `connect` makes connections: now, and whenever the last one has ended. Each
    /// is a stream socket of the unix domain over which nothing was sent yet. Behind the first it must not wait for the
    /// server ([`crate::transport::Stream::connect`] does not): whoever calls it may have less time than that takes, and it
    /// is called again if it fails.
    ///
    /// # Errors
    ///
    /// As [`LisaFs::connect`], and what `connect` answers.
    pub fn connect(
        connect: impl Fn() -> Result<OwnedFd> + Send + Sync + 'static,
        options: LisaFsOptions,
    ) -> Result<HardLisaFs> {
        let sessions = Sessions::begin(&Call::WAITING, Box::new(connect), options)?;
        let (sessions, questions) = (Arc::new(sessions), Questions::default());
        Ok(HardLisaFs { sessions, questions, own_tree: OwnTree::default() })
    }

    /// Starts `program`, now and whenever it has ended, and mounts what it serves.
    pub fn start(program: Program, options: LisaFsOptions) -> Result<HardLisaFs> {
        let own_tree = program.own_tree();
        Ok(HardLisaFs { own_tree, ..HardLisaFs::connect(move || program.start(), options)? })
    }

    /// How many connections were made behind the first.
    #[must_use]
    pub fn reattached(&self) -> u64 {
        self.sessions.again()
    }

    /// How many changes were answered with `EIO` because nobody knows whether they were made.
    #[must_use]
    pub fn undecided(&self) -> u64 {
        self.sessions.undecided()
    }

    /// The counters of the requests over all connections, which go on counting while the backend is mounted.
    #[must_use]
    pub fn rpc_counts(&self) -> Arc<RpcCounts> {
        Arc::clone(self.sessions.counts())
    }

    /// The connection for an operation. A change of this thread that was under way is given up.
    fn session(&self, call: &Call) -> Result<Arc<Session>> {
        self.questions.forget();
        self.next_session(call)
    }

    /// The connection for a change that may be made again, and for what is done before that.
    fn next_session(&self, call: &Call) -> Result<Arc<Session>> {
        // Each takes a message, or may.
        let live = if call.may_wait { self.sessions.live(call) } else { Err(Error::WouldWait) };
        live.inspect_err(|_| self.questions.forget())
    }

    /// Passes an answer on; where the connection ended meanwhile the operation is to be made again, with what the cache
    /// restores.
    fn answer<T>(&self, call: &Call, session: &Session, answer: Result<T>) -> Result<T> {
        match answer {
            Err(Error::Errno(Errno::Io)) if session.fs.is_over() => {
                self.sessions.live(call)?;
                Err(Error::Unbound)
            }
            answer => answer,
        }
    }

    /// Asks about nothing but the root, again where the connection ended meanwhile.
    fn of_root<T>(&self, call: &Call, mut ask: impl FnMut(&Session) -> Result<T>) -> Result<T> {
        for _ in 0..TRIES {
            let session = self.session(call)?;
            match self.answer(call, &session, ask(&session)) {
                Err(Error::Unbound) => {}
                answer => return answer,
            }
        }
        Err(Errno::Io.into())
    }

    /// Asks about a directory.
    fn in_dir<T>(&self, call: &Call, dir: &HardNode, ask: impl FnOnce(&Session, &LisaNode) -> Result<T>) -> Result<T> {
        let session = self.session(call)?;
        let own = dir.at(&session)?;
        self.answer(call, &session, ask(&session, &own))
    }

    /// Asks about an object.
    fn on_object<T>(
        &self,
        call: &Call,
        object: &Object<'_, HardNode>,
        ask: impl FnOnce(&Session, Object<'_, LisaNode>) -> Result<T>,
    ) -> Result<T> {
        self.on_object_over(call, &*self.session(call)?, object, ask)
    }

    /// Asks about an object over a connection. One that it did not find yet is found by its location; a directory is to be
    /// restored.
    fn on_object_over<T>(
        &self,
        call: &Call,
        session: &Session,
        object: &Object<'_, HardNode>,
        ask: impl FnOnce(&Session, Object<'_, LisaNode>) -> Result<T>,
    ) -> Result<T> {
        let (key, file_type) = (object.key, object.file_type);
        let dir = object.location.map(|at| at.dir.at(session)).transpose()?;
        let location = object.location.zip(dir.as_deref()).map(|(at, dir)| Location { dir, name: at.name });
        let node = match (object.node.at(session), location) {
            (Err(Error::Unbound), Some(at)) if file_type != FileType::Directory => {
                let found = self.answer(call, session, session.fs.lookup(call, at.dir, at.name))?;
                if (found.stat.key, found.stat.file_type) != (key, file_type) {
                    return Err(Errno::Stale.into());
                }
                object.node.bind(session, found.node)
            }
            (Err(Error::Unbound), None) if file_type != FileType::Directory => return Err(Errno::Stale.into()),
            (node, _) => node?,
        };
        let answer = ask(session, Object { node: &node, location, key, file_type });
        self.answer(call, session, answer)
    }

    /// As [`HardLisaFs::on_object`], of a change that would be another one if it were made twice: `EIO`, and counted, when
    /// its answer was lost.
    fn once<T>(
        &self,
        call: &Call,
        object: &Object<'_, HardNode>,
        ask: impl FnOnce(&Session, Object<'_, LisaNode>) -> Result<T>,
    ) -> Result<T> {
        let asked = |session: &Session, own: Object<'_, LisaNode>| {
            let answer = ask(session, own);
            Ok((answer, session.fs.is_over()))
        };
        match self.on_object(call, object, asked)? {
            (Err(Error::Errno(Errno::Io)), true) => {
                self.sessions.count_undecided();
                Err(Errno::Io.into())
            }
            (answer, _) => answer,
        }
    }

    /// Makes a change in one directory or two: decides one that was under way when a connection ended. `made` answers for
    /// one that was made.
    fn change<T>(
        &self,
        call: &Call,
        dirs: [&HardNode; 2],
        change: Change,
        ask: impl FnOnce(&Session, [&LisaNode; 2]) -> Result<T>,
        made: impl FnOnce(&Session, [&LisaNode; 2]) -> Result<T>,
    ) -> Result<T> {
        // Whatever ends this call otherwise than as one that is to be made again leaves no question.
        let question = self.questions.take(call, &change);
        let session = self.next_session(call)?;
        let at = |dir: &HardNode| dir.at(&session);
        let own = match (at(dirs[0]), at(dirs[1])) {
            (Ok(first), Ok(second)) => [first, second],
            (Err(error), _) | (_, Err(error)) => {
                if let (Error::Unbound, Some(question)) = (error, question) {
                    self.questions.again(question);
                }
                return Err(error);
            }
        };
        let own = [&*own[0], &*own[1]];
        if let Some(question) = question {
            let decided = match question.decide(call, &session.fs, own) {
                Ok(Some(Verdict::Made)) => Some(made(&session, own)),
                Ok(Some(Verdict::NotMade)) => None,
                Ok(None) => {
                    self.sessions.count_undecided();
                    tracing::warn!(target: "wasi_gofer::lisafs", ?change, "nobody knows whether a change was made");
                    return Err(Errno::Io.into());
                }
                Err(error) => Some(Err(error)),
            };
            if let Some(decided) = decided {
                let decided = self.answer(call, &session, decided);
                if matches!(decided, Err(Error::Unbound)) {
                    // It is as open as it was.
                    self.questions.again(question);
                }
                return decided;
            }
        }
        let (name, goes) = change.name();
        let before = match look(call, &session.fs, own[0], name) {
            Ok(None) if goes => return Err(Errno::Noent.into()),
            Ok(found) => found.map(|stat| stat.key),
            Err(error) => return self.answer(call, &session, Err(error)),
        };
        let since = SystemTime::now();
        let answer = ask(&session, own);
        let is_lost = matches!(answer, Err(Error::Errno(Errno::Io))) && session.fs.is_over();
        let answer = self.answer(call, &session, answer);
        if is_lost && matches!(answer, Err(Error::Unbound)) {
            self.questions.ask(call, change, before, since);
        }
        answer
    }

    /// Makes a new name in `dir`; one that was made before the answer got lost is found.
    fn make(
        &self,
        call: &Call,
        (dir, name): (&HardNode, Name<'_>),
        new: New,
        make: impl FnOnce(&LisaFs, &LisaNode) -> Result<Found<LisaNode>>,
    ) -> Result<Found<HardNode>> {
        let change = Change::make(dir.key(), name, new);
        self.change(
            call,
            [dir, dir],
            change,
            |session, [own, _]| Ok(HardNode::found(session, make(&session.fs, own)?, Some((dir, name)))),
            |session, [own, _]| Ok(HardNode::found(session, session.fs.lookup(call, own, name)?, Some((dir, name)))),
        )
    }

    fn restore_over_next(&self, call: &Call, node: &HardNode, at: Location<'_, HardNode>, key: InodeKey) -> Result<()> {
        let session = self.next_session(call)?;
        if node.key() != key {
            return Err(Errno::Stale.into());
        }
        let dir = at.dir.at(&session)?;
        let answer = match node.at(&session) {
            Ok(own) => session.fs.restore(call, &own, Location { dir: &*dir, name: at.name }, key),
            Err(_) => match session.fs.lookup(call, &dir, at.name) {
                Ok(found) if (found.stat.key, found.stat.file_type) == (key, node.file_type()) => {
                    node.bind(&session, found.node);
                    Ok(())
                }
                Ok(_) | Err(Error::Errno(Errno::Noent | Errno::Notdir)) => Err(Errno::Stale.into()),
                Err(error) => Err(error),
            },
        };
        if answer.is_ok() {
            node.found_at((at.dir, at.name));
        }
        self.answer(call, &session, answer)
    }

    fn handle(
        &self,
        session: &Session,
        handle: Arc<LisaHandle>,
        (node, access): (&HardNode, OpenFlags),
        place: Option<(&HardNode, Name<'_>)>,
    ) -> Arc<HardHandle> {
        let place = place.map(|(dir, name)| (dir.clone(), name.to_buf()));
        Arc::new(HardHandle::new(&self.sessions, (session, handle), node, access, place))
    }
}

impl Backend for HardLisaFs {
    type Node = HardNode;
    type Handle = HardHandle;

    fn name(&self) -> &'static str {
        "lisafs"
    }

    fn capabilities(&self) -> Capabilities {
        self.sessions.present().fs.capabilities()
    }

    fn counters(&self) -> Vec<(&'static str, u64)> {
        let own = [("reattached", self.reattached()), ("undecided", self.undecided())];
        own.into_iter().chain(self.sessions.counts().counters()).collect()
    }

    fn root(&self, call: &Call) -> Result<Found<HardNode>> {
        let found = self.of_root(call, |session| session.fs.root(call))?;
        Ok(Found { node: HardNode::root(self.sessions.root()), stat: found.stat })
    }

    fn lookup(&self, call: &Call, dir: &HardNode, name: Name<'_>) -> Result<Found<HardNode>> {
        self.in_dir(call, dir, |session, own| {
            Ok(HardNode::found(session, session.fs.lookup(call, own, name)?, Some((dir, name))))
        })
    }

    fn walk_many(
        &self,
        call: &Call,
        dir: &HardNode,
        names: &[Name<'_>],
        out: &mut Vec<Found<HardNode>>,
    ) -> Result<WalkEnd> {
        self.in_dir(call, dir, |session, own| {
            let mut found = Vec::new();
            let end = session.fs.walk_many(call, own, names, &mut found);
            let mut above = dir.clone();
            for (name, found) in names.iter().zip(found) {
                let found = HardNode::found(session, found, Some((&above, *name)));
                above = found.node.clone();
                out.push(found);
            }
            end
        })
    }

    fn revalidate_many(&self, call: &Call, steps: &[Step<'_, HardNode>], out: &mut Vec<Stat>) -> Result<()> {
        let session = self.session(call)?;
        let mut dirs = SmallVec::<[Arc<LisaNode>; 6]>::new();
        let mut missing = None;
        for step in steps {
            match step.dir.at(&session) {
                Ok(own) => dirs.push(own),
                Err(error) => {
                    missing = Some(error);
                    break;
                }
            }
        }
        let own = steps.iter().zip(&dirs).map(|(step, dir)| Step { dir: &**dir, name: step.name, key: step.key });
        let own: SmallVec<[Step<'_, LisaNode>; 6]> = own.collect();
        let before = out.len();
        self.answer(call, &session, session.fs.revalidate_many(call, &own, out))?;
        // A name that is another by now ends it; else the next one is the first that was not asked about.
        let told = out.len().saturating_sub(before);
        let changed = out.last().zip(own.get(told.wrapping_sub(1))).is_some_and(|(stat, step)| stat.key != step.key);
        match missing {
            Some(error) if !changed => Err(error),
            _ => Ok(()),
        }
    }

    fn revalidate_end(&self, call: &Call, dir: &HardNode, names: &[Name<'_>], key: InodeKey) -> Result<Option<Stat>> {
        self.in_dir(call, dir, |session, own| session.fs.revalidate_end(call, own, names, key))
    }

    fn stat(&self, call: &Call, object: Object<'_, HardNode>) -> Result<Stat> {
        self.on_object(call, &object, |session, object| session.fs.stat(call, object))
    }

    fn set_stat(&self, call: &Call, object: Object<'_, HardNode>, set: &SetStat) -> Result<SetStatReport> {
        self.on_object(call, &object, |session, object| session.fs.set_stat(call, object, set))
    }

    fn open(&self, call: &Call, object: Object<'_, HardNode>, flags: OpenFlags) -> Result<Arc<HardHandle>> {
        let place = object.location.map(|at| (at.dir, at.name));
        self.on_object(call, &object, |session, own| {
            let handle = session.fs.open(call, own, flags)?;
            Ok(self.handle(session, handle, (object.node, flags), place))
        })
    }

    fn open_to_stat(&self, call: &Call, object: Object<'_, HardNode>) -> Result<(Arc<HardHandle>, OpenFlags)> {
        let place = object.location.map(|at| (at.dir, at.name));
        self.on_object(call, &object, |session, own| {
            let (handle, access) = session.fs.open_to_stat(call, own)?;
            Ok((self.handle(session, handle, (object.node, access), place), access))
        })
    }

    fn create(
        &self,
        call: &Call,
        dir: &HardNode,
        name: Name<'_>,
        flags: OpenFlags,
        mode: Mode,
    ) -> Result<Created<HardNode, HardHandle>> {
        let place = Some((dir, name));
        let created = |session: &Session, found: Found<LisaNode>, handle: Arc<LisaHandle>| {
            let found = HardNode::found(session, found, place);
            let handle = self.handle(session, handle, (&found.node, flags), place);
            Created { found, handle }
        };
        let change = Change::make(dir.key(), name, New::Empty(FileType::Regular, mode));
        self.change(
            call,
            [dir, dir],
            change,
            |session, [own, _]| {
                let Created { found, handle } = session.fs.create(call, own, name, flags, mode)?;
                Ok(created(session, found, handle))
            },
            |session, [own, _]| {
                let found = session.fs.lookup(call, own, name)?;
                let (key, file_type) = (found.stat.key, found.stat.file_type);
                let location = Some(Location { dir: own, name });
                let handle = session.fs.open(call, Object { node: &found.node, location, key, file_type }, flags)?;
                Ok(created(session, found, handle))
            },
        )
    }

    fn mkdir(&self, call: &Call, dir: &HardNode, name: Name<'_>, mode: Mode) -> Result<Found<HardNode>> {
        self.make(call, (dir, name), New::Empty(FileType::Directory, mode), |fs, own| fs.mkdir(call, own, name, mode))
    }

    fn mknod(
        &self,
        call: &Call,
        dir: &HardNode,
        name: Name<'_>,
        kind: NodeKind,
        mode: Mode,
    ) -> Result<Found<HardNode>> {
        let file_type = match kind {
            NodeKind::Fifo => FileType::Fifo,
            NodeKind::Socket => FileType::Socket,
            NodeKind::Regular => FileType::Regular,
        };
        self.make(call, (dir, name), New::Empty(file_type, mode), |fs, own| fs.mknod(call, own, name, kind, mode))
    }

    fn symlink(&self, call: &Call, dir: &HardNode, name: Name<'_>, target: &[u8]) -> Result<Found<HardNode>> {
        self.make(call, (dir, name), New::Link(target.to_vec()), |fs, own| fs.symlink(call, own, name, target))
    }

    fn link(&self, call: &Call, object: Object<'_, HardNode>, dir: &HardNode, name: Name<'_>) -> Result<Stat> {
        let change = Change::Link(dir.key(), name.to_buf(), object.key);
        let session = self.next_session(call)?;
        if let Err(error) = self.on_object_over(call, &session, &object, |_, _| Ok(())) {
            if !matches!(error, Error::Unbound) {
                self.questions.forget();
            }
            return Err(error);
        }
        self.change(
            call,
            [dir, dir],
            change,
            |session, [own, _]| {
                let at = object.location.map(|at| at.dir.at(session)).transpose()?;
                let location = object.location.zip(at.as_deref()).map(|(at, dir)| Location { dir, name: at.name });
                let node = object.node.at(session)?;
                let object = Object { node: &*node, location, key: object.key, file_type: object.file_type };
                session.fs.link(call, object, own, name)
            },
            |session, [own, _]| session.fs.lookup(call, own, name).map(|found| found.stat),
        )
    }

    fn unlink(&self, call: &Call, dir: &HardNode, name: Name<'_>) -> Result<()> {
        let change = Change::Remove(dir.key(), name.to_buf());
        let ask = |session: &Session, [own, _]: [&LisaNode; 2]| session.fs.unlink(call, own, name);
        self.change(call, [dir, dir], change, ask, |_, _| Ok(()))
    }

    fn rmdir(&self, call: &Call, dir: &HardNode, name: Name<'_>) -> Result<()> {
        let change = Change::Remove(dir.key(), name.to_buf());
        let ask = |session: &Session, [own, _]: [&LisaNode; 2]| session.fs.rmdir(call, own, name);
        self.change(call, [dir, dir], change, ask, |_, _| Ok(()))
    }

    fn rename(&self, call: &Call, from: Location<'_, HardNode>, to: Location<'_, HardNode>) -> Result<()> {
        let change = Change::Rename([(from.dir.key(), from.name.to_buf()), (to.dir.key(), to.name.to_buf())]);
        let ask = |session: &Session, [own_from, own_to]: [&LisaNode; 2]| {
            let from = Location { dir: own_from, name: from.name };
            session.fs.rename(call, from, Location { dir: own_to, name: to.name })
        };
        self.change(call, [from.dir, to.dir], change, ask, |_, _| Ok(()))
    }

    fn readlink(&self, call: &Call, object: Object<'_, HardNode>) -> Result<Vec<u8>> {
        self.on_object(call, &object, |session, object| session.fs.readlink(call, object))
    }

    fn read_dir(&self, call: &Call, dir: &HardNode, cookie: u64, sink: &mut DirentSink<'_>) -> Result<bool> {
        self.in_dir(call, dir, |session, own| session.fs.read_dir(call, own, cookie, sink))
    }

    fn read_dir_found(
        &self,
        call: &Call,
        dir: &HardNode,
        cookie: u64,
        sink: &mut FoundSink<'_, HardNode>,
    ) -> Result<bool> {
        self.in_dir(call, dir, |session, own| {
            session.fs.read_dir_found(call, own, cookie, &mut |entry, found| {
                let place = Some((dir, entry.name));
                sink(entry, found.map(|found| HardNode::found(session, found, place)))
            })
        })
    }

    fn statfs(&self, call: &Call) -> Result<StatFs> {
        self.of_root(call, |session| session.fs.statfs(call))
    }

    fn get_xattr(&self, call: &Call, object: Object<'_, HardNode>, name: &[u8]) -> Result<Vec<u8>> {
        self.on_object(call, &object, |session, object| session.fs.get_xattr(call, object, name))
    }

    fn list_xattrs(&self, call: &Call, object: Object<'_, HardNode>) -> Result<Vec<Vec<u8>>> {
        self.on_object(call, &object, |session, object| session.fs.list_xattrs(call, object))
    }

    fn set_xattr(
        &self,
        call: &Call,
        object: Object<'_, HardNode>,
        attribute: (&[u8], &[u8]),
        how: XattrHow,
    ) -> Result<()> {
        self.once(call, &object, |session, object| session.fs.set_xattr(call, object, attribute, how))
    }

    fn remove_xattr(&self, call: &Call, object: Object<'_, HardNode>, name: &[u8]) -> Result<()> {
        self.once(call, &object, |session, object| session.fs.remove_xattr(call, object, name))
    }

    fn sync_many(&self, call: &Call, handles: &[Arc<HardHandle>]) -> Vec<Result<()>> {
        handles.iter().map(|handle| handle.sync(call, false)).collect()
    }

    fn sync_fs(&self, call: &Call) -> Result<()> {
        self.of_root(call, |session| session.fs.sync_fs(call))
    }

    fn sync_dir(&self, call: &Call, dir: &HardNode) -> Result<()> {
        self.in_dir(call, dir, |session, own| session.fs.sync_dir(call, own))
    }

    fn restore(&self, call: &Call, node: &HardNode, at: Location<'_, HardNode>, key: InodeKey) -> Result<()> {
        let restored = self.restore_over_next(call, node, at, key);
        if !matches!(restored, Ok(()) | Err(Error::Unbound)) {
            // It was for a call that is not made again now.
            self.questions.forget();
        }
        restored
    }

    fn is_bound(&self, node: &HardNode) -> bool {
        let session = self.sessions.present();
        node.is_root() || node.at(&session).is_ok_and(|own| session.fs.is_bound(&own))
    }

    fn pin(&self, node: &HardNode, pinned: bool) {
        node.pin(&self.sessions.present(), pinned);
    }

    fn moved(&self, node: &HardNode, to: Location<'_, HardNode>) {
        node.found_at((to.dir, to.name));
    }

    fn relieve(&self, want: usize) -> usize {
        self.sessions.present().fs.relieve(want)
    }

    fn change_queue(&self) -> Option<Box<dyn ChangeQueue<HardNode>>> {
        Some(Box::new(HardQueue::new(&self.sessions)?))
    }

    fn lock_tree(&self) -> Result<()> {
        self.own_tree.lock(self.sessions.root().0)
    }

    fn release(&self, call: &Call, nodes: Vec<HardNode>) {
        let session = self.sessions.present();
        session.fs.release(call, nodes.into_iter().filter_map(|node| node.into_own(&session)).collect());
    }

    fn release_handles(&self, call: &Call, handles: Vec<Arc<HardHandle>>) {
        let own = handles.iter().map(|handle| handle.own()).collect();
        drop(handles);
        self.sessions.present().fs.release_handles(call, own);
    }
}

impl fmt::Debug for HardLisaFs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HardLisaFs").field("sessions", &self.sessions).finish_non_exhaustive()
    }
}
