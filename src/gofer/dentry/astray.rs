//! Which directories somebody holds whose name was thrown out.

use super::id::DentryId;
use crate::abi::InodeKey;
use std::collections::HashMap;

/// Dentries of directories that are detached and referred to, by what the directories are.
///
/// A directory has one name. Where names are answered from the cache, a second dentry for it would have children of its
/// own, and what is made or removed through the one would never be seen through the other. So the first one comes back
/// when its name is found.
#[derive(Debug, Default)]
pub(super) struct Astray {
    /// Whether they are kept count of; elsewhere every name is asked about, through whichever dentry.
    pub(super) wanted: bool,
    by_key: HashMap<InodeKey, DentryId>,
}

impl Astray {
    pub(super) fn note(&mut self, key: InodeKey, id: DentryId) {
        if self.wanted {
            self.by_key.insert(key, id);
        }
    }

    /// The dentry that a directory has without a name.
    pub(super) fn find(&self, key: InodeKey) -> Option<DentryId> {
        // Mostly there is none, and the key need not be hashed.
        if self.by_key.is_empty() { None } else { self.by_key.get(&key).copied() }
    }

    /// Forgets a dentry: it is gone, or has a name.
    pub(super) fn forget(&mut self, key: InodeKey, id: DentryId) {
        if self.find(key) == Some(id) {
            self.by_key.remove(&key);
        }
    }

    /// Forgets a directory: it was removed, and what is this later is another one.
    pub(super) fn forget_directory(&mut self, key: InodeKey) {
        self.by_key.remove(&key);
    }
}
