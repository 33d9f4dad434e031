//! How dentries are told apart.

/// "No dentry" among indices.
pub(crate) const NIL: u32 = u32::MAX;

/// A dentry, also across waits: the stamp tells a dentry from a later one in the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct DentryId {
    pub(crate) index: u32,
    pub(crate) stamp: u32,
}
