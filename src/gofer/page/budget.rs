//! How much memory pages may take.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// What a page takes beside its bytes, estimated: its record in the file's table at that one's usual load, its entry in
/// a recency queue, and what the allocator adds.
const PAGE_OVERHEAD: usize = 192;

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
    used: AtomicUsize,
    dirty: AtomicUsize,
    limit: usize,
    page_cost: usize,
    ceiling: Arc<PageCeiling>,
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
            dirty: AtomicUsize::new(0),
            limit,
            page_cost: page_bytes + PAGE_OVERHEAD,
            ceiling,
        })
    }

    /// Takes a page's cost out of the budget; false, and unchanged, when it is not there.
    #[inline]
    pub(super) fn try_take_page(&self) -> bool {
        if !add_within(&self.used, self.page_cost, self.limit) {
            return false;
        }
        let fits = add_within(&self.ceiling.used, self.page_cost, self.ceiling.limit);
        if !fits {
            self.used.fetch_sub(self.page_cost, Ordering::Relaxed);
        }
        fits
    }

    /// Gives the cost of `pages` back.
    pub(super) fn give_pages(&self, pages: usize) {
        let bytes = pages * self.page_cost;
        self.used.fetch_sub(bytes, Ordering::Relaxed);
        self.ceiling.used.fetch_sub(bytes, Ordering::Relaxed);
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

    /// Bytes that pages take.
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
        let counted = (self.used(), self.dirty());
        let there = (pages * self.page_cost, dirty * self.page_cost);
        if counted == there {
            Ok(())
        } else {
            Err(format!("pages take {there:?} (all, dirty), {counted:?} are counted"))
        }
    }

    /// Pages that the mount has now.
    pub(super) fn pages(&self) -> usize {
        self.used() / self.page_cost
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
        assert!(a.try_take_page() && a.try_take_page() && !a.try_take_page());
        assert!(b.try_take_page() && !b.try_take_page());
        assert_eq!((a.pages(), b.pages(), ceiling.used()), (2, 1, 3 * cost));
        a.give_pages(1);
        assert!(b.try_take_page());
        assert_eq!(b.pages_max(), 3);
    }
}
