//! What a policy allows: one object that answers questions, so that no operation asks which policy it is.

use super::options::{CachePolicy, FsOptions};
use crate::backend::Capabilities;

/// The answers of one mount.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Coherence {
    policy: CachePolicy,
    caches_data: bool,
    share_handles: bool,
    confirms_name_at_open: bool,
    local_clock: bool,
    handles_end_by_drop: bool,
    watches: usize,
}

impl Coherence {
    /// The answers for `options` over a backend that can do `capabilities`.
    pub(crate) fn new(options: &FsOptions, capabilities: Capabilities) -> Self {
        let own_handles = options.cache == CachePolicy::None
            || options.disable_handle_sharing
            || (capabilities.stale_handles && options.cache == CachePolicy::Shared && !options.share_stale_handles);
        Coherence {
            policy: options.cache,
            caches_data: options.cache.owns_tree() && options.page_cache_bytes > 0,
            share_handles: !own_handles,
            confirms_name_at_open: capabilities.confirms_name_at_open,
            local_clock: capabilities.local_clock,
            handles_end_by_drop: capabilities.handles_end_by_drop,
            watches: options.watches,
        }
    }

    /// Whether cached names are answered without asking the backend.
    #[inline]
    pub(crate) fn trusts_names(self) -> bool {
        self.policy.owns_tree()
    }

    /// Whether cached attributes are answered without asking the backend.
    #[inline]
    pub(crate) fn trusts_attributes(self) -> bool {
        self.trusts_names()
    }

    /// How many directories may be watched, so that what is cached of them need not be confirmed before each use. None
    /// where it is trusted anyway.
    pub(crate) fn watches(self) -> usize {
        if self.trusts_names() { 0 } else { self.watches }
    }

    /// Whether a missing name is remembered, also in a directory that is not watched.
    pub(crate) fn may_cache_negative(self) -> bool {
        self.trusts_names()
    }

    /// Whether a directory's list is remembered, also of one that is not watched.
    pub(crate) fn may_cache_lists(self) -> bool {
        self.trusts_names()
    }

    /// Whether file data is cached, and lengths and times with it.
    #[inline]
    pub(crate) fn caches_data(self) -> bool {
        self.caches_data
    }

    /// Whether writes may be ahead of the backend.
    #[inline]
    pub(crate) fn writes_back(self) -> bool {
        self.caches_data && self.policy == CachePolicy::Exclusive
    }

    /// Whether the backend's own time of a write that has just been made is as good as ours: by the same clock, and seen
    /// by nobody yet.
    pub(crate) fn takes_backend_times(self) -> bool {
        self.local_clock
    }

    /// Whether an open is itself the check of the last name.
    pub(crate) fn confirms_name_at_open(self) -> bool {
        self.confirms_name_at_open
    }

    /// Whether handles are dropped instead of being handed back.
    #[inline]
    pub(crate) fn drops_handles(self) -> bool {
        self.handles_end_by_drop
    }

    /// Whether opens of one inode share its handles.
    #[inline]
    pub(crate) fn shares_handles(self) -> bool {
        self.share_handles
    }

    /// Whether handles outlive the last close until others need their place.
    pub(crate) fn keeps_idle_handles(self) -> bool {
        self.share_handles && self.trusts_names()
    }

    /// Whether handles to read outlive the last close for a moment, of files whose names are watched. Not for longer:
    /// others may unlink a file, and a kept handle would hold its blocks. Not to write: others may want to run it.
    pub(crate) fn keeps_watched_handles(self) -> bool {
        self.share_handles && self.watches() > 0
    }

    /// Whether the mount owns its tree, so that it is locked and must not overlap another.
    pub(crate) fn owns_tree(self) -> bool {
        self.trusts_names()
    }
}
