//! How much memory pages may take.

use crate::sys::{PageBox, PagePool};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// What a page takes beside its bytes and its place in the file's table, at most: its entries in queues and sets, each
/// where that has just grown. `tests/budget` measures it.
pub(super) const PAGE_OVERHEAD: usize = 320;

/// The ceiling of processes that choose none.
const CEILING_BYTES: usize = 256 << 20;

/// Most bytes that the page caches of several mounts take together.
#[derive(Debug)]
pub struct PageCeiling {
    used: AtomicUsize,
    limit: usize,
}

impl PageCeiling {
    /// A ceiling of `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Arc<PageCeiling> {
        Arc::new(PageCeiling { used: AtomicUsize::new(0), limit })
    }

    /// The process's own: 256 MiB.
    #[must_use]
    pub fn process() -> Arc<PageCeiling> {
        static PROCESS: OnceLock<Arc<PageCeiling>> = OnceLock::new();
        Arc::clone(PROCESS.get_or_init(|| PageCeiling::new(CEILING_BYTES)))
    }

    /// Bytes in use.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

/// What the pages of one mount take, and may take.
#[derive(Debug)]
pub(crate) struct PageBudget {
    /// Bytes of pages, of files' records, and of what streams hold.
    used: AtomicUsize,
    pages: AtomicUsize,
    dirty: AtomicUsize,
    limit: usize,
    page_cost: usize,
    ceiling: Arc<PageCeiling>,
    pool: Arc<PagePool>,
}

fn add_within(counter: &AtomicUsize, bytes: usize, limit: usize) -> bool {
    let before = counter.fetch_add(bytes, Ordering::Relaxed);
    let fits = before.checked_add(bytes).is_some_and(|sum| sum <= limit);
    if !fits {
        counter.fetch_sub(bytes, Ordering::Relaxed);
    }
    fits
}

impl PageBudget {
    /// `limit` bytes for pages of `page_bytes`, under `ceiling`.
    pub(crate) fn new(limit: usize, page_bytes: usize, ceiling: Arc<PageCeiling>) -> Arc<PageBudget> {
        Arc::new(PageBudget {
            used: AtomicUsize::new(0),
            pages: AtomicUsize::new(0),
            dirty: AtomicUsize::new(0),
            limit,
            page_cost: page_bytes + PAGE_OVERHEAD,
            ceiling,
            // What is allocated and not used yet is part of the 5 % that a budget may be off by.
            pool: PagePool::new(page_bytes, limit / 32),
        })
    }

    /// A page, its cost taken out of the budget; `None`, and nothing changed, when it is not there. What it holds is what
    /// its last owner left in it.
    #[inline]
    pub(super) fn try_take_page(&self) -> Option<PageBox> {
        if !self.try_take(self.page_cost) {
            return None;
        }
        let page = self.pool.take();
        if page.is_some() {
            self.pages.fetch_add(1, Ordering::Relaxed);
        } else {
            self.give(self.page_cost);
        }
        page
    }

    /// Gives memory back that no page needs, if none does.
    pub(crate) fn trim(&self) {
        self.pool.trim();
    }

    /// Takes `bytes` out of the budget; false, and unchanged, when they are not there.
    pub(super) fn try_take(&self, bytes: usize) -> bool {
        if !add_within(&self.used, bytes, self.limit) {
            return false;
        }
        let fits = add_within(&self.ceiling.used, bytes, self.ceiling.limit);
        if !fits {
            self.used.fetch_sub(bytes, Ordering::Relaxed);
        }
        fits
    }

    /// Takes `bytes` that are in use whatever the budget says; pages make room for them.
    pub(super) fn take(&self, bytes: usize) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
        self.ceiling.used.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Gives `bytes` back.
    pub(super) fn give(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
        self.ceiling.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Gives the cost of `pages` back.
    pub(super) fn give_pages(&self, pages: usize) {
        if pages > 0 {
            self.pages.fetch_sub(pages, Ordering::Relaxed);
            self.give(pages * self.page_cost);
        }
    }

    /// Counts a page that became dirty.
    #[inline]
    pub(super) fn dirtied(&self) {
        self.dirty.fetch_add(self.page_cost, Ordering::Relaxed);
    }

    /// Counts a page that is dirty no more.
    #[inline]
    pub(super) fn cleaned(&self) {
        self.dirty.fetch_sub(self.page_cost, Ordering::Relaxed);
    }

    /// Bytes that file data takes, with what it takes to keep it.
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Bytes that dirty pages take.
    pub(crate) fn dirty(&self) -> usize {
        self.dirty.load(Ordering::Relaxed)
    }

    /// Whether half of the budget is dirty: from there on writers bring their own out.
    #[inline]
    pub(crate) fn is_half_dirty(&self) -> bool {
        self.dirty() > self.limit / 2
    }

    /// Checks what is counted against the pages that there are.
    pub(crate) fn check(&self, pages: usize, dirty: usize) -> Result<(), String> {
        let counted = (self.pages(), self.dirty() / self.page_cost);
        if counted == (pages, dirty) {
            return Ok(());
        }
        Err(format!("there are {pages} pages, {dirty} of them dirty, and {counted:?} are counted"))
    }

    /// Pages that the mount has now.
    pub(super) fn pages(&self) -> usize {
        self.pages.load(Ordering::Relaxed)
    }

    /// Pages that fit.
    pub(crate) fn pages_max(&self) -> usize {
        self.limit.min(self.ceiling.limit) / self.page_cost
    }
}

#[cfg(test)]
mod tests {
    use super::{PAGE_OVERHEAD, PageBudget, PageCeiling};

    #[test]
    fn take_over_the_mount_s_limit_or_the_ceiling_fails_and_changes_nothing() {
        let cost = 512 + PAGE_OVERHEAD;
        let ceiling = PageCeiling::new(3 * cost);
        let a = PageBudget::new(2 * cost, 512, ceiling.clone());
        let b = PageBudget::new(9 * cost, 512, ceiling.clone());
        assert!(a.try_take_page().is_some() && a.try_take_page().is_some() && a.try_take_page().is_none());
        assert!(b.try_take_page().is_some() && b.try_take_page().is_none());
        assert_eq!((a.pages(), b.pages(), ceiling.used()), (2, 1, 3 * cost));
        a.give_pages(1);
        assert!(b.try_take_page().is_some());
        assert_eq!(b.pages_max(), 3);
    }
}
