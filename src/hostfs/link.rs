//! Hard links.

use super::Keys;
use super::errno::retry;
use super::remove::unlink_as;
use super::stat::{stat_at, stat_at_as};
use crate::abi::{Errno, InodeKey, Name, Result, Stat};
use rustix::fd::BorrowedFd;
use rustix::fs::{AtFlags, linkat};

/// Makes `name` in `dir` a further name of the object with `key` that is `old_name` in `old_dir`; of a symbolic link
/// itself. Answers its attributes afterwards.
///
/// `ESTALE`, and no new name, when the old name is another object's by now. `EPERM` for a directory.
pub(crate) fn link(
    keys: Keys,
    (old_dir, old_name, key): (BorrowedFd<'_>, Name<'_>, InodeKey),
    dir: BorrowedFd<'_>,
    name: Name<'_>,
) -> Result<Stat> {
    stat_at_as(keys, old_dir, old_name, key)?;
    // Without AT_SYMLINK_FOLLOW. Linking a held descriptor (AT_EMPTY_PATH) would be exact, but needs a capability.
    retry(|| linkat(old_dir, old_name.as_bytes(), dir, name.as_bytes(), AtFlags::empty()))?;
    linked(keys, dir, name, key)
}

/// Attributes of what was just linked to `name`, which must be the object with `key`. Somebody may have taken the old
/// name between the look and the link: then what is under the new one is an object that nobody asked for, and goes
/// again.
fn linked(keys: Keys, dir: BorrowedFd<'_>, name: Name<'_>, key: InodeKey) -> Result<Stat> {
    let stat = stat_at(keys, dir, name)?;
    if stat.key == key {
        return Ok(stat);
    }
    unlink_as(keys, dir, name, stat.key);
    Err(Errno::Stale.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fd::AsFd;

    #[test]
    fn linked_of_another_object_than_was_meant_takes_the_name_back() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        for name in ["meant", "taken", "new"] {
            std::fs::write(dir.path().join(name), "").expect("made");
        }
        let held = std::fs::File::open(dir.path()).expect("there");
        let at = held.as_fd();
        let name = |bytes| Name::new(bytes).expect("a name");
        let key = stat_at(Keys::WithBirth, at, name(b"meant")).expect("there").key;
        let linked = |new| linked(Keys::WithBirth, at, name(new), key);
        assert_eq!(linked(b"new"), Err(Errno::Stale.into()));
        assert!(!dir.path().join("new").exists());
        assert!(linked(b"meant").is_ok() && dir.path().join("meant").exists());
    }
}
