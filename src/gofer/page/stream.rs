//! What a reader fetches ahead that goes once through a large file.

use super::budget::PageBudget;
use std::sync::Arc;

/// Bytes that one fetch brings at most.
pub(crate) const STREAM_BYTES: usize = 128 << 10;

/// A buffer that a sequential reader of a large file uses again and again in place of pages: those would push out what is
/// used, and be pushed out before they are. What it holds is as old as the generation that it was fetched in.
#[derive(Debug)]
pub(crate) struct Stream {
    bytes: Box<[u8]>,
    offset: u64,
    len: usize,
    generation: u64,
    budget: Arc<PageBudget>,
}

impl Stream {
    /// An empty buffer; `None` when the budget has no room for it.
    pub(crate) fn new(budget: &Arc<PageBudget>) -> Option<Stream> {
        let room = budget.try_take(STREAM_BYTES);
        let bytes = || vec![0; STREAM_BYTES].into_boxed_slice();
        room.then(|| Stream { bytes: bytes(), offset: 0, len: 0, generation: 0, budget: Arc::clone(budget) })
    }

    /// What it holds from `offset` on, fetched in this generation; empty when that is nothing.
    pub(crate) fn at(&self, offset: u64, generation: u64) -> &[u8] {
        let skip = offset.checked_sub(self.offset).and_then(|skip| usize::try_from(skip).ok());
        let held = self.bytes.get(..self.len).filter(|_| self.generation == generation);
        held.zip(skip).and_then(|(held, skip)| held.get(skip..)).unwrap_or_default()
    }

    /// Room for `len` bytes from the backend.
    pub(crate) fn room(&mut self, len: usize) -> &mut [u8] {
        self.len = 0;
        let len = len.min(self.bytes.len());
        self.bytes.get_mut(..len).unwrap_or_default()
    }

    /// Notes that the room was filled with `len` bytes from `offset` on.
    pub(crate) fn filled(&mut self, offset: u64, len: usize, generation: u64) {
        (self.offset, self.len, self.generation) = (offset, len, generation);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.budget.give(STREAM_BYTES);
    }
}

#[cfg(test)]
mod tests {
    use super::{STREAM_BYTES, Stream};
    use crate::gofer::page::{PageBudget, PageCeiling};

    #[test]
    fn at_of_another_generation_or_place_is_nothing() {
        let budget = PageBudget::new(STREAM_BYTES, 512, PageCeiling::new(usize::MAX));
        let mut stream = Stream::new(&budget).expect("there is room");
        assert!(Stream::new(&budget).is_none());
        stream.room(3).copy_from_slice(b"abc");
        stream.filled(10, 3, 7);
        assert_eq!((stream.at(11, 7), stream.at(13, 7)), (&b"bc"[..], &b""[..]));
        assert_eq!((stream.at(11, 8), stream.at(9, 7), stream.at(99, 7)), (&b""[..], &b""[..], &b""[..]));
        drop(stream);
        assert!(Stream::new(&budget).is_some());
    }
}
