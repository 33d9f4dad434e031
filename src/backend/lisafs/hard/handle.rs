//! An open file, over all connections.

use super::node::HardNode;
use super::sessions::{Session, Sessions};
use crate::abi::{Call, Errno, Error, FileType, Name, NameBuf, OpenFlags, Result, SetStat, SetStatReport, Stat};
use crate::backend::lisafs::{LisaHandle, LisaNode};
use crate::backend::{Advice, Backend, Handle, Location, Object};
use parking_lot::Mutex;
use std::fmt;
use std::io::{IoSlice, IoSliceMut};
use std::sync::Arc;

/// How often a request is sent again over a further connection.
const TRIES: usize = 8;

/// How many directories above a file are found anew on the way to it (`PATH_MAX` holds no more).
const DEPTH_MAX: usize = 2_048;

/// A file of a [`super::HardLisaFs`], open with some access.
pub struct HardHandle {
    sessions: Arc<Sessions>,
    access: OpenFlags,
    /// What it is open of, which knows where that was found or moved to last.
    node: HardNode,
    /// Where it was opened; `None` for a file that is the mount's root.
    place: Option<(HardNode, NameBuf)>,
    /// The connection's own, and which connection that was.
    own: Mutex<(u64, Arc<LisaHandle>)>,
}

impl HardHandle {
    pub(super) fn new(
        sessions: &Arc<Sessions>,
        (session, own): (&Session, Arc<LisaHandle>),
        node: &HardNode,
        access: OpenFlags,
        place: Option<(HardNode, NameBuf)>,
    ) -> HardHandle {
        HardHandle {
            sessions: Arc::clone(sessions),
            node: node.clone(),
            access: access - OpenFlags::TRUNC,
            place,
            own: Mutex::new((session.number, own)),
        }
    }

    /// The connection's own handle.
    pub(super) fn own(&self) -> Arc<LisaHandle> {
        Arc::clone(&self.own.lock().1)
    }

    /// The handle of a connection that has not ended, with the attributes that the file had when it was found, where it had
    /// to be for this call. `ESTALE` where it is not found any more, [`Error::Unbound`] where that connection ended too.
    fn live(&self, call: &Call) -> Result<(Arc<LisaHandle>, Option<Stat>)> {
        let session = self.sessions.live(call).map_err(gone)?;
        let (number, own) = {
            let own = self.own.lock();
            (own.0, Arc::clone(&own.1))
        };
        if number == session.number {
            return Ok((own, None));
        }
        let (opened, found) = self.open_again(call, &session).map_err(|error| match error {
            // Something on the way is elsewhere, unless it was the connection that ended.
            Error::Unbound if !session.fs.is_over() => Errno::Stale.into(),
            error => gone(error),
        })?;
        // Its last user may be reading through the old one's descriptor.
        let before = std::mem::replace(&mut *self.own.lock(), (session.number, Arc::clone(&opened)));
        drop(before);
        Ok((opened, found))
    }

    /// Opens it anew: where it is as far as is known, else where it was opened. Other links of it may be left in one place
    /// and not in the other.
    fn open_again(&self, call: &Call, session: &Session) -> Result<(Arc<LisaHandle>, Option<Stat>)> {
        if self.node.is_root() {
            let (key, file_type) = (self.node.key(), FileType::Regular);
            let object = Object { node: &*session.root, location: None, key, file_type };
            return Ok((session.fs.open(call, object, self.access)?, None));
        }
        let mut answer = Err(Errno::Stale.into());
        for (dir, name) in [self.node.place(), self.place.clone()].into_iter().flatten() {
            answer = self.open_at(call, session, &dir, name.as_name());
            if !matches!(answer, Err(Error::Errno(Errno::Stale | Errno::Noent | Errno::Notdir))) {
                break;
            }
        }
        answer
    }

    fn open_at(
        &self,
        call: &Call,
        session: &Session,
        dir: &HardNode,
        name: Name<'_>,
    ) -> Result<(Arc<LisaHandle>, Option<Stat>)> {
        let (key, file_type) = (self.node.key(), FileType::Regular);
        let dir = find(call, session, dir)?;
        let found = session.fs.lookup(call, &dir, name)?;
        if (found.stat.key, found.stat.file_type) != (key, file_type) {
            return Err(Errno::Stale.into());
        }
        let location = Some(Location { dir: &*dir, name });
        let object = Object { node: &found.node, location, key, file_type };
        Ok((session.fs.open(call, object, self.access)?, Some(found.stat)))
    }

    /// Asks a server that is there, again where it went away meanwhile: for what comes to the same when it is done twice.
    fn asked<T>(&self, call: &Call, ask: &mut dyn FnMut(&LisaHandle) -> Result<T>) -> Result<T> {
        self.asked_or_found(call, &mut |own, _| ask(own))
    }

    /// As [`HardHandle::asked`], for who may have its answer from what was found on the way.
    fn asked_or_found<T>(&self, call: &Call, ask: &mut dyn FnMut(&LisaHandle, Option<Stat>) -> Result<T>) -> Result<T> {
        for _ in 0..TRIES {
            let (own, found) = match self.live(call) {
                Err(Error::Unbound) => continue,
                live => live?,
            };
            match ask(&own, found) {
                Err(Error::Errno(Errno::Io) | Error::Unbound) if own.is_over() => {}
                answer => return answer,
            }
        }
        Err(Errno::Io.into())
    }
}

/// A directory over a connection that did not find it yet: found by the names under which it was found before.
fn find(call: &Call, session: &Session, dir: &HardNode) -> Result<Arc<LisaNode>> {
    let mut way = Vec::new();
    let mut at = dir.clone();
    let mut found = loop {
        if let Ok(node) = at.at(session) {
            break node;
        }
        let (above, name) = at.place().filter(|_| way.len() < DEPTH_MAX).ok_or(Errno::Stale)?;
        way.push((at, name));
        at = above;
    };
    while let Some((node, name)) = way.pop() {
        let below = session.fs.lookup(call, &found, name.as_name())?;
        if below.stat.key != node.key() {
            return Err(Errno::Stale.into());
        }
        found = node.bind(session, below.node);
    }
    Ok(found)
}

/// Of a file that is open: where nothing is found it is stale.
fn gone(error: Error) -> Error {
    if error.is(Errno::Noent) { Errno::Stale.into() } else { error }
}

impl Handle for HardHandle {
    fn read_at(&self, call: &Call, bufs: &mut [IoSliceMut<'_>], offset: u64) -> Result<usize> {
        let own = self.own();
        if own.has_host_fd() {
            return own.read_at(call, bufs, offset);
        }
        self.asked(call, &mut |own| own.read_at(call, bufs, offset))
    }

    fn write_at(&self, call: &Call, bufs: &[IoSlice<'_>], offset: u64) -> Result<usize> {
        let own = self.own();
        if own.has_host_fd() {
            return own.write_at(call, bufs, offset);
        }
        self.asked(call, &mut |own| own.write_at(call, bufs, offset))
    }

    fn append(&self, call: &Call, bufs: &[IoSlice<'_>]) -> Result<(usize, u64)> {
        let own = self.own();
        if own.has_host_fd() {
            return own.append(call, bufs);
        }
        // Again where nothing was sent.
        let appended = self.asked(call, &mut |own| match own.append(call, bufs) {
            Err(Error::Errno(Errno::Io)) if own.is_over() => {
                // What was appended by a request whose answer got lost cannot be told from what somebody else appended.
                self.sessions.count_undecided();
                Ok(Err(Errno::Io.into()))
            }
            answer => answer.map(Ok),
        });
        appended.flatten()
    }

    fn stat(&self, call: &Call) -> Result<Stat> {
        let own = self.own();
        if own.stats_here() {
            return own.stat(call);
        }
        // What it was found with was asked for behind the beginning of this call, and of the same object.
        self.asked_or_found(call, &mut |own, found| found.map_or_else(|| own.stat(call), Ok))
    }

    fn stats_locally(&self) -> bool {
        self.own().stats_here()
    }

    fn set_stat(&self, call: &Call, set: &SetStat) -> Result<SetStatReport> {
        let asked = self.asked(call, &mut |own| own.set_stat(call, set));
        match asked {
            // It has no name any more: what its descriptor can do is left.
            Err(Error::Errno(Errno::Stale)) => self.own().set_stat_here(call, set),
            asked => asked,
        }
    }

    fn sync(&self, call: &Call, data_only: bool) -> Result<()> {
        let own = self.own();
        if own.has_host_fd() {
            return own.sync(call, data_only);
        }
        self.asked(call, &mut |own| own.sync(call, data_only))
    }

    fn allocate(&self, call: &Call, offset: u64, len: u64) -> Result<()> {
        let own = self.own();
        if own.has_host_fd() {
            return own.allocate(call, offset, len);
        }
        self.asked(call, &mut |own| own.allocate(call, offset, len))
    }

    fn advise(&self, call: &Call, offset: u64, len: u64, advice: Advice) -> Result<()> {
        self.own().advise(call, offset, len, advice)
    }
}

impl fmt::Debug for HardHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HardHandle").field("own", &self.own()).finish_non_exhaustive()
    }
}
