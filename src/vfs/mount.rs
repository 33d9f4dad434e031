//! One filesystem at one guest path.

use super::rights::Rights;
use crate::gofer::{DentryRef, FsOptions};

/// What a mount is made with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MountOptions {
    /// Whether guests may change anything through it (default false). The same directory can be mounted twice, once
    /// read-only; both share one cache.
    pub read_only: bool,
    /// The cache.
    pub fs: FsOptions,
}

impl MountOptions {
    /// Read-only, with the default cache.
    #[must_use]
    pub fn read_only() -> Self {
        MountOptions { read_only: true, fs: FsOptions::default() }
    }
}

/// A mount in a namespace.
#[derive(Debug)]
pub(crate) struct Mount {
    /// What it shows at that path.
    pub(crate) root: DentryRef,
    /// What it allows.
    pub(crate) rights: Rights,
}
