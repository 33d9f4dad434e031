//! An allocator that counts what is live, while it is asked to.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering};

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static ENABLED: AtomicBool = AtomicBool::new(false);
static LIVE: AtomicIsize = AtomicIsize::new(0);

fn count(grown: usize, shrunk: usize) {
    if ENABLED.load(Ordering::Relaxed) {
        // Layouts are no larger than isize::MAX.
        LIVE.fetch_add(grown.cast_signed() - shrunk.cast_signed(), Ordering::Relaxed);
    }
}

// SAFETY: every method hands its arguments to `System` unchanged and answers what it answered; counting allocates
// nothing and cannot panic.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller keeps this function's contract, which is that of `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: as above; `ptr` came from `System` with this layout.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(new_size, layout.size());
        // SAFETY: as above; `ptr` came from `System` with this layout.
        unsafe { System.realloc(ptr, layout, new_size) }
    }
}

/// Counts from here on.
pub(crate) fn start() {
    LIVE.store(0, Ordering::Relaxed);
    ENABLED.store(true, Ordering::Relaxed);
}

/// Bytes allocated and not freed since the start.
pub(crate) fn live() -> isize {
    LIVE.load(Ordering::Relaxed)
}

/// Counts no more: outside the memory figure an allocation costs one predicted branch more than the system's.
pub(crate) fn stop() {
    ENABLED.store(false, Ordering::Relaxed);
}
