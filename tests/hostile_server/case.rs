//! What a case is.

use crate::proxy::{Lie, Reply};
use std::sync::Arc;
use wasi_gofer::abi::Errno;
use wasi_gofer::proto::lisafs::Mid;

/// What is asked of the backend when it is lied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Mount,
    Walk,
    Stat,
    Revalidate,
    RevalidateEnd,
    Open,
    OpenToWrite,
    Create,
    Mkdir,
    Mknod,
    Symlink,
    Link,
    Rename,
    Unlink,
    Readlink,
    List,
    /// With attributes.
    ListFound,
    StatFs,
    SetStat,
    Xattr,
    /// By messages.
    Read,
    Write,
    Append,
    /// The same, of a server that has no message for it.
    AppendByTurns,
    Sync,
    Allocate,
}

/// What comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// One of these.
    Fails(&'static [Errno]),
    /// The truth: the lie is about what nobody uses.
    Works,
}

/// One lie, and what comes of it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) what: What,
    /// The request whose answer is replaced.
    pub(crate) mid: u16,
    pub(crate) lie: Lie,
    pub(crate) expected: Expected,
    /// Whether the connection ends.
    pub(crate) ends: bool,
    /// Whether each answer is replaced.
    pub(crate) always: bool,
}

pub(crate) const EIO: Expected = Expected::Fails(&[Errno::Io]);
pub(crate) const ESTALE: Expected = Expected::Fails(&[Errno::Stale]);
pub(crate) const WORKS: Expected = Expected::Works;

impl Case {
    pub(crate) fn new(
        name: &'static str,
        (what, mid): (What, Mid),
        expected: Expected,
        lie: impl Fn(&mut Reply) + Send + Sync + 'static,
    ) -> Case {
        Case { name, what, mid: mid.0, lie: Arc::new(lie), expected, ends: false, always: false }
    }

    /// The connection ends.
    pub(crate) fn ends(self) -> Case {
        Case { ends: true, ..self }
    }

    /// Whether the answer does not come until the truth is said again.
    pub(crate) fn stalls(&self) -> bool {
        matches!(self.expected, Expected::Fails(errnos) if errnos.contains(&Errno::Timedout))
    }

    /// Each answer is replaced.
    pub(crate) fn always(self) -> Case {
        Case { always: true, ..self }
    }
}

/// Overwrites bytes of an answer, if it has them: a guest's requests are not all those that a case is made for.
pub(crate) fn put(reply: &mut Reply, at: usize, bytes: &[u8]) {
    if let Some(place) = reply.payload.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

/// The bytes of an answer from `at` on.
pub(crate) fn rest(reply: &Reply, at: usize) -> Vec<u8> {
    reply.payload.get(at..).unwrap_or_default().to_vec()
}

/// Places in a `Statx`, and before one in an `Inode`.
pub(crate) mod at {
    pub(crate) const MASK: usize = 0;
    pub(crate) const BLKSIZE: usize = 4;
    pub(crate) const NLINK: usize = 16;
    pub(crate) const MODE: usize = 28;
    pub(crate) const INO: usize = 32;
    pub(crate) const SIZE: usize = 40;
    pub(crate) const BLOCKS: usize = 48;
    pub(crate) const MTIME_NANOS: usize = 120;
    /// The attributes of the first object of a walk, behind status, count and number.
    pub(crate) const WALKED: usize = 11;
    /// The attributes of an object alone, behind its number.
    pub(crate) const INODE: usize = 8;
    pub(crate) const INODE_BYTES: usize = 152;
    pub(crate) const STATX_BYTES: usize = 144;
}

pub(crate) const DIRECTORY: [u8; 2] = 0o040_755u16.to_le_bytes();
pub(crate) const REGULAR: [u8; 2] = 0o100_644u16.to_le_bytes();
pub(crate) const SYMLINK: [u8; 2] = 0o120_777u16.to_le_bytes();
pub(crate) const FIFO: [u8; 2] = 0o010_644u16.to_le_bytes();
