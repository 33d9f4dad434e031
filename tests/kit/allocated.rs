//! How much a thread allocates: host functions of a synchronous guest run on the thread of the test.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Allocated {
    /// Bytes of all allocations together, freed ones included.
    pub(crate) total: usize,
    /// Bytes of the largest one.
    pub(crate) largest: usize,
}

thread_local! {
    // No destructor and no lazy start, so that the allocator can use it at any time.
    static SO_FAR: Cell<Allocated> = const { Cell::new(Allocated { total: 0, largest: 0 }) };
}

fn count(bytes: usize) {
    // A thread that is ending has no counter any more, and no test to tell.
    let _ = SO_FAR.try_with(|so_far| {
        let Allocated { total, largest } = so_far.get();
        so_far.set(Allocated { total: total.saturating_add(bytes), largest: largest.max(bytes) });
    });
}

// SAFETY: every method hands its arguments to the system's allocator unchanged and returns what that returns; counting
// neither allocates nor panics.
#[allow(unsafe_code, reason = "the only way to see allocations")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promises are the system allocator's conditions.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as in `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: as in `alloc`; `ptr` came from it through `alloc`.
        unsafe { System.realloc(ptr, layout, size) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: as in `realloc`.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs `body` and says what it allocated on this thread.
pub(crate) fn allocated_by<R>(body: impl FnOnce() -> R) -> (R, Allocated) {
    let before = SO_FAR.replace(Allocated::default());
    let result = body();
    let during = SO_FAR.get();
    SO_FAR.set(Allocated {
        total: before.total.saturating_add(during.total),
        largest: before.largest.max(during.largest),
    });
    (result, during)
}
