//! One page.

use super::span::Span;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Most uses that are counted of a page between two looks of the eviction hand.
const HEAT_MAX: u8 = 3;

/// A page of a file. Of its bytes `valid` are known; of these `dirty` are ahead of the backend.
#[derive(Debug)]
pub(super) struct Page {
    /// Shared with what is on its way to the backend: a write while that is so goes to a copy.
    pub(super) bytes: Arc<[u8]>,
    pub(super) valid: Span,
    pub(super) dirty: Span,
    /// Tells it from an earlier page in its place.
    pub(super) stamp: u32,
    /// Whether the recency queues have an entry of it.
    pub(super) queued: bool,
    heat: AtomicU8,
}

impl Page {
    pub(super) fn new(bytes: Arc<[u8]>, valid: Span, stamp: u32) -> Page {
        Page { bytes, valid, dirty: Span::EMPTY, stamp, queued: false, heat: AtomicU8::new(0) }
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

    /// The bytes, for a change.
    #[inline]
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        Arc::make_mut(&mut self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::Page;

    #[test]
    fn size_of_a_page_s_record_stays_within_the_budget_s_overhead() {
        assert!(size_of::<Page>() <= 40, "{}", size_of::<Page>());
    }
}
