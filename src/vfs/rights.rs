//! What may be done: the only place that decides it.
//!
//! Rights are the intersection of mount, preopen and open flags. A descriptor's rights are fixed when it is opened; what
//! is opened through a directory never has more than the directory.

use crate::abi::{Errno, Error, Result};

bitflags::bitflags! {
    /// What a descriptor may be used for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Rights: u8 {
        /// Reading a file's data; listing a directory.
        const READ = 1 << 0;
        /// Writing a file's data, changing its length.
        const WRITE = 1 << 1;
        /// Changing names and attributes: of what is reached through a directory, and of the object itself.
        const CHANGE = 1 << 2;
    }
}

impl Rights {
    /// What a mount allows.
    #[must_use]
    pub fn of_mount(read_only: bool) -> Rights {
        if read_only { Rights::READ } else { Rights::all() }
    }

    /// The rights of a file opened for `read` and `write` where `place` allows what it does. `EROFS` when writing is
    /// asked for and not allowed. A file opened for neither can be read, as under wasmtime.
    pub(super) fn of_open_file(place: Rights, read: bool, write: bool) -> Result<Rights> {
        if write {
            place.require(Rights::WRITE)?;
        }
        let mut rights = place & Rights::CHANGE;
        rights.set(Rights::READ, read || !write);
        rights.set(Rights::WRITE, write);
        Ok(rights)
    }

    /// `EROFS` unless a change is allowed here.
    pub(super) fn require(self, needed: Rights) -> Result<()> {
        if self.contains(needed) { Ok(()) } else { Err(Error::Errno(Errno::Rofs)) }
    }

    /// `EBADF` unless the descriptor was opened for this: what read(2), write(2) and ftruncate(2) answer.
    pub(super) fn require_opened(self, needed: Rights) -> Result<()> {
        if self.contains(needed) { Ok(()) } else { Err(Error::Errno(Errno::Badf)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_open_file_for_writing_on_a_read_only_mount_is_rofs() {
        let place = Rights::of_mount(true);
        assert_eq!(Rights::of_open_file(place, true, true), Err(Error::Errno(Errno::Rofs)));
        assert_eq!(Rights::of_open_file(place, true, false), Ok(Rights::READ));
    }

    #[test]
    fn of_open_file_for_reading_on_a_writable_mount_cannot_write() {
        let rights = Rights::of_open_file(Rights::all(), true, false).expect("allowed");
        assert_eq!(rights.require_opened(Rights::WRITE), Err(Error::Errno(Errno::Badf)));
    }
}
