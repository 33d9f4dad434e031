//! What a server tells, checked before it is believed.

use super::connection::Connection;
use super::numbers::Number;
use crate::abi::{Errno, FileType, InodeKey, Result, Stat};
use crate::hostfs::Keys;
use crate::proto::lisafs::{FdId, Inode, Statx, WalkReply, WalkStatus};

/// An object in an answer: its control file, which is closed when this is dropped, and its attributes.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) control: Number,
    pub(super) stat: Stat,
}

/// The attributes in an answer. `EIO` where something is lacking, or has a value that no object has.
pub(super) fn stat(keys: Keys, wire: &Statx) -> Result<Stat> {
    Ok(key_as(keys, wire.to_stat()?))
}

/// The attributes with the key by which objects are told apart.
pub(super) fn key_as(keys: Keys, stat: Stat) -> Stat {
    match keys {
        Keys::WithBirth => stat,
        Keys::WithoutBirth => Stat { key: InodeKey { birth_ns: None, ..stat.key }, ..stat },
    }
}

/// An object in an answer. `EIO` as [`stat`], and for a number that refers to nothing.
pub(super) fn inode(connection: &Connection, keys: Keys, wire: &Inode) -> Result<Told> {
    // First, so that it is closed whatever else is wrong.
    let control = connection.own(wire.control);
    if wire.control == FdId::NONE {
        return Err(Errno::Io.into());
    }
    Ok(Told { control, stat: stat(keys, &wire.stat)? })
}

/// An object that was to be of a type; `EIO` for one of another.
pub(super) fn inode_as(connection: &Connection, keys: Keys, wire: &Inode, file_type: FileType) -> Result<Told> {
    let told = inode(connection, keys, wire)?;
    if told.stat.file_type == file_type { Ok(told) } else { Err(Errno::Io.into()) }
}

/// What a walk over `asked` names found. `EIO` when what it found does not fit to how it says that
/// it ended, or when it went through something that is no directory.
pub(super) fn walked(
    connection: &Connection,
    keys: Keys,
    reply: WalkReply<'_>,
    asked: usize,
) -> Result<(WalkStatus, Vec<Told>)> {
    // All of them, so that each number is closed. There are no more than were asked for: the transport has seen to that.
    let all: Vec<Result<Told>> = reply.inodes.iter().map(|wire| inode(connection, keys, wire)).collect();
    let told = all.into_iter().collect::<Result<Vec<_>>>()?;
    let last = told.last().map(|told| told.stat.file_type);
    let fits = match reply.status {
        WalkStatus::Complete => told.len() == asked,
        WalkStatus::Missing => told.len() < asked && last.is_none_or(|last| last == FileType::Directory),
        WalkStatus::Symlink => told.len() < asked && last == Some(FileType::Symlink),
    };
    let way = told.iter().rev().skip(1);
    if fits && way.into_iter().all(|told| told.stat.file_type == FileType::Directory) {
        Ok((reply.status, told))
    } else {
        Err(Errno::Io.into())
    }
}
