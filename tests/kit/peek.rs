//! The storage itself, past every cache.

use super::files::{READ, open, read_all, root};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use wasi_gofer::abi::{Call, Timespec};
use wasi_gofer::vfs::OpenDirectory;
use wasi_gofer::{CachePolicy, FsOptions, Gofer, MountOptions, SharedBackend};

/// What the storage has of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) data: Vec<u8>,
    pub(crate) mtime: Timespec,
}

/// Somebody who looks at the storage: by the kernel's calls, or through a mount of his own that caches nothing.
pub(crate) enum Peek {
    Host(PathBuf),
    Mounted { _gofer: Gofer, root: OpenDirectory },
}

impl Peek {
    pub(crate) fn host(path: impl Into<PathBuf>) -> Peek {
        Peek::Host(path.into())
    }

    /// Has the backend for himself as well as whoever mounted it before.
    pub(crate) fn mounted(backend: &SharedBackend) -> Peek {
        let fs = FsOptions { dentry_cache_limit: 0, ..FsOptions::with_policy(CachePolicy::None) };
        let mut builder = Gofer::builder();
        builder.mount("/", backend.clone(), MountOptions { read_only: false, fs });
        let gofer = builder.build().expect("the backend can be mounted");
        let (_, root) = root(&gofer);
        Peek::Mounted { _gofer: gofer, root }
    }

    /// What is there now.
    pub(crate) fn file(&self, name: &str) -> Result<Seen, String> {
        match self {
            Peek::Host(path) => {
                let path = path.join(name);
                let data = std::fs::read(&path).map_err(|error| format!("{name} on the host: {error}"))?;
                let meta = path.metadata().map_err(|error| format!("{name} on the host: {error}"))?;
                let nanos = u32::try_from(meta.mtime_nsec()).map_err(|error| error.to_string())?;
                Ok(Seen { data, mtime: Timespec { secs: meta.mtime(), nanos } })
            }
            Peek::Mounted { root, .. } => {
                let call = &Call::WAITING;
                let file = open(call, root, name, READ).map_err(|error| format!("{name} in the backend: {error}"))?;
                let data = read_all(call, &file).map_err(|error| format!("{name} in the backend: {error}"))?;
                let stat = file.stat(call).map_err(|error| format!("{name} in the backend: {error}"))?;
                Ok(Seen { data, mtime: stat.mtime })
            }
        }
    }
}
