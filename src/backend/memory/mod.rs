//! A complete filesystem in memory, with Linux's semantics: for guests' scratch space, for embedders that build what
//! a guest sees, and as the model that tests compare with.
//!
//! There are hard links, symbolic links, pipes and sockets as names, sparse files, files that live on while they are
//! open without a name, and rename(2) with all its rules. Owners and modes are kept, not enforced: whoever has the
//! backend is root.
//!
//! # Bounds
//!
//! | what | bound | beyond it |
//! |---|---|---|
//! | bytes of files and of symbolic links | [`MemoryFs::max_bytes`], 256 MiB | `ENOSPC` |
//! | objects, and names of an object beyond its first | [`MemoryFs::max_inodes`], 1,048,576 | `ENOSPC` |
//!
//! Memory is reserved before it is allocated and never past the bounds. An object costs up to about 700 bytes beside its
//! contents, most of it its name; an extent of a file is counted with 128 bytes at least.

mod content;
mod handle;
mod inode;
mod limits;
mod names;
mod ops;

pub use handle::MemoryHandle;
pub use ops::MemoryNode;

use crate::abi::{Call, Errno, Error, FileType, Mode, Name, OpenFlags, Result, Timespec};
use crate::backend::{Backend, Handle};
use inode::{Body, Inode};
use limits::Limits;
use names::Names;
use parking_lot::RwLock;
use std::fmt;
use std::io::IoSlice;
use std::num::NonZeroI64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Bytes that a new filesystem holds at most.
const MAX_BYTES: u64 = 256 << 20;

/// Objects that a new filesystem holds at most.
const MAX_INODES: u64 = 1 << 20;

/// Where the device numbers begin: above all that makedev(3) can make of the kernel's 12-bit majors and 20-bit minors.
const FIRST_DEV: u64 = 1 << 32;

/// The backend of a filesystem in memory. See the [module](self).
///
/// ```
/// use wasi_gofer::backend::memory::MemoryFs;
///
/// let files = MemoryFs::new().max_bytes(1 << 20).with_file("etc/motd", "hello\n")?;
/// # Ok::<(), wasi_gofer::abi::Error>(())
/// ```
pub struct MemoryFs {
    dev: u64,
    next_ino: AtomicU64,
    limits: Arc<Limits>,
    clock: Clock,
    /// Which names there are. Locked before any object's contents and attributes.
    names: RwLock<Names>,
    root: Arc<Inode>,
}

/// The source of times.
#[derive(Clone)]
struct Clock(Arc<dyn Fn() -> Timespec + Send + Sync>);

impl Clock {
    fn now(&self) -> Timespec {
        (self.0)()
    }
}

impl MemoryFs {
    /// An empty filesystem with the default bounds.
    #[must_use]
    pub fn new() -> MemoryFs {
        // One number a filesystem: 2^64 are not made.
        static NEXT_DEV: AtomicU64 = AtomicU64::new(FIRST_DEV);
        let dev = NEXT_DEV.fetch_add(1, Ordering::Relaxed);
        let clock = Clock(Arc::new(system_time));
        let limits = Arc::new(Limits::new(MAX_BYTES, MAX_INODES));
        limits.take_root();
        let key = key_of(dev, 1);
        let root = Inode::new(key, Body::Directory, Mode::new(0o755), clock.now(), Arc::clone(&limits));
        let names = RwLock::new(Names::new(&root));
        MemoryFs { dev, next_ino: AtomicU64::new(2), limits, clock, names, root }
    }

    /// Holds at most `bytes` of file contents and link targets.
    #[must_use]
    pub fn max_bytes(self, bytes: u64) -> MemoryFs {
        self.limits.set_max_bytes(bytes);
        self
    }

    /// Holds at most `inodes` objects, the root included; each name of an object beyond its first counts as one more.
    #[must_use]
    pub fn max_inodes(self, inodes: u64) -> MemoryFs {
        self.limits.set_max_inodes(inodes);
        self
    }

    /// Takes times from `clock` instead of the system's; for tests.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Fn() -> Timespec + Send + Sync + 'static) -> MemoryFs {
        self.clock = Clock(Arc::new(clock));
        self.root.set_all_times(self.clock.now());
        self
    }

    /// Adds the file `path` with `contents`, mode 0644, and the directories on the way to it that are missing, mode
    /// 0755. Components are separated by `/`; leading, trailing and double ones mean nothing. `EEXIST` when the name
    /// is taken.
    pub fn with_file(self, path: impl AsRef<[u8]>, contents: impl AsRef<[u8]>) -> Result<MemoryFs> {
        let call = &Call::WAITING;
        let mut names = Vec::new();
        for component in path.as_ref().split(|&byte| byte == b'/').filter(|component| !component.is_empty()) {
            names.push(Name::new(component)?);
        }
        let (last, dirs) = names.split_last().ok_or(Errno::Isdir)?;
        let mut dir = self.root(call)?.node;
        for name in dirs {
            let next = match self.lookup(call, &dir, *name) {
                Err(Error::Errno(Errno::Noent)) => self.mkdir(call, &dir, *name, Mode::new(0o755)),
                found => found,
            }?;
            if next.stat.file_type != FileType::Directory {
                return Err(Errno::Notdir.into());
            }
            dir = next.node;
        }
        let file = self.create(call, &dir, *last, OpenFlags::WRITE, Mode::new(0o644))?.handle;
        let mut rest = contents.as_ref();
        let mut offset = 0;
        while !rest.is_empty() {
            let written = file.write_at(call, &[IoSlice::new(rest)], offset)?;
            rest = rest.get(written..).unwrap_or_default();
            offset += written as u64;
        }
        Ok(self)
    }

    /// A new object without a name. `ENOSPC` when there are too many, or no room for a link's contents.
    fn make(&self, body: Body, mode: Mode) -> Result<Arc<Inode>> {
        // Given back by the inode when it goes.
        let bytes = body.own_bytes();
        self.limits.take_bytes(bytes)?;
        if let Err(error) = self.limits.take_inode() {
            self.limits.give_bytes(bytes);
            return Err(error);
        }
        let key = key_of(self.dev, self.next_ino.fetch_add(1, Ordering::Relaxed));
        Ok(Inode::new(key, body, mode, self.clock.now(), Arc::clone(&self.limits)))
    }
}

impl Default for MemoryFs {
    fn default() -> Self {
        MemoryFs::new()
    }
}

impl fmt::Debug for MemoryFs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryFs").field("dev", &self.dev).field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// Inode numbers are never used twice, so they serve as birth times too.
fn key_of(dev: u64, ino: u64) -> crate::abi::InodeKey {
    crate::abi::InodeKey { dev, ino, birth_ns: NonZeroI64::new(ino.cast_signed()) }
}

fn system_time() -> Timespec {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timespec { secs: i64::try_from(since.as_secs()).unwrap_or(i64::MAX), nanos: since.subsec_nanos() }
}
