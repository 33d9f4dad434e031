//! All messages in one table: which request is answered by what, and with how many descriptors.

use super::attr::{FStat, FStatFs, Inode, StatFsReply, Statx};
use super::changes::{AddWatch, AddWatchReply, ChangeQueue, ChangeQueueReply, RemoveWatch};
use super::dirents::{Dirents, Getdents64, ReadDirStat, StatDirents};
use super::file::{
    Append, AppendHead, AppendReply, FAllocate, FSync, Flush, OpenAt, OpenCreateAt, OpenCreateAtReply, OpenReply,
    PRead, PReadReply, PWrite, PWriteHead, PWriteReply,
};
use super::list::Strings;
use super::mid::Mid;
use super::path::{
    LinkAt, MkdirAt, MknodAt, ReadLinkAt, RenameAt, RenameAt2, SymlinkAt, UnlinkAt, Walk, WalkReply, WalkStat,
    WalkStatReply,
};
use super::session::{Channel, ChannelReply, Close, ErrorReply, Mount, MountReply};
use super::set_stat::{SetStatReply, SetStatRequest};
use super::socket::{Accept, BindAt, BindAtReply, Connect, ConnectWithCreds, Listen};
use super::wire::{Decode, DecodeError, Encode, EncodeError, FdId, Reader, Str, Writer, decode};
use super::xattr::{FGetXattr, FListXattr, FRemoveXattr, FSetXattr};

/// A request, with what belongs to it.
pub trait Request: Encode {
    /// Its number.
    const MID: Mid;
    /// Descriptors that may come with the answer.
    const FDS: usize;
    /// The answer.
    type Reply<'r>: Decode<'r>;
}

/// The answer of a message that has none.
impl Decode<'_> for () {
    fn decode(_: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(())
    }
}

impl Encode for () {
    fn encode(&self, _: &mut Writer<'_>) -> Result<(), EncodeError> {
        Ok(())
    }
}

macro_rules! table {
    ($($mid:ident $variant:ident $request:ident $(<$life:lifetime>)? => $reply:ty, $fds:literal;)*) => {
        $(impl $(<$life>)? Request for $request $(<$life>)? {
            const MID: Mid = Mid::$mid;
            const FDS: usize = $fds;
            type Reply<'r> = $reply;
        })*

        /// Any request.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum AnyRequest<'r> {
            $(#[doc = concat!("`", stringify!($variant), "`.")] $variant(table!(@type $request $($life)?)),)*
        }

        impl<'r> AnyRequest<'r> {
            /// The request with this number and payload; `None` for a number that no request has.
            pub fn decode(mid: Mid, payload: &'r [u8]) -> Option<Result<AnyRequest<'r>, DecodeError>> {
                match mid {
                    $(Mid::$mid => Some(decode(payload).map(AnyRequest::$variant)),)*
                    _ => None,
                }
            }

            /// Its number.
            #[must_use]
            pub fn mid(&self) -> Mid {
                match self { $(AnyRequest::$variant(_) => Mid::$mid,)* }
            }
        }

        impl Encode for AnyRequest<'_> {
            fn encode(&self, to: &mut Writer<'_>) -> Result<(), EncodeError> {
                match self { $(AnyRequest::$variant(request) => request.encode(to),)* }
            }
        }

        /// Any answer.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum AnyReply<'r> {
            /// A failure, of whatever request.
            Error(ErrorReply),
            $(#[doc = concat!("Of a `", stringify!($variant), "`.")] $variant($reply),)*
        }

        impl<'r> AnyReply<'r> {
            /// The answer with this number and payload; `None` for a number that no answer has.
            pub fn decode(mid: Mid, payload: &'r [u8]) -> Option<Result<AnyReply<'r>, DecodeError>> {
                match mid {
                    Mid::ERROR => Some(decode(payload).map(AnyReply::Error)),
                    $(Mid::$mid => Some(decode(payload).map(AnyReply::$variant)),)*
                    _ => None,
                }
            }

            /// Its number.
            #[must_use]
            pub fn mid(&self) -> Mid {
                match self {
                    AnyReply::Error(_) => Mid::ERROR,
                    $(AnyReply::$variant(_) => Mid::$mid,)*
                }
            }
        }

        impl Encode for AnyReply<'_> {
            fn encode(&self, to: &mut Writer<'_>) -> Result<(), EncodeError> {
                match self {
                    AnyReply::Error(reply) => reply.encode(to),
                    $(AnyReply::$variant(reply) => reply.encode(to),)*
                }
            }
        }
    };
    (@type $request:ident $life:lifetime) => { $request<'r> };
    (@type $request:ident) => { $request };
}

table! {
    MOUNT Mount Mount => MountReply<'r>, 1;
    CHANNEL Channel Channel => ChannelReply, 2;
    F_STAT FStat FStat => &'r Statx, 0;
    SET_STAT SetStat SetStatRequest => SetStatReply, 0;
    WALK Walk Walk<'a> => WalkReply<'r>, 0;
    WALK_STAT WalkStat WalkStat<'a> => WalkStatReply<'r>, 0;
    OPEN_AT OpenAt OpenAt => OpenReply, 1;
    OPEN_CREATE_AT OpenCreateAt OpenCreateAt<'a> => OpenCreateAtReply<'r>, 1;
    CLOSE Close Close<'a> => (), 0;
    F_SYNC FSync FSync<'a> => (), 0;
    P_WRITE PWrite PWrite<'a> => PWriteReply, 0;
    P_READ PRead PRead => PReadReply<'r>, 0;
    MKDIR_AT MkdirAt MkdirAt<'a> => &'r Inode, 0;
    MKNOD_AT MknodAt MknodAt<'a> => &'r Inode, 0;
    SYMLINK_AT SymlinkAt SymlinkAt<'a> => &'r Inode, 0;
    LINK_AT LinkAt LinkAt<'a> => &'r Inode, 0;
    F_STAT_FS FStatFs FStatFs => StatFsReply, 0;
    F_ALLOCATE FAllocate FAllocate => (), 0;
    READ_LINK_AT ReadLinkAt ReadLinkAt => Str<'r>, 0;
    FLUSH Flush Flush => (), 0;
    CONNECT Connect Connect => (), 1;
    UNLINK_AT UnlinkAt UnlinkAt<'a> => (), 0;
    RENAME_AT RenameAt RenameAt<'a> => (), 0;
    GETDENTS64 Getdents64 Getdents64 => Dirents<'r>, 0;
    F_GET_XATTR FGetXattr FGetXattr<'a> => Str<'r>, 0;
    F_SET_XATTR FSetXattr FSetXattr<'a> => (), 0;
    F_LIST_XATTR FListXattr FListXattr => Strings<'r>, 0;
    F_REMOVE_XATTR FRemoveXattr FRemoveXattr<'a> => (), 0;
    BIND_AT BindAt BindAt<'a> => BindAtReply<'r>, 1;
    LISTEN Listen Listen => (), 0;
    ACCEPT Accept Accept => Str<'r>, 1;
    CONNECT_WITH_CREDS ConnectWithCreds ConnectWithCreds => (), 1;
    RENAME_AT2 RenameAt2 RenameAt2<'a> => (), 0;
    CHANGE_QUEUE ChangeQueue ChangeQueue => ChangeQueueReply, 1;
    ADD_WATCH AddWatch AddWatch => AddWatchReply, 0;
    REMOVE_WATCH RemoveWatch RemoveWatch<'a> => (), 0;
    READ_DIR_STAT ReadDirStat ReadDirStat => StatDirents<'r>, 0;
    APPEND Append Append<'a> => AppendReply, 0;
}

/// A write whose bytes are sent from a buffer of their own.
impl Request for PWriteHead {
    const MID: Mid = Mid::P_WRITE;
    const FDS: usize = 0;
    type Reply<'r> = PWriteReply;
}

/// As [`PWriteHead`].
impl Request for AppendHead {
    const MID: Mid = Mid::APPEND;
    const FDS: usize = 0;
    type Reply<'r> = AppendReply;
}

/// Calls `each` with the files that an answer gave to the client, and that somebody has to close. Nothing for an answer
/// that cannot be decoded: then there is no telling what it gave.
pub fn created_ids(mid: Mid, payload: &[u8], mut each: impl FnMut(FdId)) {
    match AnyReply::decode(mid, payload) {
        Some(Ok(AnyReply::Mount(reply))) => each(reply.root.control),
        Some(Ok(AnyReply::Walk(reply))) => reply.inodes.iter().for_each(|inode| each(inode.control)),
        Some(Ok(AnyReply::OpenAt(reply))) => each(reply.fd),
        Some(Ok(AnyReply::OpenCreateAt(reply))) => [reply.inode.control, reply.fd].into_iter().for_each(each),
        Some(Ok(AnyReply::ChangeQueue(reply))) => each(reply.queue),
        Some(Ok(AnyReply::BindAt(reply))) => [reply.inode.control, reply.socket].into_iter().for_each(each),
        Some(Ok(
            AnyReply::MkdirAt(inode) | AnyReply::MknodAt(inode) | AnyReply::SymlinkAt(inode) | AnyReply::LinkAt(inode),
        )) => each(inode.control),
        _ => {}
    }
}
