//! Messages about open files.

use super::attr::Inode;
use super::path::CreateCommon;
use super::wire::{Decode, DecodeError, Encode, EncodeError, FdId, Reader, Writer, messages};
use crate::abi::{Name, OpenFlags};

const O_WRONLY: u32 = 1;
const O_RDWR: u32 = 2;
const O_ACCMODE: u32 = 3;
const O_TRUNC: u32 = 0x200;

/// The flags that the protocol has for an open: access mode and `O_TRUNC`. The sync flags are not among them; who wants
/// them sends [`FSync`] behind each write.
#[must_use]
pub fn open_bits(flags: OpenFlags) -> u32 {
    let access = match (flags.contains(OpenFlags::READ), flags.contains(OpenFlags::WRITE)) {
        (true, true) => O_RDWR,
        (false, true) => O_WRONLY,
        (_, false) => 0,
    };
    access | if flags.contains(OpenFlags::TRUNC) { O_TRUNC } else { 0 }
}

/// The inverse of [`open_bits`]. Other bits are dropped, as gVisor's server does; `None` for the access mode 3, which
/// is none.
#[must_use]
pub fn open_flags(bits: u32) -> Option<OpenFlags> {
    let access = match bits & O_ACCMODE {
        0 => OpenFlags::READ,
        O_WRONLY => OpenFlags::WRITE,
        O_RDWR => OpenFlags::READ | OpenFlags::WRITE,
        _ => return None,
    };
    Some(if bits & O_TRUNC == 0 { access } else { access | OpenFlags::TRUNC })
}

messages! {
    /// Opens a control file. A descriptor of the server's host may come with the answer.
    struct OpenAt {
        /// The control file.
        fd: FdId,
        /// The flags ([`open_bits`]).
        flags: u32,
    } pad 4

    /// The file that was opened.
    struct OpenReply {
        /// The open file.
        fd: FdId,
    }

    /// Makes a regular file and opens it; what exists already is `EEXIST`. A descriptor of the server's host may come
    /// with the answer.
    struct OpenCreateAt<'a> {
        /// Where, and as what.
        common: CreateCommon,
        /// The flags ([`open_bits`]).
        flags: u32,
        /// Its name.
        name: Name<'a>,
    }

    /// The file that was made.
    struct OpenCreateAtReply<'a> {
        /// The file.
        inode: &'a Inode,
        /// The open file.
        fd: FdId,
    }

    /// Has what was written to open files reach the disk: each is tried, and the first failure told.
    struct FSync<'a> {
        /// The open files.
        fds: &'a [FdId],
    }

    /// Tells an open file that one of its users closed it.
    struct Flush {
        /// The open file.
        fd: FdId,
    }

    /// Allocates room in an open file (fallocate(2)).
    struct FAllocate {
        /// The open file.
        fd: FdId,
        /// Mode.
        mode: u64,
        /// Start in bytes.
        offset: u64,
        /// Length in bytes.
        length: u64,
    }

    /// Reads from an open file.
    struct PRead {
        /// Where.
        offset: u64,
        /// The open file.
        fd: FdId,
        /// Bytes at most.
        count: u32,
    } pad 4

    /// A [`PWrite`] without its bytes, for who sends them from another buffer: they follow without padding.
    struct PWriteHead {
        /// Where.
        offset: u64,
        /// The open file.
        fd: FdId,
        /// Bytes that follow.
        count: u32,
    }

    /// What was written.
    struct PWriteReply {
        /// Bytes.
        count: u64,
    }

    /// An [`Append`] without its bytes, for who sends them from another buffer: they follow without padding.
    struct AppendHead {
        /// The open file.
        fd: FdId,
        /// Bytes that follow.
        count: u32,
    }

    /// What was appended.
    struct AppendReply {
        /// The length of the file behind it, as soon as it could be told: another may have appended more by then.
        end: u64,
        /// Bytes.
        count: u64,
    }
}

/// Writes at the end of an open file, wherever that is when the kernel has locked it. It is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Append<'a> {
    /// The open file.
    pub fd: FdId,
    /// The bytes.
    pub data: &'a [u8],
}

impl<'a> Decode<'a> for Append<'a> {
    fn decode(from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let head = AppendHead::decode(from)?;
        Ok(Append { fd: head.fd, data: from.counted(head.count)? })
    }
}

impl Encode for Append<'_> {
    fn encode(&self, to: &mut Writer<'_>) -> Result<(), EncodeError> {
        let count = u32::try_from(self.data.len()).map_err(|_| EncodeError)?;
        AppendHead { fd: self.fd, count }.encode(to)?;
        to.bytes(self.data)
    }
}

/// Writes to an open file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PWrite<'a> {
    /// Where.
    pub offset: u64,
    /// The open file.
    pub fd: FdId,
    /// The bytes.
    pub data: &'a [u8],
}

impl<'a> Decode<'a> for PWrite<'a> {
    fn decode(from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let head = PWriteHead::decode(from)?;
        Ok(PWrite { offset: head.offset, fd: head.fd, data: from.counted(head.count)? })
    }
}

impl Encode for PWrite<'_> {
    fn encode(&self, to: &mut Writer<'_>) -> Result<(), EncodeError> {
        let count = u32::try_from(self.data.len()).map_err(|_| EncodeError)?;
        PWriteHead { offset: self.offset, fd: self.fd, count }.encode(to)?;
        to.bytes(self.data)
    }
}

/// What was read; nothing at the end of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PReadReply<'a> {
    /// The bytes.
    pub data: &'a [u8],
}

impl PReadReply<'_> {
    /// Writes an answer of `count` bytes at most, which `read` puts where they belong; it answers how many it read. Its
    /// failure is the inner one, and leaves nothing behind.
    pub fn write<E>(
        to: &mut Writer<'_>,
        count: usize,
        read: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<Result<usize, E>, EncodeError> {
        let start = to.written();
        to.zeros(size_of::<u64>())?;
        let read = to.fill(count, read)?;
        match &read {
            Ok(count) => to.patch(start, &u64::try_from(*count).map_err(|_| EncodeError)?.to_le_bytes()),
            Err(_) => to.cut(start),
        }
        Ok(read)
    }
}

impl<'a> Decode<'a> for PReadReply<'a> {
    fn decode(from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let count = u64::decode(from)?;
        from.counted(count).map(|data| PReadReply { data })
    }
}

impl Encode for PReadReply<'_> {
    fn encode(&self, to: &mut Writer<'_>) -> Result<(), EncodeError> {
        u64::try_from(self.data.len()).map_err(|_| EncodeError)?.encode(to)?;
        to.bytes(self.data)
    }
}
