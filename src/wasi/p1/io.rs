//! Reading and writing. Whole iovec lists are used, straight in linear memory.

use super::ctx::GoferP1Ctx;
use super::errno::{Errno, Outcome};
use super::memory::{gather, put_u32, scatter};
use super::table::Entry;
use wiggle::GuestMemory;

/// Where a transfer is.
#[derive(Clone, Copy, Debug)]
pub(super) enum At {
    /// At the descriptor's position.
    Position,
    /// At an offset; stdio has none (`ESPIPE`).
    Offset(i64),
}

/// An iovec list (place and entries) and the place of the result.
pub(super) type Transfer = (u32, u32, u32);

/// A count as the ABI tells it.
fn count(n: usize) -> Outcome<u32> {
    u32::try_from(n).map_err(|_| Errno::Overflow.into())
}

/// Reads; the number in the inner context is handed back when the descriptor is of stdio.
#[inline]
pub(super) fn read(
    ctx: &mut GoferP1Ctx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    (iovs, len, out): Transfer,
    at: At,
) -> Outcome<Option<u32>> {
    let (table, _, call) = ctx.table()?;
    let file = match (table.get(fd)?, at) {
        (Entry::File(file, _), _) => file,
        (Entry::Stdio(inner), At::Position) => return Ok(Some(*inner)),
        (Entry::Stdio(0), At::Offset(_)) => return Err(Errno::Spipe.into()),
        (Entry::Stdio(_) | Entry::Directory(..), _) => return Err(Errno::Badf.into()),
    };
    let read = scatter(memory, (iovs, len), |bufs| {
        Ok(match at {
            At::Position => file.read(call, bufs)?,
            At::Offset(offset) => file.read_at(call, bufs, offset.cast_unsigned())?,
        })
    })?;
    put_u32(memory, out, count(read)?)?;
    Ok(None)
}

/// Writes; the number in the inner context is handed back when the descriptor is of stdio.
#[inline]
pub(super) fn write(
    ctx: &mut GoferP1Ctx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    (iovs, len, out): Transfer,
    at: At,
) -> Outcome<Option<u32>> {
    let (table, _, call) = ctx.table()?;
    let file = match (table.get(fd)?, at) {
        (Entry::File(file, _), _) => file,
        (Entry::Stdio(inner), At::Position) => return Ok(Some(*inner)),
        (Entry::Stdio(1 | 2), At::Offset(_)) => return Err(Errno::Spipe.into()),
        (Entry::Stdio(_) | Entry::Directory(..), _) => return Err(Errno::Badf.into()),
    };
    let written = gather(memory, (iovs, len), |bufs| {
        Ok(match at {
            At::Position => file.write(call, bufs)?,
            At::Offset(offset) => file.write_at(call, bufs, offset.cast_unsigned())?,
        })
    })?;
    put_u32(memory, out, count(written)?)?;
    Ok(None)
}
