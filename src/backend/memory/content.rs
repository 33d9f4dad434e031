//! The bytes of a sparse file.

use super::limits::Limits;
use crate::abi::{Errno, Result};
use std::collections::BTreeMap;
use std::io::{IoSlice, IoSliceMut};

/// Most bytes of one extent, which begins at a multiple of this.
const EXTENT: usize = 64 * 1024;

/// Fewest bytes that an extent is counted with, so that many tiny ones cannot cost more than was counted.
const EXTENT_MIN: usize = 128;

/// Largest file, as on tmpfs.
pub(super) const SIZE_MAX: u64 = i64::MAX as u64;

/// The contents of one regular file.
#[derive(Debug, Default)]
pub(super) struct Content {
    size: u64,
    /// Extents by number. What one lacks, at its end or wholly, reads as zeros; none reaches beyond `size`.
    extents: BTreeMap<u64, Extent>,
    /// Bytes taken from the limits.
    taken: u64,
}

#[derive(Debug, Default)]
struct Extent {
    bytes: Vec<u8>,
    /// Bytes taken from the limits for this extent; never less than its length.
    taken: usize,
}

/// Which extent holds the byte at `offset`, and where in it.
fn split(offset: u64) -> (u64, usize) {
    // The remainder is below 2^16.
    #[allow(clippy::cast_possible_truncation, reason = "remainder of a division by 65536")]
    (offset / EXTENT as u64, (offset % EXTENT as u64) as usize)
}

/// `length`, or the room between `at` and the end of an extent if that is less.
fn within(at: usize, length: usize) -> usize {
    length.min(EXTENT.saturating_sub(at))
}

impl Content {
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Bytes that are counted against the filesystem's bound.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// Fills `bufs` from `offset` on; short at the end of the file.
    pub(super) fn read(&self, bufs: &mut [IoSliceMut<'_>], offset: u64) -> usize {
        let mut done = 0;
        let mut at = offset;
        for buf in bufs {
            let left = usize::try_from(self.size.saturating_sub(at)).unwrap_or(usize::MAX);
            let length = buf.len().min(left);
            if let Some(buf) = buf.get_mut(..length) {
                self.fill(buf, at);
            }
            done += length;
            at += length as u64;
        }
        done
    }

    /// Fills `buf`, which does not reach beyond the end of the file.
    fn fill(&self, mut buf: &mut [u8], mut at: u64) {
        while !buf.is_empty() {
            let (number, start) = split(at);
            let (part, rest) = buf.split_at_mut(within(start, buf.len()));
            let present = self.extents.get(&number).and_then(|extent| extent.bytes.get(start..)).unwrap_or_default();
            let copied = present.len().min(part.len());
            let (data, hole) = part.split_at_mut(copied);
            data.copy_from_slice(present.get(..copied).unwrap_or_default());
            hole.fill(0);
            at += part.len() as u64;
            buf = rest;
        }
    }

    /// Writes `bufs` at `offset`. Short when the filesystem is full or the file as large as can be; `ENOSPC` or `EFBIG`
    /// when not one byte could be written.
    pub(super) fn write(&mut self, limits: &Limits, bufs: &[IoSlice<'_>], offset: u64) -> Result<usize> {
        let mut done = 0;
        for buf in bufs {
            let mut rest: &[u8] = buf;
            while !rest.is_empty() {
                match self.write_part(limits, rest, offset.saturating_add(done as u64)) {
                    Ok(written) => {
                        done += written;
                        rest = rest.get(written..).unwrap_or_default();
                    }
                    Err(error) if done == 0 => return Err(error),
                    Err(_) => return Ok(done),
                }
            }
        }
        Ok(done)
    }

    /// Writes the part of `data`, which is not empty, that lies in the first extent it touches.
    fn write_part(&mut self, limits: &Limits, data: &[u8], at: u64) -> Result<usize> {
        let room = usize::try_from(SIZE_MAX.saturating_sub(at)).unwrap_or(usize::MAX);
        if room == 0 {
            return Err(Errno::Fbig.into());
        }
        let (number, start) = split(at);
        let length = within(start, data.len().min(room));
        let part = data.get(..length).unwrap_or_default();
        let extent = self.reach(limits, number, start + length)?;
        if let Some(place) = extent.bytes.get_mut(start..start + length) {
            place.copy_from_slice(part);
        }
        self.size = self.size.max(at + length as u64);
        Ok(length)
    }

    /// Extent `number`, at least `length` bytes long.
    fn reach(&mut self, limits: &Limits, number: u64, length: usize) -> Result<&mut Extent> {
        let have = self.extents.get(&number).map_or(0, |extent| extent.taken);
        if length > have {
            // Rounded up, so that a file which grows by bytes is not copied for each; exact when that is too much.
            let rounded = length.next_power_of_two().max(EXTENT_MIN);
            let exact = length.max(EXTENT_MIN);
            let want = match limits.take_bytes((rounded - have) as u64) {
                Ok(()) => rounded,
                Err(_) => limits.take_bytes((exact - have) as u64).map(|()| exact)?,
            };
            let extent = self.extents.entry(number).or_default();
            if extent.bytes.try_reserve_exact(want - extent.bytes.len()).is_err() {
                limits.give_bytes((want - have) as u64);
                if have == 0 {
                    self.extents.remove(&number);
                }
                return Err(Errno::Nomem.into());
            }
            extent.taken = want;
            self.taken += (want - have) as u64;
        }
        let extent = self.extents.entry(number).or_default();
        if extent.bytes.len() < length {
            extent.bytes.resize(length, 0);
        }
        Ok(extent)
    }

    /// Sets the length; growth reads as zeros and costs nothing.
    pub(super) fn truncate(&mut self, limits: &Limits, size: u64) {
        if size < self.size {
            let (number, start) = split(size);
            let mut cut = self.extents.split_off(&number);
            if start > 0
                && let Some(mut extent) = cut.remove(&number)
            {
                extent.bytes.truncate(start);
                extent.bytes.shrink_to_fit();
                let keep = extent.bytes.len().max(EXTENT_MIN).min(extent.taken);
                self.give(limits, extent.taken - keep);
                extent.taken = keep;
                self.extents.insert(number, extent);
            }
            for extent in cut.into_values() {
                self.give(limits, extent.taken);
            }
        }
        self.size = size;
    }

    /// Makes sure that `len` bytes at `offset` can be written, growing the file. Changes nothing when they cannot.
    /// The caller has checked that the range ends within [`SIZE_MAX`].
    pub(super) fn allocate(&mut self, limits: &Limits, offset: u64, len: u64) -> Result<()> {
        // Refused before the loop, which is as long as the range.
        if len.saturating_sub(self.taken) > limits.free_bytes() {
            return Err(Errno::Nospc.into());
        }
        let (old_size, end) = (self.size, offset + len);
        // While the range is reserved the file is as long as it will be, so that a failure can be cut off again.
        self.size = self.size.max(end);
        let mut at = offset;
        while at < end {
            let (number, start) = split(at);
            let length = within(start, usize::try_from(end - at).unwrap_or(usize::MAX));
            if let Err(error) = self.reach(limits, number, start + length) {
                self.truncate(limits, old_size);
                return Err(error);
            }
            at += length as u64;
        }
        Ok(())
    }

    fn give(&mut self, limits: &Limits, bytes: usize) {
        limits.give_bytes(bytes as u64);
        self.taken = self.taken.saturating_sub(bytes as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits::new(1 << 20, 1)
    }

    fn read(content: &Content, offset: u64, length: usize) -> Vec<u8> {
        let mut buf = vec![0xaa; length];
        let read = content.read(&mut [IoSliceMut::new(&mut buf)], offset);
        buf.truncate(read);
        buf
    }

    #[test]
    fn write_at_a_terabyte_costs_one_extent() {
        let (limits, mut content) = (limits(), Content::default());
        assert_eq!(content.write(&limits, &[IoSlice::new(b"far")], 1 << 40), Ok(3));
        assert_eq!(content.size(), (1 << 40) + 3);
        assert_eq!(content.taken(), EXTENT_MIN as u64);
        assert_eq!(read(&content, (1 << 40) - 2, 10), b"\0\0far");
    }

    #[test]
    fn write_over_the_edge_of_an_extent_is_read_back() {
        let (limits, mut content) = (limits(), Content::default());
        let data: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect();
        assert_eq!(content.write(&limits, &[IoSlice::new(&data)], 10), Ok(data.len()));
        assert_eq!(read(&content, 10, data.len()), data);
        assert_eq!(read(&content, 0, 10), [0; 10]);
    }

    #[test]
    fn truncate_and_growth_again_reads_zeros_and_gives_back() {
        let (limits, mut content) = (limits(), Content::default());
        content.write(&limits, &[IoSlice::new(&[7; 100_000])], 0).expect("fits");
        content.truncate(&limits, 5);
        content.truncate(&limits, 100_000);
        assert_eq!(read(&content, 0, 8), [7, 7, 7, 7, 7, 0, 0, 0]);
        assert_eq!(limits.free_bytes(), (1 << 20) - content.taken());
        content.truncate(&limits, 0);
        assert_eq!((content.taken(), limits.free_bytes()), (0, 1 << 20));
    }

    #[test]
    fn write_into_a_full_filesystem_is_short_and_then_nospc() {
        let (limits, mut content) = (Limits::new(1000, 1), Content::default());
        assert_eq!(content.write(&limits, &[IoSlice::new(&[1; 600])], 0), Ok(600));
        assert_eq!(content.write(&limits, &[IoSlice::new(&[1; 200]), IoSlice::new(&[1; 600])], 600), Ok(200));
        assert_eq!(content.write(&limits, &[IoSlice::new(&[1; 600])], 800), Err(Errno::Nospc.into()));
        assert_eq!(content.size(), 800);
    }

    #[test]
    fn allocate_of_more_than_there_is_changes_nothing() {
        let (limits, mut content) = (limits(), Content::default());
        assert_eq!(content.allocate(&limits, 0, 1 << 50), Err(Errno::Nospc.into()));
        assert_eq!((content.size(), content.taken()), (0, 0));
        assert_eq!(content.allocate(&limits, 100, 100_000), Ok(()));
        assert_eq!(content.size(), 100_100);
        assert_eq!(read(&content, 50_000, 4), [0; 4]);
    }

    #[test]
    fn write_at_the_largest_size_is_fbig() {
        let (limits, mut content) = (limits(), Content::default());
        assert_eq!(content.write(&limits, &[IoSlice::new(b"ab")], SIZE_MAX - 1), Ok(1));
        assert_eq!(content.write(&limits, &[IoSlice::new(b"a")], SIZE_MAX), Err(Errno::Fbig.into()));
    }
}
