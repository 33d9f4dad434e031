//! Operations on paths.

use super::ctx::GoferP1Ctx;
use super::encode;
use super::errno::{Errno, Fail, Outcome};
use super::memory::{check_place, path, put, put_bytes, put_u32};
use super::table::Entry;
use crate::abi::Stat;
use crate::vfs::Descriptor;
use wiggle::GuestMemory;

/// A path in the guest's memory: pointer and length.
pub(super) type PathArg = (u32, u32);

pub(super) fn create_directory(
    ctx: &mut GoferP1Ctx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    (ptr, len): PathArg,
) -> Outcome {
    let (table, fs, call) = ctx.table()?;
    let directory = table.directory(fd)?;
    directory.create_directory_at(call, &path(memory, ptr, len)?)?;
    fs.after(call);
    Ok(())
}

#[inline]
pub(super) fn filestat_get(
    ctx: &mut GoferP1Ctx,
    memory: &mut GuestMemory<'_>,
    (fd, lookup): (u32, i32),
    (ptr, len): PathArg,
    out: u32,
) -> Outcome {
    let follow = encode::lookup_follow(lookup)?;
    let (table, _, call) = ctx.table()?;
    let mut stat = Stat::UNKNOWN;
    table.directory(fd)?.stat_at_into(call, &path(memory, ptr, len)?, follow, &mut stat)?;
    put(memory, out, 8, &encode::filestat(&stat))
}

pub(super) fn filestat_set_times(
    ctx: &mut GoferP1Ctx,
    memory: &mut GuestMemory<'_>,
    (fd, lookup): (u32, i32),
    (ptr, len): PathArg,
    (atim, mtim, flags): (i64, i64, i32),
) -> Outcome {
    let (atime, mtime) = encode::set_times(atim, mtim, flags)?;
    let follow = encode::lookup_follow(lookup)?;
    let (table, _, call) = ctx.table()?;
    table.directory(fd)?.set_times_at(call, &path(memory, ptr, len)?, follow, atime, mtime)?;
    Ok(())
}

/// Hard links; one through a symbolic link is `EINVAL`, as under wasmtime.
pub(super) fn link(
    ctx: &mut GoferP1Ctx,
    memory: &mut GuestMemory<'_>,
    (old_fd, lookup): (u32, i32),
    (old_ptr, old_len): PathArg,
    new_fd: u32,
    (new_ptr, new_len): PathArg,
) -> Outcome {
    let follow = encode::lookup_follow(lookup)?;
    let (table, fs, call) = ctx.table()?;
    let (old_dir, new_dir) = (table.directory(old_fd)?, table.directory(new_fd)?);
    let (old, new) = (path(memory, old_ptr, old_len)?, path(memory, new_ptr, new_len)?);
    if follow {
        return Err(Errno::Inval.into());
    }
    old_dir.link_at(call, &old, new_dir, &new)?;
    fs.after(call);
    Ok(())
}

/// The flags of an open: `oflags`, `fs_rights_base`, `fdflags`.
pub(super) type OpenArgs = (i32, i64, i32);

#[inline]
pub(super) fn open(
    ctx: &mut GoferP1Ctx,
    memory: &mut GuestMemory<'_>,
    (fd, lookup): (u32, i32),
    (ptr, len): PathArg,
    (oflags, base, fdflags): OpenArgs,
    out: u32,
) -> Outcome {
    let how = encode::open_how(lookup, oflags, base, fdflags)?;
    let (table, fs, call) = ctx.table()?;
    let opened = {
        let directory = match table.get(fd)? {
            Entry::Directory(directory, _) => directory,
            Entry::File(..) => return Err(Errno::Notdir.into()),
            Entry::Stdio(_) => return Err(Errno::Badf.into()),
        };
        let path = path(memory, ptr, len)?;
        // Before anything is opened: a place for the number, and one for the descriptor.
        check_place(memory, out, 4, 4)?;
        table.check_room()?;
        directory.open_at(call, &path, how)
    };
    fs.after(call);
    let entry = match opened? {
        Descriptor::File(file) => Entry::File(file, encode::fdflags(fdflags)? & !encode::FDFLAGS_APPEND),
        Descriptor::Directory(directory) => Entry::Directory(directory, None),
    };
    let fd = table.insert(entry).map_err(|_| Fail::Errno(Errno::Mfile))?;
    put_u32(memory, out, fd)
}

pub(super) fn readlink(
    ctx: &mut GoferP1Ctx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    (ptr, len): PathArg,
    (buf, room): PathArg,
    out: u32,
) -> Outcome {
    let (table, _, call) = ctx.table()?;
    let target = table.directory(fd)?.readlink_at(call, &path(memory, ptr, len)?)?;
    if std::str::from_utf8(&target).is_err() {
        return Err(Errno::Ilseq.into());
    }
    let cut = target.get(..room as usize).unwrap_or(&target);
    put_bytes(memory, buf, cut)?;
    put_u32(memory, out, u32::try_from(cut.len()).map_err(|_| Errno::Overflow)?)
}

pub(super) fn remove_directory(
    ctx: &mut GoferP1Ctx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    (ptr, len): PathArg,
) -> Outcome {
    let (table, fs, call) = ctx.table()?;
    table.directory(fd)?.remove_directory_at(call, &path(memory, ptr, len)?)?;
    fs.after(call);
    Ok(())
}

pub(super) fn rename(
    ctx: &mut GoferP1Ctx,
    memory: &mut GuestMemory<'_>,
    old_fd: u32,
    (old_ptr, old_len): PathArg,
    new_fd: u32,
    (new_ptr, new_len): PathArg,
) -> Outcome {
    let (table, fs, call) = ctx.table()?;
    let (old_dir, new_dir) = (table.directory(old_fd)?, table.directory(new_fd)?);
    let (old, new) = (path(memory, old_ptr, old_len)?, path(memory, new_ptr, new_len)?);
    old_dir.rename_at(call, &old, new_dir, &new)?;
    fs.after(call);
    Ok(())
}

pub(super) fn symlink(
    ctx: &mut GoferP1Ctx,
    memory: &mut GuestMemory<'_>,
    (old_ptr, old_len): PathArg,
    fd: u32,
    (new_ptr, new_len): PathArg,
) -> Outcome {
    let (table, fs, call) = ctx.table()?;
    let directory = table.directory(fd)?;
    let (target, new) = (path(memory, old_ptr, old_len)?, path(memory, new_ptr, new_len)?);
    directory.symlink_at(call, &target, &new)?;
    fs.after(call);
    Ok(())
}

pub(super) fn unlink_file(ctx: &mut GoferP1Ctx, memory: &mut GuestMemory<'_>, fd: u32, (ptr, len): PathArg) -> Outcome {
    let (table, fs, call) = ctx.table()?;
    table.directory(fd)?.unlink_at(call, &path(memory, ptr, len)?)?;
    fs.after(call);
    Ok(())
}
