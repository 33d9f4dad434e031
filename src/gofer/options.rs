//! What the owner of a mount chooses about its cache.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Who else changes the tree while it is mounted, and so what may be answered from the cache. The names in brackets are
/// gVisor's for the same choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CachePolicy {
    /// Nobody else (`fscache`): names, missing names, directory lists and attributes are answered from the cache.
    Exclusive,
    /// Others only read (`fscache_writethrough`): as `Exclusive`, and every write reaches the backend at once.
    Writethrough,
    /// Anybody (`remote_revalidating`): what is cached is checked before every use, by the backend's change queue where
    /// that tells enough, else by asking the backend.
    #[default]
    Shared,
    /// Anybody (`none`): as `Shared`, and each open file has a backend handle of its own, opened with its own flags.
    None,
}

impl CachePolicy {
    /// Every policy, in the order of the documentation.
    pub const ALL: [CachePolicy; 4] =
        [CachePolicy::Exclusive, CachePolicy::Writethrough, CachePolicy::Shared, CachePolicy::None];

    /// The name in options and statistics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            CachePolicy::Exclusive => "exclusive",
            CachePolicy::Writethrough => "writethrough",
            CachePolicy::Shared => "shared",
            CachePolicy::None => "none",
        }
    }

    /// Whether nobody else changes the tree, so that what is cached of it is trusted.
    pub(crate) const fn owns_tree(self) -> bool {
        match self {
            CachePolicy::Exclusive | CachePolicy::Writethrough => true,
            CachePolicy::Shared | CachePolicy::None => false,
        }
    }
}

impl fmt::Display for CachePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A policy name that does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownPolicy(pub String);

impl fmt::Display for UnknownPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown cache policy `{}`: use exclusive, writethrough, shared or none", self.0)
    }
}

impl std::error::Error for UnknownPolicy {}

impl FromStr for CachePolicy {
    type Err = UnknownPolicy;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "exclusive" | "fscache" => Ok(CachePolicy::Exclusive),
            "writethrough" | "fscache_writethrough" => Ok(CachePolicy::Writethrough),
            "shared" | "remote_revalidating" => Ok(CachePolicy::Shared),
            "none" => Ok(CachePolicy::None),
            other => Err(UnknownPolicy(other.to_owned())),
        }
    }
}

/// When reading moves a file's access time, in the policies that keep times by the client's clock (mount(8)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AtimePolicy {
    /// When it is not later than the last change, or a day old.
    #[default]
    Relatime,
    /// Never, by what the cache answers; what it fetches still counts as a read for the backend.
    Noatime,
}

/// Bounds and choices of one cache. Mounts of one directory with equal options share one cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FsOptions {
    /// Who else changes the tree.
    pub cache: CachePolicy,
    /// Most dentries, negative ones included, that are kept (default 65,536; 0 keeps none). Those that are in use count,
    /// but do not go: what is over the limit because of them costs unused ones their place.
    pub dentry_cache_limit: usize,
    /// Most bytes that those dentries and their inodes take (default 64 MiB).
    pub dentry_cache_bytes: usize,
    /// Most negative entries of one directory (default 4,096); stops a guest that probes random names from filling the
    /// cache with them.
    pub negative_limit: usize,
    /// Largest directory list that is kept, in bytes (default 8 MiB); a larger directory is streamed with the backend's
    /// cookies.
    pub list_limit: usize,
    /// Most bytes of directory lists that the cache keeps (default 32 MiB).
    pub list_cache_bytes: usize,
    /// Most backend handles of files that nobody has open (default 256); they make the next open cheap.
    pub idle_handle_limit: usize,
    /// Whether the policies that own the tree lock its root (default true); `lock=off` mounts a tree that somebody else
    /// holds.
    pub lock: bool,
    /// Whether, on filesystems whose handles go stale (overlayfs before copy-up), opens share handles all the same
    /// (default false). gVisor: the opposite sense of `overlayfs_stale_read`.
    pub share_stale_handles: bool,
    /// Whether every open gets a handle of its own (default false). gVisor: `disable_file_handle_sharing`.
    pub disable_handle_sharing: bool,
    /// Most bytes of file data that the cache keeps, with what it takes to keep them (default 64 MiB; 0 caches no data,
    /// and every write is one of the backend). Only `Exclusive` and `Writethrough` cache data.
    pub page_cache_bytes: usize,
    /// Bytes of a page (default 4,096): a power of two, 512 to 65,536.
    pub page_bytes: usize,
    /// Whether transfers of 64 KiB and more go through the page cache too (default false: they go past it, straight
    /// between the guest and the backend).
    pub force_page_cache: bool,
    /// How long `Exclusive` keeps a change of a file's data from the backend at most (default 1 s).
    pub writeback: Duration,
    /// When reading moves access times in `Exclusive` and `Writethrough` (default relatime).
    pub atime: AtimePolicy,
    /// Most directories that `Shared` and `None` have the backend's change queue watch, where it offers one (default
    /// 8,192; 0 watches none): what is watched is answered from the cache once the queue is seen to be empty.
    pub watches: usize,
    /// How often a directory must have been wanted to be watched before there is a queue at all (`None`, the default: as
    /// the backend says, [`Capabilities::queue_pays_after`](crate::backend::Capabilities)). Each time stands for one
    /// question to the backend or more. The end of a queue takes the kernel milliseconds, and a process that ends with its
    /// guest waits for them; one that lives on does not.
    pub queue_after: Option<u32>,
}

impl Default for FsOptions {
    fn default() -> Self {
        FsOptions {
            cache: CachePolicy::default(),
            dentry_cache_limit: 65_536,
            dentry_cache_bytes: 64 << 20,
            negative_limit: 4_096,
            list_limit: 8 << 20,
            list_cache_bytes: 32 << 20,
            idle_handle_limit: 256,
            lock: true,
            share_stale_handles: false,
            disable_handle_sharing: false,
            page_cache_bytes: 64 << 20,
            page_bytes: 4096,
            force_page_cache: false,
            writeback: Duration::from_secs(1),
            atime: AtimePolicy::default(),
            watches: 8_192,
            queue_after: None,
        }
    }
}

impl FsOptions {
    /// The defaults with this policy.
    #[must_use]
    pub fn with_policy(cache: CachePolicy) -> Self {
        FsOptions { cache, ..FsOptions::default() }
    }

    /// Whether the page cache can have pages of this size.
    pub(crate) fn page_bytes_fit(&self) -> bool {
        self.page_bytes.is_power_of_two() && (512..=65_536).contains(&self.page_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::CachePolicy;

    #[test]
    fn from_str_of_every_own_name_is_the_policy() {
        for policy in CachePolicy::ALL {
            assert_eq!(policy.name().parse(), Ok(policy));
        }
    }

    #[test]
    fn from_str_of_an_unknown_name_says_the_valid_ones() {
        let error = "sharde".parse::<CachePolicy>().unwrap_err().to_string();
        assert!(error.contains("`sharde`") && error.contains("shared"), "{error}");
    }
}
