//! lisafs, the protocol between gVisor's sandbox and its gofer: every message of 0 to 33, as gVisor's versions from
//! 2022-12 to 2026-08 speak it; and messages of ours from 256 on, which two peers of this crate speak with each other
//! (docs/LISAFS.md).
//!
//! A connection is a stream of frames: a [`Header`], then as many bytes as it says. A request is answered by one frame
//! with the request's [`Mid`], or by one with [`Mid::ERROR`], whose payload is an errno. Integers are little endian; a
//! string is a `u16` length and its bytes; an array is a `u16` count and its items; nothing is aligned. Structs are
//! frozen: what is new gets a number of its own, and a server says in its answer to [`Mount`] which numbers it knows.
//!
//! # Decoding
//!
//! Types borrow from the frame that they were decoded from. Every length and count is compared with the bytes that are
//! there before anything is made of it, and decoding allocates nothing. Bytes behind the last field are ignored, as
//! gVisor's server does. Names are validated where the protocol means a name of a directory entry.
//!
//! # Encoding
//!
//! A [`Writer`] appends to a buffer of the caller up to a limit, which is the peer's largest message; nothing is
//! allocated beyond it.
//!
//! # Files
//!
//! `wire.rs` primitives, `mid.rs` numbers, `header.rs` frames, `attr.rs` and `set_stat.rs` attributes, `list.rs` arrays
//! of strings, then the messages by subject, and `table.rs`, which knows them all.

mod attr;
mod changes;
mod dirents;
mod file;
mod header;
mod list;
mod mid;
mod path;
mod session;
mod set_stat;
mod socket;
mod table;
#[cfg(test)]
mod tests;
mod wire;
mod xattr;

pub use attr::{FStat, FStatFs, Inode, StatFsReply, Statx, StatxTime};
pub use changes::{AddWatch, AddWatchReply, ChangeQueue, ChangeQueueReply, RemoveWatch, WATCH_ATTRIBUTES};
pub use dirents::{Dirents, DirentsWriter, Entries, Getdents64, ReadDirStat, StatDirent, StatDirents, WireDirent};
pub use file::{
    Append, AppendHead, AppendReply, FAllocate, FSync, Flush, OpenAt, OpenCreateAt, OpenCreateAtReply, OpenReply,
    PRead, PReadReply, PWrite, PWriteHead, PWriteReply, open_bits, open_flags,
};
pub use header::{HEADER_BYTES, Header};
pub use list::{Names, StatPath, Strings, WireNames};
pub use mid::{Mid, Offered};
pub use path::{
    CreateCommon, LinkAt, MkdirAt, MknodAt, ReadLinkAt, RenameAt, RenameAt2, SymlinkAt, UNLINK_DIRECTORY, UnlinkAt,
    Walk, WalkReply, WalkStat, WalkStatReply, WalkStatus,
};
pub use session::{Channel, ChannelReply, Close, ErrorReply, Mount, MountReply};
pub use set_stat::{SetStatReply, SetStatRequest};
pub use socket::{Accept, BindAt, BindAtReply, Connect, ConnectWithCreds, Listen};
pub use table::{AnyReply, AnyRequest, Request, created_ids};
pub use wire::{Decode, DecodeError, Encode, EncodeError, FdId, NO_ID, Reader, Str, Writer, decode};
pub use xattr::{FGetXattr, FListXattr, FRemoveXattr, FSetXattr};
