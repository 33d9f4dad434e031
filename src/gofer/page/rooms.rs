//! Positions in a caller's list of buffers.

use std::borrow::Cow;
use std::io::{IoSlice, IoSliceMut};

/// The rest of a list of buffers that is to be filled.
#[derive(Debug)]
pub(crate) struct Rooms<'r, 'b> {
    bufs: &'r mut [IoSliceMut<'b>],
    /// The buffer, and the byte in it, that comes next.
    at: usize,
    within: usize,
}

impl<'r, 'b> Rooms<'r, 'b> {
    /// All of `bufs`.
    #[inline]
    pub(crate) fn new(bufs: &'r mut [IoSliceMut<'b>]) -> Self {
        Rooms { bufs, at: 0, within: 0 }
    }

    /// Bytes that are left to fill.
    #[inline]
    pub(crate) fn len(&self) -> u64 {
        let rest = self.bufs.get(self.at..).unwrap_or_default();
        let whole = rest.iter().fold(0u64, |sum, buf| sum.saturating_add(buf.len() as u64));
        whole.saturating_sub(self.within as u64)
    }

    /// Fills the next bytes from `bytes`, and says how many had room.
    #[inline]
    pub(crate) fn put(&mut self, mut bytes: &[u8]) -> usize {
        let before = bytes.len();
        while let Some(room) = self.next(bytes.len()) {
            let (now, later) = bytes.split_at(room.len());
            room.copy_from_slice(now);
            bytes = later;
        }
        before - bytes.len()
    }

    /// Fills the next `len` bytes with zeros.
    pub(crate) fn put_zeros(&mut self, mut len: u64) {
        while let Some(room) = self.next(usize::try_from(len).unwrap_or(usize::MAX)) {
            room.fill(0);
            len -= room.len() as u64;
        }
    }

    /// The next room of at most `most` bytes, which is then behind; `None` when there is none or `most` is 0.
    #[inline]
    fn next(&mut self, most: usize) -> Option<&mut [u8]> {
        if most == 0 {
            return None;
        }
        while self.bufs.get(self.at)?.len() == self.within {
            self.at += 1;
            self.within = 0;
        }
        let (at, start) = (self.at, self.within);
        let end = self.bufs.get(at)?.len().min(start.saturating_add(most));
        self.within = end;
        self.bufs.get_mut(at)?.get_mut(start..end)
    }

    /// Runs `fill` on the next `most` bytes; they stay to be filled.
    pub(crate) fn with_rest<R>(&mut self, most: u64, fill: impl FnOnce(&mut [IoSliceMut<'_>]) -> R) -> R {
        if (self.at, self.within) == (0, 0) && self.len() <= most {
            return fill(self.bufs);
        }
        fill(&mut self.rest(most))
    }

    fn rest(&mut self, most: u64) -> Vec<IoSliceMut<'_>> {
        let mut left = usize::try_from(most).unwrap_or(usize::MAX);
        let mut skip = self.within;
        let mut rest = Vec::new();
        for buf in self.bufs.get_mut(self.at..).unwrap_or_default() {
            let Some(room) = buf.get_mut(skip..) else { continue };
            skip = 0;
            let len = room.len().min(left);
            left -= len;
            if let Some(room) = room.get_mut(..len).filter(|room| !room.is_empty()) {
                rest.push(IoSliceMut::new(room));
            }
        }
        rest
    }

    /// Counts the next `len` bytes as filled.
    pub(crate) fn skip(&mut self, mut len: usize) {
        while let Some(room) = self.next(len) {
            len -= room.len();
        }
    }

    /// Fills bytes at `offset` from where it stands, without moving.
    pub(crate) fn patch(&mut self, offset: u64, bytes: &[u8]) {
        let (at, within) = (self.at, self.within);
        self.skip(usize::try_from(offset).unwrap_or(usize::MAX));
        self.put(bytes);
        (self.at, self.within) = (at, within);
    }

    /// As [`Rooms::patch`], with `len` zeros.
    pub(crate) fn patch_zeros(&mut self, offset: u64, len: u64) {
        let (at, within) = (self.at, self.within);
        self.skip(usize::try_from(offset).unwrap_or(usize::MAX));
        self.put_zeros(len);
        (self.at, self.within) = (at, within);
    }
}

/// The rest of a list of buffers that is to be written.
#[derive(Clone, Debug)]
pub(crate) struct Pieces<'r, 'b> {
    bufs: &'r [IoSlice<'b>],
    at: usize,
    within: usize,
}

impl<'r, 'b> Pieces<'r, 'b> {
    /// All of `bufs`.
    #[inline]
    pub(crate) fn new(bufs: &'r [IoSlice<'b>]) -> Self {
        Pieces { bufs, at: 0, within: 0 }
    }

    /// Bytes that are left.
    #[inline]
    pub(crate) fn len(&self) -> u64 {
        let rest = self.bufs.get(self.at..).unwrap_or_default();
        let whole = rest.iter().fold(0u64, |sum, buf| sum.saturating_add(buf.len() as u64));
        whole.saturating_sub(self.within as u64)
    }

    /// The next bytes, at most `most` of them and in one piece; they are then behind. `None` at the end.
    #[inline]
    pub(crate) fn next(&mut self, most: usize) -> Option<&'r [u8]> {
        if most == 0 {
            return None;
        }
        while self.bufs.get(self.at)?.len() == self.within {
            self.at += 1;
            self.within = 0;
        }
        let (buf, start) = (self.bufs.get(self.at)?, self.within);
        let end = buf.len().min(start.saturating_add(most));
        self.within = end;
        buf.get(start..end)
    }

    /// Copies the next bytes to fill `room`; how many there were.
    #[inline]
    pub(crate) fn take(&mut self, room: &mut [u8]) -> usize {
        let mut done = 0;
        while let Some(piece) = self.next(room.len() - done) {
            let end = done + piece.len();
            if let Some(room) = room.get_mut(done..end) {
                room.copy_from_slice(piece);
            }
            done = end;
        }
        done
    }

    /// Passes over the next `len` bytes.
    pub(crate) fn skip(&mut self, mut len: usize) {
        while let Some(piece) = self.next(len) {
            len -= piece.len();
        }
    }

    /// What is left, as a list.
    pub(crate) fn rest(&self) -> Cow<'r, [IoSlice<'b>]>
    where
        'r: 'b,
    {
        if (self.at, self.within) == (0, 0) {
            return Cow::Borrowed(self.bufs);
        }
        let mut skip = self.within;
        let bufs = self.bufs.get(self.at..).unwrap_or_default().iter();
        let rest = bufs.filter_map(|buf| {
            let piece = buf.get(skip..);
            skip = 0;
            piece
        });
        Cow::Owned(rest.filter(|piece| !piece.is_empty()).map(IoSlice::new).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::{Pieces, Rooms};
    use std::io::{IoSlice, IoSliceMut};

    #[test]
    fn put_over_several_rooms_fills_them_in_order_and_stops_when_they_are_full() {
        let (mut a, mut b, mut c) = ([0; 2], [0; 0], [0; 3]);
        let mut bufs = [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b), IoSliceMut::new(&mut c)];
        let mut rooms = Rooms::new(&mut bufs);
        assert_eq!((rooms.len(), rooms.put(&[1, 2, 3]), rooms.len()), (5, 3, 2));
        assert_eq!(rooms.rest(9).iter().map(|room| room.len()).collect::<Vec<_>>(), [2]);
        assert_eq!((rooms.put(&[4, 5, 6]), rooms.len()), (2, 0));
        assert_eq!((a, c), ([1, 2], [3, 4, 5]));
    }

    #[test]
    fn patch_changes_what_is_ahead_and_stays_where_it_stood() {
        let (mut a, mut b) = ([9; 2], [9; 3]);
        let mut bufs = [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)];
        let mut rooms = Rooms::new(&mut bufs);
        rooms.skip(1);
        rooms.patch(1, &[1, 2]);
        rooms.patch_zeros(3, 5);
        assert_eq!(rooms.len(), 4);
        assert_eq!((a, b), ([9, 9], [1, 2, 0]));
    }

    #[test]
    fn pieces_are_taken_in_order_over_the_ends_of_buffers() {
        let bufs = [IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cde")];
        let mut pieces = Pieces::new(&bufs);
        let mut room = [0; 3];
        assert_eq!((pieces.len(), pieces.take(&mut room)), (5, 3));
        assert_eq!(&room, b"abc");
        assert_eq!(pieces.rest().iter().map(|piece| piece.to_vec()).collect::<Vec<_>>(), [b"de".to_vec()]);
        pieces.skip(1);
        assert_eq!((pieces.next(9), pieces.next(9)), (Some(&b"e"[..]), None));
    }
}
