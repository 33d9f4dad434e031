//! `metadata-hash`.

use crate::abi::InodeKey;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

/// The keys of this process, which no guest learns.
static KEYS: LazyLock<[RandomState; 2]> = LazyLock::new(|| [RandomState::new(), RandomState::new()]);

/// The lower and the upper half of an object's hash: a keyed one of its identity alone. C libraries make the inode
/// number of it, so two names of one file have one hash, and it stays the same for as long as the process serves the
/// object, whatever is written to it; device and inode number cannot be computed from it.
pub(super) fn metadata_hash(key: &InodeKey) -> [u64; 2] {
    let [lower, upper] = &*KEYS;
    [lower.hash_one(key), upper.hash_one(key)]
}

#[cfg(test)]
mod tests {
    use super::metadata_hash;
    use crate::abi::InodeKey;

    #[test]
    fn metadata_hash_is_equal_for_equal_keys_and_differs_in_each_part() {
        let key = InodeKey { dev: 1, ino: 2, birth_ns: None };
        assert_eq!(metadata_hash(&key), metadata_hash(&key.clone()));
        let others = [
            InodeKey { dev: 2, ..key },
            InodeKey { ino: 3, ..key },
            InodeKey { birth_ns: std::num::NonZeroI64::new(1), ..key },
        ];
        for other in others {
            assert_ne!(metadata_hash(&key), metadata_hash(&other));
        }
        let [lower, upper] = metadata_hash(&key);
        assert!(lower != upper && lower != key.ino && upper != key.ino);
    }
}
