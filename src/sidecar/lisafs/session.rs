//! A connection: its files, and where each of its messages is answered.

use super::channels::Channels;
use super::ids::Ids;
use super::open_file::Donation;
use super::shared::Shared;
use crate::abi::{Errno, Error};
use crate::proto::lisafs::{AnyRequest, Close, Encode, Inode, Mid, MountReply, RenameAt2, Statx, Writer};
use crate::transport::lisafs::Incoming;
use parking_lot::Mutex;
use smallvec::SmallVec;
use std::sync::Arc;
use zerocopy::little_endian::U16;

/// The descriptors that go with an answer.
pub(super) type Donations = SmallVec<[Donation; 2]>;

/// Messages that are always in force. Those about sockets are also where they are refused: to gVisor's sentry a server that
/// offers none is no place for sockets at all, also for those of its own.
const OFFERED: &[Mid] = &[
    Mid::MOUNT,
    Mid::CHANNEL,
    Mid::F_STAT,
    Mid::SET_STAT,
    Mid::WALK,
    Mid::WALK_STAT,
    Mid::OPEN_AT,
    Mid::OPEN_CREATE_AT,
    Mid::CLOSE,
    Mid::F_SYNC,
    Mid::P_WRITE,
    Mid::P_READ,
    Mid::MKDIR_AT,
    Mid::MKNOD_AT,
    Mid::SYMLINK_AT,
    Mid::LINK_AT,
    Mid::F_STAT_FS,
    Mid::F_ALLOCATE,
    Mid::READ_LINK_AT,
    Mid::FLUSH,
    Mid::CONNECT,
    Mid::UNLINK_AT,
    Mid::RENAME_AT,
    Mid::GETDENTS64,
    Mid::BIND_AT,
    Mid::LISTEN,
    Mid::ACCEPT,
    Mid::RENAME_AT2,
    Mid::CHANGE_QUEUE,
    Mid::ADD_WATCH,
    Mid::REMOVE_WATCH,
    Mid::READ_DIR_STAT,
    Mid::APPEND,
];

/// Messages that are in force where extended attributes are served.
const OFFERED_XATTRS: &[Mid] = &[Mid::F_GET_XATTR, Mid::F_SET_XATTR, Mid::F_LIST_XATTR, Mid::F_REMOVE_XATTR];

/// One connection. Its messages may be answered by several threads at once, each in a different order then: whoever sends
/// them beside each other does not know which comes first.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) shared: Arc<Shared>,
    pub(super) ids: Mutex<Ids>,
    pub(super) channels: Arc<Channels>,
}

/// Writes an answer. What does not fit is `EOVERFLOW`.
pub(super) fn write(to: &mut Writer<'_>, answer: &impl Encode) -> Result<(), Error> {
    answer.encode(to).map_err(Into::into)
}

impl Session {
    pub(super) fn new(shared: Arc<Shared>) -> Session {
        let limits = shared.export.limits;
        Session { ids: Mutex::new(Ids::new(limits.controls, limits.opens)), channels: Arc::default(), shared }
    }

    /// Answers one request.
    pub(super) fn answer(self: &Arc<Session>, incoming: Incoming<'_>, to: &mut Writer<'_>) -> Result<Donations, Errno> {
        match AnyRequest::decode(incoming.mid, incoming.payload) {
            Some(Ok(request)) => self.dispatch(&request, to).map_err(Error::errno),
            Some(Err(error)) => Err(error.answer()),
            // The number of a failure is no request's.
            None if incoming.mid == Mid::ERROR => Err(Errno::Inval),
            None => Err(Errno::Opnotsupp),
        }
    }

    fn dispatch(self: &Arc<Session>, request: &AnyRequest<'_>, to: &mut Writer<'_>) -> Result<Donations, Error> {
        match request {
            AnyRequest::OpenAt(open) => return self.open_at(open, to),
            AnyRequest::OpenCreateAt(open) => return self.open_create_at(open, to),
            AnyRequest::Channel(_) => return self.channel(to),
            AnyRequest::ChangeQueue(_) => return self.change_queue(to),
            AnyRequest::Connect(connect) => return self.connect(connect),
            AnyRequest::BindAt(bind) => return self.bind_at(bind, to),
            AnyRequest::Accept(accept) => return self.accept(accept, to),
            AnyRequest::Mount(_) => self.mount(to),
            AnyRequest::FStat(stat) => self.f_stat(stat, to),
            AnyRequest::SetStat(set) => self.set_stat(set, to),
            AnyRequest::Walk(walk) => self.walk(walk, to),
            AnyRequest::WalkStat(walk) => self.walk_stat(walk, to),
            AnyRequest::Close(close) => self.close(close),
            AnyRequest::FSync(sync) => self.f_sync(sync),
            AnyRequest::PWrite(write) => self.p_write(write, to),
            AnyRequest::Append(append) => self.append(append, to),
            AnyRequest::PRead(read) => self.p_read(read, to),
            AnyRequest::MkdirAt(mkdir) => self.mkdir_at(mkdir, to),
            AnyRequest::MknodAt(mknod) => self.mknod_at(mknod, to),
            AnyRequest::SymlinkAt(symlink) => self.symlink_at(symlink, to),
            AnyRequest::LinkAt(link) => self.link_at(link, to),
            AnyRequest::FStatFs(stat) => self.f_stat_fs(stat, to),
            AnyRequest::FAllocate(allocate) => self.f_allocate(allocate),
            AnyRequest::ReadLinkAt(read) => self.read_link_at(read, to),
            AnyRequest::Flush(flush) => self.flush(flush),
            AnyRequest::UnlinkAt(unlink) => self.unlink_at(unlink),
            AnyRequest::RenameAt(names) => self.rename_at(&RenameAt2 { names: *names, flags: 0 }),
            AnyRequest::Getdents64(list) => self.getdents64(list, to),
            AnyRequest::FGetXattr(get) => self.f_get_xattr(get, to),
            AnyRequest::FSetXattr(set) => self.f_set_xattr(set),
            AnyRequest::FListXattr(list) => self.f_list_xattr(list, to),
            AnyRequest::FRemoveXattr(remove) => self.f_remove_xattr(remove),
            AnyRequest::Listen(listen) => self.listen(listen),
            AnyRequest::ConnectWithCreds(connect) => self.connect_with_creds(connect),
            AnyRequest::RenameAt2(rename) => self.rename_at(rename),
            AnyRequest::AddWatch(add) => self.add_watch(add, to),
            AnyRequest::RemoveWatch(remove) => self.remove_watch(remove),
            AnyRequest::ReadDirStat(list) => self.read_dir_stat(list, to),
        }
        .map(|()| Donations::new())
    }

    /// A control file of the root, and what this server can do.
    fn mount(&self, to: &mut Writer<'_>) -> Result<(), Error> {
        let root = self.shared.tree.root();
        let stat = Statx::from_stat(&self.stat_node(root)?);
        let xattrs = if self.shared.export.xattrs { OFFERED_XATTRS } else { &[] };
        let mids: Vec<U16> = OFFERED.iter().chain(xattrs).map(|mid| U16::new(mid.0)).collect();
        let mut ids = self.ids.lock();
        ids.room(1, 0)?;
        let inode = Inode { control: ids.add_control(Arc::clone(root)), stat };
        let max_message = self.shared.export.limits.max_message;
        let written = write(to, &MountReply { root: &inode, max_message, mids: &mids });
        if written.is_err() {
            ids.remove(inode.control);
        }
        written
    }

    fn close(&self, close: &Close<'_>) -> Result<(), Error> {
        let mut ids = self.ids.lock();
        let dropped: Vec<_> = close.fds.iter().filter_map(|id| ids.remove(*id)).collect();
        drop(ids);
        // Descriptors are closed, and nodes go, behind the lock.
        drop(dropped);
        Ok(())
    }

    /// `EROFS` where nothing may be changed.
    pub(super) fn writable(&self) -> Result<(), Errno> {
        if self.shared.export.read_only { Err(Errno::Rofs) } else { Ok(()) }
    }
}
