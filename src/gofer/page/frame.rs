//! One page.

use super::span::Span;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Most uses that are counted of a page between two looks of the eviction hand.
const HEAT_MAX: u8 = 3;

/// A page's memory. It is shared only while it is on its way to the backend: a write meanwhile goes to a copy.
#[derive(Debug)]
pub(super) enum Bytes {
    Own(Box<[u8]>),
    UnderWay(Arc<Box<[u8]>>),
}

impl Deref for Bytes {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Own(bytes) => bytes,
            Bytes::UnderWay(bytes) => bytes,
        }
    }
}

impl Bytes {
    /// The bytes for the way to the backend.
    pub(super) fn share(&mut self) -> Arc<Box<[u8]>> {
        let shared = match self {
            Bytes::UnderWay(bytes) => return Arc::clone(bytes),
            Bytes::Own(bytes) => Arc::new(std::mem::take(bytes)),
        };
        *self = Bytes::UnderWay(Arc::clone(&shared));
        shared
    }

    /// Whether they are still what was shared: nobody has written since.
    pub(super) fn is(&self, shared: &Arc<Box<[u8]>>) -> bool {
        matches!(self, Bytes::UnderWay(bytes) if Arc::ptr_eq(bytes, shared))
    }

    #[cold]
    fn own_again(&mut self) {
        let Bytes::UnderWay(bytes) = self else { return };
        let own = match Arc::get_mut(bytes) {
            Some(bytes) => std::mem::take(bytes),
            None => (***bytes).into(),
        };
        *self = Bytes::Own(own);
    }

    /// The bytes, for a change.
    #[inline]
    pub(super) fn to_mut(&mut self) -> &mut [u8] {
        if matches!(self, Bytes::UnderWay(_)) {
            self.own_again();
        }
        match self {
            Bytes::Own(bytes) => bytes,
            Bytes::UnderWay(_) => &mut [],
        }
    }
}

/// A page of a file. Of its bytes `valid` are known; of these `dirty` are ahead of the backend.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) bytes: Bytes,
    pub(super) valid: Span,
    pub(super) dirty: Span,
    /// Tells it from an earlier page in its place.
    pub(super) stamp: u32,
    /// Whether the recency queues have an entry of it.
    pub(super) queued: bool,
    heat: AtomicU8,
}

impl Page {
    pub(super) fn new(bytes: Box<[u8]>, valid: Span, stamp: u32) -> Page {
        Page { bytes: Bytes::Own(bytes), valid, dirty: Span::EMPTY, stamp, queued: false, heat: AtomicU8::new(0) }
    }

    /// Counts a use. Once it is hot enough a use writes nothing, so that readers share the line.
    #[inline]
    pub(super) fn touch(&self) {
        let heat = self.heat.load(Ordering::Relaxed);
        if heat < HEAT_MAX {
            self.heat.store(heat + 1, Ordering::Relaxed);
        }
    }

    /// Takes away the uses that were counted, or one of them; whether there were any.
    pub(super) fn cool(&self, wholly: bool) -> bool {
        let heat = self.heat.load(Ordering::Relaxed);
        self.heat.store(if wholly { 0 } else { heat.saturating_sub(1) }, Ordering::Relaxed);
        heat > 0
    }
}

#[cfg(test)]
mod tests {
    use super::{Bytes, Page};

    #[test]
    fn to_mut_of_bytes_under_way_leaves_those_as_they_were() {
        let mut bytes = Bytes::Own(Box::new([1, 2, 3]));
        let under_way = bytes.share();
        assert!(bytes.is(&under_way));
        bytes.to_mut()[0] = 9;
        assert!(!bytes.is(&under_way));
        assert_eq!((&bytes[..], &under_way[..]), (&[9, 2, 3][..], &[1, 2, 3][..]));
    }

    #[test]
    fn to_mut_of_bytes_that_arrived_copies_nothing() {
        let mut bytes = Bytes::Own(Box::new([1, 2, 3]));
        let before = bytes.as_ptr();
        drop(bytes.share());
        bytes.to_mut()[0] = 9;
        assert_eq!((bytes.as_ptr(), &bytes[..]), (before, &[9, 2, 3][..]));
    }

    #[test]
    fn size_of_a_page_s_record_stays_within_the_budget_s_overhead() {
        assert!(size_of::<Page>() <= 40, "{}", size_of::<Page>());
    }
}
