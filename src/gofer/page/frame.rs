//! One page.

use super::span::Span;
use crate::sys::PageBox;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Most uses that are counted of a page between two looks of the eviction hand.
const HEAT_MAX: u8 = 3;

/// A page's memory. It is shared only while it is on its way to the backend: a write meanwhile goes to a copy.
#[derive(Debug)]
pub(super) enum Bytes {
    Own(PageBox),
    UnderWay(Arc<PageBox>),
    /// Only while it changes hands.
    Nowhere,
}

impl Deref for Bytes {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Own(bytes) => bytes,
            Bytes::UnderWay(bytes) => bytes,
            Bytes::Nowhere => &[],
        }
    }
}

impl Bytes {
    /// The bytes for the way to the backend.
    pub(super) fn share(&mut self) -> Option<Arc<PageBox>> {
        let shared = match std::mem::replace(self, Bytes::Nowhere) {
            Bytes::UnderWay(bytes) => bytes,
            Bytes::Own(bytes) => Arc::new(bytes),
            Bytes::Nowhere => return None,
        };
        *self = Bytes::UnderWay(Arc::clone(&shared));
        Some(shared)
    }

    /// Whether they are still what was shared: nobody has written since.
    pub(super) fn is(&self, shared: &Arc<PageBox>) -> bool {
        matches!(self, Bytes::UnderWay(bytes) if Arc::ptr_eq(bytes, shared))
    }

    /// Makes them the page's own again, by a copy if they are still under way. False when there is no memory for one.
    #[cold]
    fn own_again(&mut self) -> bool {
        let Bytes::UnderWay(bytes) = std::mem::replace(self, Bytes::Nowhere) else { return false };
        *self = match Arc::try_unwrap(bytes) {
            Ok(own) => Bytes::Own(own),
            Err(bytes) => match bytes.copy() {
                Some(own) => Bytes::Own(own),
                None => Bytes::UnderWay(bytes),
            },
        };
        matches!(self, Bytes::Own(_))
    }

    /// The bytes, for a change; `None` when they are under way and there is no memory for a copy.
    #[inline]
    pub(super) fn to_mut(&mut self) -> Option<&mut [u8]> {
        if matches!(self, Bytes::UnderWay(_)) && !self.own_again() {
            return None;
        }
        match self {
            Bytes::Own(bytes) => Some(bytes),
            Bytes::UnderWay(_) | Bytes::Nowhere => None,
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
    pub(super) fn new(bytes: PageBox, valid: Span, stamp: u32) -> Page {
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

    fn bytes() -> Bytes {
        let mut page = crate::sys::PagePool::new(512, 4096).take().expect("memory");
        page.fill(7);
        Bytes::Own(page)
    }

    #[test]
    fn to_mut_of_bytes_under_way_leaves_those_as_they_were() {
        let mut bytes = bytes();
        let under_way = bytes.share().expect("there");
        assert!(bytes.is(&under_way));
        bytes.to_mut().expect("memory")[0] = 9;
        assert!(!bytes.is(&under_way));
        assert_eq!((bytes[0], bytes[1], under_way[0]), (9, 7, 7));
    }

    #[test]
    fn to_mut_of_bytes_that_arrived_copies_nothing() {
        let mut bytes = bytes();
        let before = bytes.as_ptr();
        drop(bytes.share());
        bytes.to_mut().expect("memory")[0] = 9;
        assert_eq!((bytes.as_ptr(), bytes[0], bytes[1]), (before, 9, 7));
    }

    #[test]
    fn size_of_a_page_s_record_stays_within_the_budget_s_overhead() {
        assert!(size_of::<Page>() <= 48, "{}", size_of::<Page>());
    }
}
