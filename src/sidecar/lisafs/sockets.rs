//! Sockets of the export: those of the host, to connect to, and those that clients make, to take connections. What the
//! export does not give is `EPERM`, for which gVisor's sentry makes a socket of its own in place of one of the host.

use super::bound_socket::{BoundSocket, readiness};
use super::open_file::Donation;
use super::session::{Donations, Session, write};
use crate::abi::{Errno, Error, FileType, Mode, Result, SocketKind};
use crate::hostfs::socket;
use crate::proto::lisafs::{
    Accept, BindAt, BindAtReply, Connect, ConnectWithCreds, FdId, Inode, Listen, Statx, Str, Writer,
};
use crate::sidecar::tree::{Node, Reach};
use rustix::fd::AsFd;
use smallvec::smallvec;
use std::sync::Arc;

/// Connections that may wait for a socket of a client's, whatever it asks for. Each is memory of the kernel's.
const BACKLOG_MAX: i32 = 1024;

impl Session {
    /// The socket that a control file is. `ENOTSOCK` for anything else.
    fn socket_of(&self, fd: FdId) -> Result<Arc<Node>> {
        let node = self.ids.lock().control(fd)?;
        if node.file_type == FileType::Socket { Ok(node) } else { Err(Errno::Notsock.into()) }
    }

    /// A connection to a socket of the export, which is the client's then. It is this process that connects: `EAGAIN`
    /// where it would have to wait for that.
    pub(super) fn connect(&self, request: &Connect) -> Result<Donations> {
        let node = self.socket_of(request.fd)?;
        if !self.shared.export.sockets().opens() {
            return Err(Errno::Perm.into());
        }
        let kind = SocketKind::from_raw(request.socket_type).ok_or(Errno::Nxio)?;
        let tree = &self.shared.tree;
        let _guard = tree.reading(&node);
        let Reach::Named(dir, name) = tree.reach(&node)? else { return Err(Errno::Inval.into()) };
        let connected = socket::connect(tree.host(), dir.as_fd(), name.as_name(), node.key, kind)?;
        Ok(smallvec![Donation::Owned(connected)])
    }

    /// There is nobody here but who serves, and he is not taken for another.
    pub(super) fn connect_with_creds(&self, request: &ConnectWithCreds) -> Result<()> {
        self.socket_of(request.connect.fd)?;
        Err(Errno::Opnotsupp.into())
    }

    /// A socket of the client's. Its name is the export's, and stays until somebody removes it.
    pub(super) fn bind_at(&self, request: &BindAt<'_>, to: &mut Writer<'_>) -> Result<Donations> {
        self.writable()?;
        let (common, name, export) = (&request.common, request.name, &self.shared.export);
        if self.ids.lock().control(common.dir)?.file_type != FileType::Directory {
            return Err(Errno::Notdir.into());
        }
        if !export.sockets().creates() {
            return Err(Errno::Perm.into());
        }
        let kind = SocketKind::from_raw(request.socket_type).ok_or(Errno::Nxio)?;
        let host = self.shared.tree.host();
        // One for each descriptor.
        let mut permits = [Some(self.room_to_open(1)?), None];
        let readiness = readiness(host, kind)?;
        if readiness.is_some() {
            permits[1] = Some(self.shared.opens.take().ok_or(Errno::Nfile)?);
        }
        let mut bound = None;
        let owner = self.owner(common.uid, common.gid);
        let (node, stat) = self.make_node((common.dir, name, owner), |dir| {
            let (socket, stat) = socket::bind(host, dir, name, kind, Mode::new(common.mode.into()))?;
            bound = Some(socket);
            Ok(stat)
        })?;
        let bound = bound.ok_or(Error::Errno(Errno::Io))?;
        let bound = Arc::new(BoundSocket::new((bound, readiness), Arc::clone(&node), permits));
        let donated = Donation::Bound(Arc::clone(&bound));
        let (control, socket) = {
            let mut ids = self.ids.lock();
            (ids.add_control(node), ids.add_bound(bound))
        };
        write(to, &BindAtReply { inode: &Inode { control, stat: Statx::from_stat(&stat) }, socket })?;
        Ok(smallvec![donated])
    }

    pub(super) fn listen(&self, request: &Listen) -> Result<()> {
        let socket = self.ids.lock().bound(request.socket)?;
        // As the kernel reads it: a negative one is as large as may be.
        let backlog = if request.backlog < 0 { BACKLOG_MAX } else { request.backlog.min(BACKLOG_MAX) };
        socket.listen(backlog)
    }

    /// A connection that came, without waiting for one. Where it came from is the host's business.
    pub(super) fn accept(&self, request: &Accept, to: &mut Writer<'_>) -> Result<Donations> {
        let socket = self.ids.lock().bound(request.socket)?;
        let taken = socket.accept(self.shared.tree.host())?;
        write(to, &Str(b""))?;
        Ok(smallvec![Donation::Owned(taken)])
    }
}
