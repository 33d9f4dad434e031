//! Pages on their way from the backend.

use super::budget::PageBudget;
use crate::sys::PageBox;
use std::io::IoSliceMut;

/// Most pages that are fetched at once: one system call takes no more buffers.
const PAGES_MAX: usize = 1_024;

/// Memory for pages, taken out of the budget, to be filled by the backend.
#[derive(Debug)]
pub(crate) struct Fetched(pub(super) Vec<PageBox>);

impl Fetched {
    /// Memory for `pages` pages; for fewer when the budget does not have that many.
    pub(crate) fn take(budget: &PageBudget, pages: usize) -> Fetched {
        let mut fetched = Fetched(Vec::with_capacity(pages.min(PAGES_MAX)));
        fetched.take_more(budget, pages);
        fetched
    }

    /// Takes more, up to `pages` in all.
    pub(crate) fn take_more(&mut self, budget: &PageBudget, pages: usize) {
        while self.len() < pages.min(PAGES_MAX)
            && let Some(mut page) = budget.try_take_page()
        {
            // A backend that says it filled more than it did shows zeros, and nothing of other files.
            page.fill(0);
            self.0.push(page);
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes from `done` to `end`, counted over all pages, as a list for a read.
    pub(crate) fn rest(&mut self, done: u64, end: u64) -> Vec<IoSliceMut<'_>> {
        let mut skip = usize::try_from(done).unwrap_or(usize::MAX);
        let mut left = usize::try_from(end.saturating_sub(done)).unwrap_or(usize::MAX);
        let mut bufs = Vec::with_capacity(self.len());
        for page in &mut self.0 {
            let from = skip.min(page.len());
            skip -= from;
            let room = page.get_mut(from..).unwrap_or_default();
            let len = room.len().min(left);
            left -= len;
            if let Some(room) = room.get_mut(..len).filter(|room| !room.is_empty()) {
                bufs.push(IoSliceMut::new(room));
            }
        }
        bufs
    }
}
