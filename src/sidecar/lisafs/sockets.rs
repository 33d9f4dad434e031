//! Sockets: none are used or bound here. The module says why.

use super::session::Session;
use crate::abi::{Errno, FileType, Result};
use crate::proto::lisafs::{BindAt, Connect, FdId};

impl Session {
    pub(super) fn connect(&self, request: &Connect) -> Result<()> {
        let node = self.ids.lock().control(request.fd)?;
        let errno = if node.file_type == FileType::Socket { Errno::Opnotsupp } else { Errno::Inval };
        Err(errno.into())
    }

    pub(super) fn bind_at(&self, request: &BindAt<'_>) -> Result<()> {
        self.writable()?;
        let node = self.ids.lock().control(request.common.dir)?;
        let errno = if node.file_type == FileType::Directory { Errno::Opnotsupp } else { Errno::Notdir };
        Err(errno.into())
    }

    /// A message about a bound socket, of which there is none: `EINVAL` for a file of another kind.
    pub(super) fn no_socket(&self, fd: FdId) -> Result<()> {
        self.ids.lock().either(fd)?;
        Err(Errno::Inval.into())
    }
}
