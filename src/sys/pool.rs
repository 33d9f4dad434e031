//! Memory for pages, in slabs that the kernel can back by huge pages.
//!
//! Pages that are allocated one by one lie scattered: each costs a page fault when it is first touched, and a reader who
//! jumps about misses the TLB at nearly every one. Slabs of up to 2 MiB cost one fault, and one entry of the TLB.

use parking_lot::Mutex;
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::Arc;

/// The size of a huge page, and of the largest slab.
const HUGE_BYTES: usize = 2 << 20;

/// The first slab; each is twice as large as the one before, so that who caches little takes little.
const FIRST_BYTES: usize = 64 << 10;

/// Pages of one size. Slabs are given back when the pool is trimmed or dropped.
pub(crate) struct PagePool {
    page_bytes: usize,
    slab_bytes_max: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Pages that nobody has.
    free: Vec<NonNull<u8>>,
    slabs: Vec<(NonNull<u8>, Layout)>,
    pages: usize,
}

// SAFETY: the pointers are to memory that the pool owns; what is in `free` belongs to nobody else, and is reached under
// the lock alone.
unsafe impl Send for PagePool {}
// SAFETY: as above; every access goes through the lock.
unsafe impl Sync for PagePool {}

/// A page of a pool, for its owner alone.
pub(crate) struct PageBox {
    bytes: NonNull<u8>,
    pool: Arc<PagePool>,
}

// SAFETY: it owns its bytes, which no other value refers to, and the pool is `Sync`.
unsafe impl Send for PageBox {}
// SAFETY: shared references give shared slices alone.
unsafe impl Sync for PageBox {}

impl PagePool {
    /// Pages of `page_bytes`, a power of two, in slabs of at most `slab_bytes_max` or one page.
    pub(crate) fn new(page_bytes: usize, slab_bytes_max: usize) -> Arc<PagePool> {
        debug_assert!(page_bytes.is_power_of_two(), "pages of {page_bytes} bytes");
        let slab_bytes_max = slab_bytes_max.min(HUGE_BYTES);
        Arc::new(PagePool { page_bytes, slab_bytes_max, state: Mutex::new(State::default()) })
    }

    /// A page; what it holds is what its last owner left in it. `None` when there is no memory.
    pub(crate) fn take(self: &Arc<Self>) -> Option<PageBox> {
        let mut state = self.state.lock();
        if state.free.is_empty() {
            self.grow(&mut state)?;
        }
        let bytes = state.free.pop()?;
        Some(PageBox { bytes, pool: Arc::clone(self) })
    }

    #[cold]
    fn grow(&self, state: &mut State) -> Option<()> {
        let double = FIRST_BYTES << state.slabs.len().min(8);
        let pages = (double.min(self.slab_bytes_max) / self.page_bytes).max(1);
        let bytes = pages * self.page_bytes;
        // Aligned so that a slab of 2 MiB can be one huge page.
        let align = if bytes == HUGE_BYTES { HUGE_BYTES } else { self.page_bytes.clamp(64, 4096) };
        let layout = Layout::from_size_align(bytes, align).ok()?;
        // SAFETY: the layout has a size above zero, as a page has.
        let slab = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        advise_huge(slab, bytes);
        state.slabs.push((slab, layout));
        state.pages += pages;
        state.free.reserve(state.pages.saturating_sub(state.free.len()));
        // SAFETY: every offset is below the slab's size.
        let page = |n: usize| unsafe { slab.add(n * self.page_bytes) };
        state.free.extend((0..pages).rev().map(page));
        Some(())
    }

    /// Gives the memory back if nobody has a page.
    pub(crate) fn trim(&self) {
        let mut state = self.state.lock();
        if state.free.len() == state.pages {
            free_slabs(&mut state);
        }
    }
}

/// Asks for huge pages behind a slab that can have them; what comes of it changes no behaviour.
fn advise_huge(slab: NonNull<u8>, bytes: usize) {
    if bytes == HUGE_BYTES {
        // SAFETY: the range was just allocated whole, and the advice changes nothing that can be read.
        let _ = unsafe { rustix::mm::madvise(slab.as_ptr().cast(), bytes, rustix::mm::Advice::LinuxHugepage) };
    }
}

fn free_slabs(state: &mut State) {
    state.free.clear();
    state.pages = 0;
    for (slab, layout) in state.slabs.drain(..) {
        // SAFETY: it was allocated with this layout, and all of its pages were free, so nobody refers to it.
        unsafe { dealloc(slab.as_ptr(), layout) };
    }
}

impl Drop for PagePool {
    fn drop(&mut self) {
        // Each page refers to its pool, so none is left.
        free_slabs(self.state.get_mut());
    }
}

impl fmt::Debug for PagePool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PagePool").field("page_bytes", &self.page_bytes).finish_non_exhaustive()
    }
}

impl PageBox {
    /// Another page of the pool with the same bytes. `None` when there is no memory.
    pub(crate) fn copy(&self) -> Option<PageBox> {
        let mut copy = self.pool.take()?;
        copy.copy_from_slice(self);
        Some(copy)
    }
}

impl Deref for PageBox {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: the pointer is to a page of the pool, which is alive and initialised (zeroed when it was allocated);
        // this value owns it, so nobody writes to it while it is borrowed.
        unsafe { std::slice::from_raw_parts(self.bytes.as_ptr(), self.pool.page_bytes) }
    }
}

impl DerefMut for PageBox {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and `self` is borrowed for itself alone.
        unsafe { std::slice::from_raw_parts_mut(self.bytes.as_ptr(), self.pool.page_bytes) }
    }
}

impl Drop for PageBox {
    fn drop(&mut self) {
        self.pool.state.lock().free.push(self.bytes);
    }
}

impl fmt::Debug for PageBox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PageBox({} bytes)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::PagePool;
    use std::sync::Arc;

    #[test]
    fn take_of_many_pages_gives_each_its_own_bytes() {
        let pool = PagePool::new(512, 2 << 20);
        let mut pages: Vec<_> = (0..10_000u32).map(|_| pool.take().expect("memory")).collect();
        for (n, page) in (0u32..).zip(&mut pages) {
            page.fill(0);
            page[..4].copy_from_slice(&n.to_le_bytes());
        }
        for (n, page) in (0u32..).zip(&pages) {
            assert_eq!((&page[..4], page[511], page.len()), (&n.to_le_bytes()[..], 0, 512));
        }
        let copy = pages[77].copy().expect("memory");
        drop(pages);
        pool.trim();
        assert_eq!(copy[..4], 77u32.to_le_bytes());
        drop(copy);
        pool.trim();
        assert_eq!(pool.state.lock().slabs.len(), 0);
        assert!(pool.take().is_some());
    }

    #[test]
    fn pages_outlive_every_other_reference_to_their_pool_and_cross_threads() {
        let pool = PagePool::new(4096, 4096);
        let threads: Vec<_> = (0..4)
            .map(|n| {
                let pool = Arc::clone(&pool);
                std::thread::spawn(move || {
                    (0..1_000).for_each(|_| pool.take().expect("memory").fill(n));
                    let mut page = pool.take().expect("memory");
                    page.fill(n);
                    page
                })
            })
            .collect();
        drop(pool);
        for (n, thread) in (0..).zip(threads) {
            assert!(thread.join().expect("it ends").iter().all(|byte| *byte == n));
        }
    }
}
