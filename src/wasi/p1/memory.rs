//! The guest's linear memory.
//!
//! wiggle's [`GuestMemory`] is the view: a plain slice, or the cells of a shared memory, which other threads write at
//! any time and which is therefore only copied, never borrowed.

use super::errno::{Errno, Outcome};
use smallvec::SmallVec;
use std::borrow::Cow;
use std::io::{IoSlice, IoSliceMut};
use wiggle::{GuestMemory, GuestPtr};

/// Most entries of one iovec list that a call uses (Linux `IOV_MAX`); a longer list makes a short transfer.
const IOVECS_MAX: usize = 1_024;

/// Most entries of a list that are looked at for some that are not empty.
const IOVECS_LOOKED_AT: u32 = 65_536;

/// Most bytes of one transfer (Linux `MAX_RW_COUNT`); a longer list makes a short transfer.
const TRANSFER_MAX: u32 = 0x7fff_f000;

/// Most bytes of a shared memory that one call copies; more makes a short transfer.
const BOUNCE_MAX: usize = 1 << 20;

/// Where an iovec list is, and of how many entries.
pub(super) type Vector = (u32, u32);

/// An iovec list as offsets and lengths, bounds checked.
type Iovecs = SmallVec<[(u32, u32); 8]>;

/// The address of an element of `T` at `ptr`: traps when it is misaligned, as the witx documents demand.
#[inline]
fn aligned(ptr: u32, align: u32) -> Outcome<u32> {
    if ptr.is_multiple_of(align) {
        return Ok(ptr);
    }
    let region = wiggle::Region { start: ptr, len: align };
    Err(wiggle::GuestError::PtrNotAligned(region, align).into())
}

/// Writes a little-endian struct of alignment `align`.
#[inline]
pub(super) fn put(memory: &mut GuestMemory<'_>, ptr: u32, align: u32, bytes: &[u8]) -> Outcome {
    let ptr = aligned(ptr, align)?;
    put_bytes(memory, ptr, bytes)
}

/// Writes bytes.
#[inline]
pub(super) fn put_bytes(memory: &mut GuestMemory<'_>, ptr: u32, bytes: &[u8]) -> Outcome {
    let len = u32::try_from(bytes.len()).map_err(|_| Errno::Overflow)?;
    if let GuestMemory::Unshared(data) = memory
        && let Some(room) = slice_mut(data, ptr, len)
    {
        room.copy_from_slice(bytes);
        return Ok(());
    }
    memory.copy_from_slice(bytes, GuestPtr::<[u8]>::new((ptr, len)))?;
    Ok(())
}

/// Writes a `u32`.
#[inline]
pub(super) fn put_u32(memory: &mut GuestMemory<'_>, ptr: u32, value: u32) -> Outcome {
    put(memory, ptr, 4, &value.to_le_bytes())
}

/// Writes a `u64`.
#[inline]
pub(super) fn put_u64(memory: &mut GuestMemory<'_>, ptr: u32, value: u64) -> Outcome {
    put(memory, ptr, 8, &value.to_le_bytes())
}

/// Reads `len` bytes; a shared memory's are copied first, so that what is looked at is what is used.
#[inline]
pub(super) fn bytes<'m>(memory: &'m GuestMemory<'_>, ptr: u32, len: u32) -> Outcome<Cow<'m, [u8]>> {
    if let GuestMemory::Unshared(data) = memory
        && let Some(found) = slice(data, ptr, len)
    {
        return Ok(Cow::Borrowed(found));
    }
    Ok(Cow::Owned(memory.to_vec(GuestPtr::<[u8]>::new((ptr, len)))?))
}

/// A path: `ENAMETOOLONG` over 4095 bytes before anything is copied, `EILSEQ` when it is no UTF-8.
#[inline]
pub(super) fn path<'m>(memory: &'m GuestMemory<'_>, ptr: u32, len: u32) -> Outcome<Cow<'m, [u8]>> {
    if len as usize > crate::abi::PATH_MAX {
        // The pointer is looked at all the same, so that a wild one traps whatever its length.
        check_range(memory, ptr, len)?;
        return Err(Errno::Nametoolong.into());
    }
    let path = bytes(memory, ptr, len)?;
    if path.is_ascii() || std::str::from_utf8(&path).is_ok() {
        return Ok(path);
    }
    Err(Errno::Ilseq.into())
}

/// Traps unless a struct of `len` bytes and alignment `align` can be written at `ptr`: asked before anything is done
/// whose result goes there.
pub(super) fn check_place(memory: &GuestMemory<'_>, ptr: u32, len: u32, align: u32) -> Outcome {
    check_range(memory, aligned(ptr, align)?, len)
}

fn size(memory: &GuestMemory<'_>) -> usize {
    match memory {
        GuestMemory::Unshared(data) => data.len(),
        GuestMemory::Shared(cells) => cells.len(),
    }
}

/// Traps when a range is not in the memory.
pub(super) fn check_range(memory: &GuestMemory<'_>, ptr: u32, len: u32) -> Outcome {
    if ptr as usize + len as usize <= size(memory) {
        return Ok(());
    }
    Err(wiggle::GuestError::PtrOutOfBounds(wiggle::Region { start: ptr, len }).into())
}

#[inline]
fn slice(data: &[u8], ptr: u32, len: u32) -> Option<&[u8]> {
    data.get(ptr as usize..)?.get(..len as usize)
}

#[inline]
fn slice_mut(data: &mut [u8], ptr: u32, len: u32) -> Option<&mut [u8]> {
    data.get_mut(ptr as usize..)?.get_mut(..len as usize)
}

/// The address and the length that an entry of an iovec list tells.
#[inline]
fn iovec(entry: &[u8; 8]) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = *entry;
    (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]))
}

/// The entries of an iovec list of one or two, in a memory that may be borrowed: what C libraries' streams use, by the
/// shortest way. Their ranges are checked; an entry that is not there is empty. `None` for any other list.
#[inline]
fn few_iovecs(memory: &GuestMemory<'_>, (ptr, count): Vector) -> Outcome<Option<[(u32, u32); 2]>> {
    let GuestMemory::Unshared(data) = memory else { return Ok(None) };
    let at = aligned(ptr, 4)? as usize;
    let entry = |at: usize| data.get(at..).and_then(|data| data.first_chunk()).map(iovec);
    let (first, second) = match count {
        1 => (entry(at), Some((0, 0))),
        2 => (entry(at), entry(at + 8)),
        _ => return Ok(None),
    };
    let (Some(first), Some(second)) = (first, second) else { return Ok(None) };
    check_range(memory, first.0, first.1)?;
    check_range(memory, second.0, second.1)?;
    let first = (first.0, first.1.min(TRANSFER_MAX));
    Ok(Some([first, (second.0, second.1.min(TRANSFER_MAX - first.1))]))
}

/// Reads an iovec list, once, with its empty entries left out; every range is checked before any is used.
fn iovecs(memory: &GuestMemory<'_>, (ptr, count): Vector) -> Outcome<Iovecs> {
    let ptr = aligned(ptr, 4)?;
    let looked_at = count.min(IOVECS_LOOKED_AT);
    let raw = bytes(memory, ptr, looked_at * 8)?;
    let mut list = Iovecs::new();
    let mut room = TRANSFER_MAX;
    for entry in raw.as_chunks::<8>().0 {
        let (start, len) = iovec(entry);
        check_range(memory, start, len)?;
        let len = len.min(room);
        room -= len;
        if len > 0 {
            list.push((start, len));
        }
        if list.len() == IOVECS_MAX {
            break;
        }
    }
    if list.is_empty() && looked_at < count {
        // Nothing transferred would look like the end of the file.
        return Err(Errno::Inval.into());
    }
    Ok(list)
}

/// Runs `write` on the bytes that an iovec list names.
#[inline]
pub(super) fn gather<R>(
    memory: &GuestMemory<'_>,
    vector: Vector,
    write: impl FnOnce(&[IoSlice<'_>]) -> Outcome<R>,
) -> Outcome<R> {
    if let Some([first, second]) = few_iovecs(memory, vector)?
        && let GuestMemory::Unshared(data) = memory
        && let (Some(one), Some(two)) = (slice(data, first.0, first.1), slice(data, second.0, second.1))
    {
        return match (one, two) {
            (one, []) => write(&[IoSlice::new(one)]),
            ([], two) => write(&[IoSlice::new(two)]),
            (one, two) => write(&[IoSlice::new(one), IoSlice::new(two)]),
        };
    }
    gather_list(memory, &iovecs(memory, vector)?, write)
}

fn gather_list<R>(
    memory: &GuestMemory<'_>,
    list: &Iovecs,
    write: impl FnOnce(&[IoSlice<'_>]) -> Outcome<R>,
) -> Outcome<R> {
    match memory {
        GuestMemory::Unshared(data) => {
            let slices = list.iter().filter_map(|(ptr, len)| slice(data, *ptr, *len)).map(IoSlice::new);
            let slices: SmallVec<[IoSlice<'_>; 8]> = slices.collect();
            write(&slices)
        }
        GuestMemory::Shared(_) => {
            let mut copy = Vec::new();
            for (ptr, len) in list {
                let room = u32::try_from(BOUNCE_MAX - copy.len()).unwrap_or(0);
                copy.extend(memory.to_vec(GuestPtr::<[u8]>::new((*ptr, (*len).min(room))))?);
            }
            write(&[IoSlice::new(&copy)])
        }
    }
}

/// Runs `read` on the room that an iovec list names. Room that overlaps, or is shared, is filled through a buffer of our
/// own.
#[inline]
pub(super) fn scatter(
    memory: &mut GuestMemory<'_>,
    vector: Vector,
    read: impl FnOnce(&mut [IoSliceMut<'_>]) -> Outcome<usize>,
) -> Outcome<usize> {
    if let Some([first, second]) = few_iovecs(memory, vector)?
        && let GuestMemory::Unshared(data) = memory
        && let Some((one, two)) = two_rooms(data, first, second)
    {
        return match (one, two) {
            (one, []) => read(&mut [IoSliceMut::new(one)]),
            ([], two) => read(&mut [IoSliceMut::new(two)]),
            (one, two) => read(&mut [IoSliceMut::new(one), IoSliceMut::new(two)]),
        };
    }
    let list = iovecs(memory, vector)?;
    scatter_list(memory, &list, read)
}

fn scatter_list(
    memory: &mut GuestMemory<'_>,
    list: &Iovecs,
    read: impl FnOnce(&mut [IoSliceMut<'_>]) -> Outcome<usize>,
) -> Outcome<usize> {
    if let GuestMemory::Unshared(data) = memory
        && let Some(mut rooms) = disjoint(data, list)
    {
        return read(&mut rooms);
    }
    let wanted = list.iter().fold(0usize, |sum, (_, len)| sum.saturating_add(*len as usize)).min(BOUNCE_MAX);
    let mut buffer = vec![0; wanted];
    let got = read(&mut [IoSliceMut::new(&mut buffer)])?;
    let mut rest = buffer.get(..got).unwrap_or(&buffer);
    for (ptr, len) in list {
        let (now, later) = rest.split_at(rest.len().min(*len as usize));
        put_bytes(memory, *ptr, now)?;
        rest = later;
    }
    Ok(got)
}

/// Two rooms in their order; `None` when they overlap.
#[inline]
fn two_rooms(data: &mut [u8], first: (u32, u32), second: (u32, u32)) -> Option<(&mut [u8], &mut [u8])> {
    let range = |(start, len): (u32, u32)| start as usize..start as usize + len as usize;
    match (first.1, second.1) {
        (_, 0) => Some((data.get_mut(range(first))?, &mut [])),
        (0, _) => Some((&mut [], data.get_mut(range(second))?)),
        (_, _) => data.get_disjoint_mut([range(first), range(second)]).ok().map(|[one, two]| (one, two)),
    }
}

/// The rooms of a list in its order; `None` when two overlap.
fn disjoint<'d>(data: &'d mut [u8], list: &Iovecs) -> Option<SmallVec<[IoSliceMut<'d>; 8]>> {
    let mut order: SmallVec<[usize; 8]> = (0..list.len()).collect();
    order.sort_unstable_by_key(|index| list.get(*index).map(|(ptr, _)| *ptr));
    let mut rooms: SmallVec<[(usize, &'d mut [u8]); 8]> = SmallVec::new();
    let mut rest = data;
    let mut passed = 0usize;
    for index in order {
        let (ptr, len) = *list.get(index)?;
        let gap = (ptr as usize).checked_sub(passed)?;
        let (_, tail) = rest.split_at_mut_checked(gap)?;
        let (room, tail) = tail.split_at_mut_checked(len as usize)?;
        passed = ptr as usize + len as usize;
        rooms.push((index, room));
        rest = tail;
    }
    rooms.sort_unstable_by_key(|(index, _)| *index);
    Some(rooms.into_iter().map(|(_, room)| IoSliceMut::new(room)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(memory: &mut [u8], list: &[(u32, u32)]) -> usize {
        let mut memory = GuestMemory::Unshared(memory);
        let outcome = scatter_list(&mut memory, &Iovecs::from_slice(list), |rooms| {
            let mut next = 1;
            for room in rooms.iter_mut() {
                for byte in room.iter_mut() {
                    *byte = next;
                    next += 1;
                }
            }
            Ok(usize::from(next - 1))
        });
        outcome.expect("filled")
    }

    #[test]
    fn scatter_over_rooms_out_of_order_fills_them_in_the_list_s_order() {
        let mut memory = [0; 8];
        assert_eq!(filled(&mut memory, &[(4, 2), (0, 3)]), 5);
        assert_eq!(memory, [3, 4, 5, 0, 1, 2, 0, 0]);
    }

    #[test]
    fn scatter_over_overlapping_rooms_fills_the_later_one_last() {
        let mut memory = [0; 4];
        assert_eq!(filled(&mut memory, &[(0, 2), (1, 2)]), 4);
        assert_eq!(memory, [1, 3, 4, 0]);
    }

    #[test]
    fn iovecs_beyond_the_memory_trap() {
        let mut data = vec![0; 16];
        data[0..4].copy_from_slice(&8u32.to_le_bytes());
        data[4..8].copy_from_slice(&9u32.to_le_bytes());
        let memory = GuestMemory::Unshared(&mut data);
        assert!(matches!(iovecs(&memory, (0, 1)), Err(super::super::errno::Fail::Trap(_))));
        for vector in [(0, 1), (2, 1), (0, 2), (2, 2)] {
            assert!(matches!(few_iovecs(&memory, vector), Err(super::super::errno::Fail::Trap(_))), "{vector:?}");
        }
        assert!(matches!(few_iovecs(&memory, (12, 1)), Ok(None)));
        assert!(matches!(iovecs(&memory, (8, 2)), Err(super::super::errno::Fail::Trap(_))));
        assert!(matches!(iovecs(&memory, (2, 1)), Err(super::super::errno::Fail::Trap(_))));
    }

    #[test]
    fn scatter_of_one_or_two_iovecs_fills_them_in_order_also_where_they_overlap_or_are_empty() {
        // Lists at 0 over rooms from 32 on: (count of the list, its entries, what 5 bytes come to).
        type Case = (u32, [(u32, u32); 2], [u8; 8]);
        let cases: [Case; 7] = [
            (1, [(32, 8), (0, 0)], [1, 2, 3, 4, 5, 0, 0, 0]),
            (2, [(36, 2), (32, 8)], [3, 4, 5, 0, 1, 2, 0, 0]),
            (2, [(34, 2), (32, 2)], [3, 4, 1, 2, 0, 0, 0, 0]),
            (2, [(32, 0), (33, 4)], [0, 1, 2, 3, 4, 0, 0, 0]),
            (2, [(33, 4), (32, 0)], [0, 1, 2, 3, 4, 0, 0, 0]),
            (2, [(32, 2), (34, 9)], [1, 2, 3, 4, 5, 0, 0, 0]),
            (2, [(32, 0), (40, 0)], [0; 8]),
        ];
        for (count, entries, expected) in cases {
            let mut data = vec![0; 48];
            for (place, (start, len)) in data.as_chunks_mut::<8>().0.iter_mut().zip(entries) {
                place[..4].copy_from_slice(&u32::to_le_bytes(start));
                place[4..].copy_from_slice(&u32::to_le_bytes(len));
            }
            let mut memory = GuestMemory::Unshared(&mut data);
            let mut next = 0;
            let read = scatter(&mut memory, (0, count), |rooms| {
                for byte in rooms.iter_mut().flat_map(|room| room.iter_mut()).take(5) {
                    next += 1;
                    *byte = next;
                }
                Ok(next.into())
            });
            read.expect("filled");
            assert_eq!(data[32..40], expected, "{entries:?}");
        }
    }

    #[test]
    fn path_of_bytes_that_are_no_utf8_is_ilseq() {
        let mut data = vec![0xff; 8];
        let memory = GuestMemory::Unshared(&mut data);
        assert!(matches!(path(&memory, 0, 2), Err(super::super::errno::Fail::Errno(Errno::Ilseq))));
    }
}
