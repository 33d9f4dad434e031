//! The numbers by which a connection refers to files.

use super::bound_socket::BoundSocket;
use super::open_file::OpenFile;
use crate::abi::Errno;
use crate::hostfs::watch::HandedOut;
use crate::proto::lisafs::FdId;
use crate::sidecar::tree::Node;
use std::collections::HashMap;
use std::sync::Arc;

/// What a number refers to.
#[derive(Clone, Debug)]
enum File {
    Control(Arc<Node>),
    Open(Arc<OpenFile>),
    Bound(Arc<BoundSocket>),
    Queue(Arc<HandedOut>),
}

/// Most queues of changes of a connection: a mount needs one, and a user has not many.
const QUEUES_MAX: usize = 4;

/// What a number refers to, for messages that take either kind.
#[derive(Debug)]
pub(super) enum Either {
    Control(Arc<Node>),
    Open(Arc<OpenFile>),
}

/// The numbers of a connection. They begin at 1, rise, and are never used again.
#[derive(Debug)]
pub(super) struct Ids {
    files: HashMap<FdId, File, foldhash::quality::RandomState>,
    last: u64,
    controls: usize,
    queues: usize,
    controls_max: usize,
    opens_max: usize,
}

impl Ids {
    pub(super) fn new(controls_max: usize, opens_max: usize) -> Ids {
        Ids { files: HashMap::default(), last: 0, controls: 0, queues: 0, controls_max, opens_max }
    }

    /// `EMFILE` unless there is room for as many more control files and open ones, for which bound sockets count.
    pub(super) fn room(&self, controls: usize, opens: usize) -> Result<(), Errno> {
        let open = self.files.len().saturating_sub(self.controls).saturating_sub(self.queues);
        let fits = |there: usize, more: usize, most| there.checked_add(more).is_some_and(|sum| sum <= most);
        if fits(self.controls, controls, self.controls_max) && fits(open, opens, self.opens_max) {
            Ok(())
        } else {
            Err(Errno::Mfile)
        }
    }

    /// A number for a node.
    pub(super) fn add_control(&mut self, node: Arc<Node>) -> FdId {
        self.controls = self.controls.saturating_add(1);
        self.add(File::Control(node))
    }

    /// A number for an open file.
    pub(super) fn add_open(&mut self, file: Arc<OpenFile>) -> FdId {
        self.add(File::Open(file))
    }

    /// A number for a bound socket.
    pub(super) fn add_bound(&mut self, socket: Arc<BoundSocket>) -> FdId {
        self.add(File::Bound(socket))
    }

    /// `EMFILE` unless there is room for one more queue.
    pub(super) fn room_for_queue(&self) -> Result<(), Errno> {
        if self.queues < QUEUES_MAX { Ok(()) } else { Err(Errno::Mfile) }
    }

    /// A number for a queue, if there is room for one more.
    pub(super) fn add_queue(&mut self, queue: Arc<HandedOut>) -> Result<FdId, Errno> {
        self.room_for_queue()?;
        self.queues = self.queues.saturating_add(1);
        Ok(self.add(File::Queue(queue)))
    }

    /// `EBADF` for a number that refers to nothing, `EINVAL` for one of a file.
    pub(super) fn queue(&self, id: FdId) -> Result<Arc<HandedOut>, Errno> {
        match self.files.get(&id) {
            Some(File::Queue(queue)) => Ok(Arc::clone(queue)),
            Some(_) => Err(Errno::Inval),
            None => Err(Errno::Badf),
        }
    }

    /// `EBADF` for a number that refers to nothing, `EINVAL` for one of anything but a bound socket.
    pub(super) fn bound(&self, id: FdId) -> Result<Arc<BoundSocket>, Errno> {
        match self.files.get(&id) {
            Some(File::Bound(socket)) => Ok(Arc::clone(socket)),
            Some(_) => Err(Errno::Inval),
            None => Err(Errno::Badf),
        }
    }

    fn add(&mut self, file: File) -> FdId {
        // 2^64 numbers are not given in the life of a machine.
        self.last = self.last.wrapping_add(1);
        let id = FdId::new(self.last);
        self.files.insert(id, file);
        id
    }

    /// `EBADF` for a number that refers to nothing, `EINVAL` for one of anything but a control file.
    pub(super) fn control(&self, id: FdId) -> Result<Arc<Node>, Errno> {
        match self.files.get(&id) {
            Some(File::Control(node)) => Ok(Arc::clone(node)),
            Some(_) => Err(Errno::Inval),
            None => Err(Errno::Badf),
        }
    }

    /// `EBADF` for a number that refers to nothing, `EINVAL` for one of anything but an open file.
    pub(super) fn open(&self, id: FdId) -> Result<Arc<OpenFile>, Errno> {
        match self.files.get(&id) {
            Some(File::Open(file)) => Ok(Arc::clone(file)),
            Some(_) => Err(Errno::Inval),
            None => Err(Errno::Badf),
        }
    }

    /// `EBADF` for a number that refers to nothing, `EINVAL` for one of neither.
    pub(super) fn either(&self, id: FdId) -> Result<Either, Errno> {
        match self.files.get(&id) {
            Some(File::Control(node)) => Ok(Either::Control(Arc::clone(node))),
            Some(File::Open(file)) => Ok(Either::Open(Arc::clone(file))),
            Some(File::Bound(_) | File::Queue(_)) => Err(Errno::Inval),
            None => Err(Errno::Badf),
        }
    }

    /// Takes a number out; what it referred to is the caller's to drop, behind the lock of the numbers.
    pub(super) fn remove(&mut self, id: FdId) -> Option<Dropped> {
        let file = self.files.remove(&id)?;
        match file {
            File::Control(_) => self.controls = self.controls.saturating_sub(1),
            File::Queue(_) => self.queues = self.queues.saturating_sub(1),
            File::Open(_) | File::Bound(_) => {}
        }
        Some(Dropped(file))
    }
}

/// What a number referred to.
#[derive(Debug)]
pub(super) struct Dropped(#[expect(dead_code, reason = "dropped, and nothing else")] File);
