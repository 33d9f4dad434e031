//! Extended attributes of users, where the export serves them.

use super::session::{Session, write};
use crate::abi::{Errno, Error, FileType, OpenFlags, Result};
use crate::hostfs::{open, walk, xattr};
use crate::proto::lisafs::{FGetXattr, FListXattr, FRemoveXattr, FSetXattr, FdId, Str, Strings, Writer};
use crate::sidecar::tree::{Node, Reach};
use rustix::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

impl Session {
    fn xattrs(&self) -> Result<()> {
        if self.shared.export.xattrs { Ok(()) } else { Err(Errno::Opnotsupp.into()) }
    }

    fn node_of(&self, fd: FdId) -> Result<Arc<Node>> {
        self.ids.lock().control(fd).map_err(Into::into)
    }

    /// Has `act` look at a file or directory through a descriptor that is opened for it. Anything else has no such
    /// attributes: `none` says what that means.
    fn with_open<T>(&self, node: &Arc<Node>, none: Errno, act: impl FnOnce(BorrowedFd<'_>) -> Result<T>) -> Result<T> {
        let tree = &self.shared.tree;
        match (tree.reach(node)?, node.file_type) {
            (Reach::Held(dir), _) => act(walk::readable(tree.host(), dir.as_fd())?.as_fd()),
            (Reach::Named(dir, name), FileType::Regular) => {
                let is = (node.key, node.file_type);
                let open = |flags| open::open_file(tree.host(), dir.as_fd(), name.as_name(), is, flags);
                let fd = match open(OpenFlags::READ) {
                    Err(Error::Errno(Errno::Acces)) => open(OpenFlags::WRITE),
                    other => other,
                }?;
                act(fd.as_fd())
            }
            (Reach::Remains(remains), FileType::Regular) if remains.is_open() => act(remains.as_fd()),
            _ => Err(none.into()),
        }
    }

    pub(super) fn f_get_xattr(&self, request: &FGetXattr<'_>, to: &mut Writer<'_>) -> Result<()> {
        self.xattrs()?;
        let node = self.node_of(request.fd)?;
        let most = match usize::try_from(request.size) {
            Ok(0) | Err(_) => usize::MAX,
            Ok(most) => most,
        };
        let guard = self.shared.tree.reading(&node);
        let value = self.with_open(&node, Errno::Nodata, |fd| xattr::get(fd, request.name.0, most))?;
        drop(guard);
        write(to, &Str(&value))
    }

    pub(super) fn f_set_xattr(&self, request: &FSetXattr<'_>) -> Result<()> {
        self.xattrs()?;
        self.writable()?;
        let node = self.node_of(request.fd)?;
        let _guard = self.shared.tree.writing(&node);
        self.with_open(&node, Errno::Perm, |fd| xattr::set(fd, request.name.0, request.value.0, request.flags))
    }

    pub(super) fn f_list_xattr(&self, request: &FListXattr, to: &mut Writer<'_>) -> Result<()> {
        self.xattrs()?;
        let node = self.node_of(request.fd)?;
        let guard = self.shared.tree.reading(&node);
        let names = match self.with_open(&node, Errno::Nodata, xattr::list) {
            Err(Error::Errno(Errno::Nodata)) => Ok(Vec::new()),
            other => other,
        }?;
        drop(guard);
        if request.size != 0 && u64::try_from(names.len()).is_ok_and(|length| length > request.size) {
            return Err(Errno::Range.into());
        }
        let each = names.split(|byte| *byte == 0).filter(|name| !name.is_empty());
        Strings::write(to, each).map_err(Into::into)
    }

    pub(super) fn f_remove_xattr(&self, request: &FRemoveXattr<'_>) -> Result<()> {
        self.xattrs()?;
        self.writable()?;
        let node = self.node_of(request.fd)?;
        let _guard = self.shared.tree.writing(&node);
        self.with_open(&node, Errno::Perm, |fd| xattr::remove(fd, request.name.0))
    }
}
