//! Operations on descriptors, data apart.

use super::ctx::GoferP1Ctx;
use super::encode::{self, rights};
use super::errno::{Errno, Outcome};
use super::memory::{put, put_bytes, put_u32, put_u64};
use super::table::Entry;
use crate::abi::FileType;
use crate::vfs::Rights;
use wiggle::GuestMemory;

pub(super) fn advise(ctx: &mut GoferP1Ctx, fd: u32, offset: i64, len: i64, advice: i32) -> Outcome {
    let advice = encode::advice(advice)?;
    let (table, _, call) = ctx.table()?;
    table.file(fd)?.advise(call, offset.cast_unsigned(), len.cast_unsigned(), advice)?;
    Ok(())
}

pub(super) fn allocate(ctx: &mut GoferP1Ctx, fd: u32, offset: i64, len: i64) -> Outcome {
    let (table, _, call) = ctx.table()?;
    table.file(fd)?.allocate(call, offset.cast_unsigned(), len.cast_unsigned())?;
    Ok(())
}

/// Closes a descriptor; the number in the inner context is handed back when it is one of stdio.
pub(super) fn close(ctx: &mut GoferP1Ctx, fd: u32) -> Outcome<Option<u32>> {
    let entry = ctx.table()?.0.remove(fd)?;
    ctx.end(entry)
}

/// Renumbers a descriptor; the number in the inner context is handed back when the one that it replaces is of stdio.
pub(super) fn renumber(ctx: &mut GoferP1Ctx, from: u32, to: u32) -> Outcome<Option<u32>> {
    let replaced = ctx.table()?.0.renumber(from, to)?;
    match replaced {
        // As dup2(2): what ends unseen is not told of.
        Some(entry) => Ok(ctx.end(entry).unwrap_or(None)),
        None => Ok(None),
    }
}

pub(super) fn sync(ctx: &mut GoferP1Ctx, fd: u32, data_only: bool) -> Outcome {
    let (table, _, call) = ctx.table()?;
    match table.get(fd)? {
        Entry::File(file, _) => file.sync(call, data_only)?,
        Entry::Directory(directory, _) => directory.sync(call)?,
        Entry::Stdio(_) => return Err(Errno::Badf.into()),
    }
    Ok(())
}

/// The status of a descriptor that is not of stdio.
pub(super) fn fdstat_get(ctx: &mut GoferP1Ctx, memory: &mut GuestMemory<'_>, fd: u32, out: u32) -> Outcome {
    let (table, _, _) = ctx.table()?;
    let stat = match table.get(fd)? {
        Entry::Directory(_, Some(_)) => {
            encode::fdstat(FileType::Directory, 0, rights::PREOPEN, rights::PREOPEN_INHERITING)
        }
        Entry::Directory(_, None) => {
            let lacking =
                rights::FD_SEEK | rights::FD_FILESTAT_SET_SIZE | rights::PATH_FILESTAT_SET_SIZE | rights::FD_WRITE;
            let base = rights::ALL & !lacking;
            encode::fdstat(FileType::Directory, 0, base, base)
        }
        Entry::File(file, kept) => {
            let mut base = rights::ALL;
            if !file.rights().contains(Rights::READ) {
                base &= !(rights::FD_READ | rights::FD_READDIR);
            }
            if !file.rights().contains(Rights::WRITE) {
                base &= !rights::FD_WRITE;
            }
            let flags = kept | if file.is_append() { encode::FDFLAGS_APPEND } else { 0 };
            encode::fdstat(file.file_type(), flags, base, base)
        }
        Entry::Stdio(_) => return Err(Errno::Badf.into()),
    };
    put(memory, out, 8, &stat)
}

/// Append and non-blocking can be turned on and off, though the latter changes nothing for a file. The sync flags are
/// fixed at open: those that it has may be told again, as by `fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_APPEND)`, and are
/// kept when they are not, as under Linux; any other is `EINVAL`.
pub(super) fn fdstat_set_flags(ctx: &mut GoferP1Ctx, fd: u32, flags: i32) -> Outcome {
    let flags = encode::fdflags(flags)?;
    let (file, kept) = ctx.table()?.0.file_mut(fd)?;
    if flags & encode::FDFLAGS_SYNCS & !*kept != 0 {
        return Err(Errno::Inval.into());
    }
    file.set_append(flags & encode::FDFLAGS_APPEND != 0);
    *kept = (*kept & encode::FDFLAGS_SYNCS) | (flags & encode::FDFLAGS_NONBLOCK);
    Ok(())
}

/// Rights cannot be taken away later; as under wasmtime the answer is `ENOTSUP` for what is open.
pub(super) fn fdstat_set_rights(ctx: &mut GoferP1Ctx, fd: u32) -> Outcome {
    match ctx.table()?.0.get(fd)? {
        Entry::File(..) | Entry::Directory(..) => Err(Errno::Opnotsupp.into()),
        Entry::Stdio(_) => Err(Errno::Badf.into()),
    }
}

/// The attributes of a descriptor that is not of stdio.
#[inline]
pub(super) fn filestat_get(ctx: &mut GoferP1Ctx, memory: &mut GuestMemory<'_>, fd: u32, out: u32) -> Outcome {
    let (table, _, call) = ctx.table()?;
    let stat = match table.get(fd)? {
        Entry::File(file, _) => file.stat(call)?,
        Entry::Directory(directory, _) => directory.stat(call)?,
        Entry::Stdio(_) => return Err(Errno::Badf.into()),
    };
    put(memory, out, 8, &encode::filestat(&stat))
}

pub(super) fn filestat_set_size(ctx: &mut GoferP1Ctx, fd: u32, size: i64) -> Outcome {
    let (table, _, call) = ctx.table()?;
    table.file(fd)?.set_size(call, size.cast_unsigned())?;
    Ok(())
}

pub(super) fn filestat_set_times(ctx: &mut GoferP1Ctx, fd: u32, atim: i64, mtim: i64, flags: i32) -> Outcome {
    let (atime, mtime) = encode::set_times(atim, mtim, flags)?;
    let (table, _, call) = ctx.table()?;
    match table.get(fd)? {
        Entry::File(file, _) => file.set_times(call, atime, mtime)?,
        Entry::Directory(directory, _) => directory.set_times(call, atime, mtime)?,
        Entry::Stdio(_) => return Err(Errno::Badf.into()),
    }
    Ok(())
}

/// `EBADF` for what is no preopen: that is how guests find the end of the preopens.
#[inline]
pub(super) fn prestat_get(ctx: &mut GoferP1Ctx, memory: &mut GuestMemory<'_>, fd: u32, out: u32) -> Outcome {
    let Entry::Directory(_, Some(name)) = ctx.table()?.0.get(fd)? else { return Err(Errno::Badf.into()) };
    let len = u32::try_from(name.len()).map_err(|_| Errno::Overflow)?;
    let [a, b, c, d] = len.to_le_bytes();
    put(memory, out, 4, &[0, 0, 0, 0, a, b, c, d])
}

pub(super) fn prestat_dir_name(
    ctx: &mut GoferP1Ctx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    out: u32,
    room: u32,
) -> Outcome {
    let Entry::Directory(_, Some(name)) = ctx.table()?.0.get(fd)? else { return Err(Errno::Notdir.into()) };
    if name.len() > room as usize {
        return Err(Errno::Nametoolong.into());
    }
    put_bytes(memory, out, name.as_bytes())
}

#[inline]
pub(super) fn seek(
    ctx: &mut GoferP1Ctx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    offset: i64,
    whence: i32,
    out: u32,
) -> Outcome {
    let (table, _, call) = ctx.table()?;
    let position = match table.get(fd)? {
        Entry::File(file, _) => file.seek(call, offset, encode::whence(whence)?)?,
        Entry::Directory(..) => return Err(Errno::Badf.into()),
        Entry::Stdio(_) => return Err(Errno::Spipe.into()),
    };
    put_u64(memory, out, position)
}

pub(super) fn tell(ctx: &mut GoferP1Ctx, memory: &mut GuestMemory<'_>, fd: u32, out: u32) -> Outcome {
    let position = match ctx.table()?.0.get(fd)? {
        Entry::File(file, _) => file.tell(),
        Entry::Directory(..) => return Err(Errno::Badf.into()),
        Entry::Stdio(_) => return Err(Errno::Spipe.into()),
    };
    put_u64(memory, out, position)
}

/// Sockets are not served: `ENOTSOCK` for whatever is open.
pub(super) fn not_a_socket(ctx: &mut GoferP1Ctx, fd: u32) -> Outcome {
    ctx.table()?.0.get(fd)?;
    Err(Errno::Notsock.into())
}

/// Lists a directory into the guest's buffer; the last entry may be cut, as the witx documents say.
pub(super) fn readdir(
    ctx: &mut GoferP1Ctx,
    memory: &mut GuestMemory<'_>,
    (fd, buf, room): (u32, u32, u32),
    cookie: i64,
    out: u32,
) -> Outcome {
    super::memory::check_range(memory, buf, room)?;
    let (table, _, call) = ctx.table()?;
    let used = super::readdir::list(table.directory(fd)?, call, memory, (buf, room), cookie.cast_unsigned())?;
    put_u32(memory, out, used)
}
