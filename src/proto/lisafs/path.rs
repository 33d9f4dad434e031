//! Messages about names: walks, creations, removals, renames, links.

use super::attr::{Inode, Statx, mode_bits};
use super::list::{Names, StatPath};
use super::wire::{Decode, DecodeError, Encode, EncodeError, FdId, NO_ID, Reader, Str, Writer, messages};
use crate::abi::{FileType, Mode, Name};

/// The flag of an [`UnlinkAt`] that removes a directory (`AT_REMOVEDIR`).
pub const UNLINK_DIRECTORY: u32 = 0x200;

/// How a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum WalkStatus {
    /// Every name was found.
    Complete = 0,
    /// The name behind the last object of the answer does not exist.
    Missing = 1,
    /// The last object of the answer is a symbolic link, and names are left.
    Symlink = 2,
}

impl Decode<'_> for WalkStatus {
    fn decode(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match u8::decode(from)? {
            0 => Ok(WalkStatus::Complete),
            1 => Ok(WalkStatus::Missing),
            2 => Ok(WalkStatus::Symlink),
            _ => Err(DecodeError::Value),
        }
    }
}

impl Encode for WalkStatus {
    fn encode(&self, to: &mut Writer<'_>) -> Result<(), EncodeError> {
        (*self as u8).encode(to)
    }
}

messages! {
    /// Finds names, each in the one before it, without following symbolic links. Each object found is a new control
    /// file. A name behind a file is `ENOTDIR`, and then nothing is left to close.
    struct Walk<'a> {
        /// Where it starts.
        dir: FdId,
        /// The names.
        names: Names<'a>,
    }

    /// What a [`Walk`] found.
    struct WalkReply<'a> {
        /// How it ended.
        status: WalkStatus,
        /// The objects, one for each name up to the end.
        inodes: &'a [Inode],
    }

    /// As [`Walk`], for the attributes alone: nothing is left to close.
    struct WalkStat<'a> {
        /// Where it starts.
        dir: FdId,
        /// The names, and whether the start's own attributes come first.
        path: StatPath<'a>,
    }

    /// What a [`WalkStat`] found; shorter than the path when a name is missing or a symbolic link stands in the way.
    struct WalkStatReply<'a> {
        /// The attributes, in the order of the path.
        stats: &'a [Statx],
    }

    /// What all creations have in common.
    struct CreateCommon {
        /// The directory.
        dir: FdId,
        /// Owner, or [`NO_ID`].
        uid: u32,
        /// Group, or [`NO_ID`].
        gid: u32,
        /// Permission bits; of a [`MknodAt`] with the type.
        mode: u16,
    } pad 6

    /// Makes a directory; answered by its [`Inode`].
    struct MkdirAt<'a> {
        /// Where, and as what.
        common: CreateCommon,
        /// Its name.
        name: Name<'a>,
    }

    /// Makes a node that is no directory and no symbolic link; answered by its [`Inode`].
    struct MknodAt<'a> {
        /// Where, and as what.
        common: CreateCommon,
        /// Of a device, its number's minor half.
        minor: u32,
        /// Of a device, its number's major half.
        major: u32,
        /// Its name.
        name: Name<'a>,
    }

    /// Makes a symbolic link; answered by its [`Inode`].
    struct SymlinkAt<'a> {
        /// The directory.
        dir: FdId,
        /// Owner, or [`NO_ID`].
        uid: u32,
        /// Group, or [`NO_ID`].
        gid: u32,
        /// Its name.
        name: Name<'a>,
        /// Its contents, which nobody looks at.
        target: Str<'a>,
    }

    /// Makes a further name of a file; answered by its [`Inode`].
    struct LinkAt<'a> {
        /// The directory.
        dir: FdId,
        /// The file's control file.
        target: FdId,
        /// The new name.
        name: Name<'a>,
    }

    /// Asks for the contents of a symbolic link; answered by a [`Str`].
    struct ReadLinkAt {
        /// The link's control file.
        fd: FdId,
    }

    /// Removes a name.
    struct UnlinkAt<'a> {
        /// The directory.
        dir: FdId,
        /// [`UNLINK_DIRECTORY`] or 0.
        flags: u32,
        /// The name.
        name: Name<'a>,
    }

    /// Moves a name, replacing what is at the new one.
    struct RenameAt<'a> {
        /// The directory that it is in.
        old_dir: FdId,
        /// The directory that it goes to.
        new_dir: FdId,
        /// Its name.
        old_name: Name<'a>,
        /// Its name there.
        new_name: Name<'a>,
    }

    /// As [`RenameAt`], with the flags of renameat2(2).
    struct RenameAt2<'a> {
        /// Which name goes where.
        names: RenameAt<'a>,
        /// The flags (`RENAME_*`).
        flags: u32,
    }
}

impl CreateCommon {
    /// A creation in `dir` that leaves owner and group to the server. The type is 0 but for a [`MknodAt`].
    #[must_use]
    pub fn new(dir: FdId, file_type: Option<FileType>, mode: Mode) -> CreateCommon {
        let mode = match file_type {
            Some(file_type) => mode_bits(file_type, mode),
            None => mode_bits(FileType::Regular, mode) & 0o7777,
        };
        CreateCommon { dir, uid: NO_ID, gid: NO_ID, mode }
    }
}
