//! A reader-writer lock whose readers do not share a cache line.

use parking_lot::lock_api::{GuardNoSend, RawRwLock, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

/// Threads that have a line to themselves: the first that use such a lock.
const OWN: usize = 4;

/// Lines that all other threads are spread over.
const COMMON: usize = 4;

/// Lines that readers are counted on. More would let more threads read one file without meeting; each costs a cache line
/// per lock.
const STRIPES: usize = OWN + COMMON;

static NEXT_THREAD: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Never given back, so that it is the same for as long as the thread can hold a guard.
    static STRIPE: usize = match NEXT_THREAD.fetch_add(1, Ordering::Relaxed) {
        own if own < OWN => own,
        other => OWN + other % COMMON,
    };
}

/// A count of readers on a line of its own.
#[derive(Debug)]
#[repr(align(64))]
struct Stripe(AtomicU32);

/// The lock without its data.
///
/// A reader counts itself in on its thread's stripe and then looks for a writer; a writer says that it is there and then
/// looks at every stripe. Both steps are sequentially consistent, so of two that meet at least one sees the other: a
/// reader that sees a writer counts itself out again, a writer that sees readers waits for them. Without contention a
/// read costs one atomic addition, on a line that no other thread writes, and a plain store, or a second addition where
/// the stripe is not the thread's own; a write costs one exchange and a look at each stripe.
///
/// For sections of some microseconds that make no system call: those who wait spin, and then yield.
#[derive(Debug)]
pub(crate) struct RawStriped {
    writer: AtomicBool,
    readers: [Stripe; STRIPES],
}

/// Data under the lock.
pub(crate) type Striped<T> = RwLock<RawStriped, T>;
/// A read section.
pub(crate) type StripedReadGuard<'a, T> = RwLockReadGuard<'a, RawStriped, T>;
/// A write section.
pub(crate) type StripedWriteGuard<'a, T> = RwLockWriteGuard<'a, RawStriped, T>;

/// Waits a little, longer each time: a holder that lost its processor must get it back.
#[cold]
fn relax(attempt: u32) {
    match attempt {
        0..64 => std::hint::spin_loop(),
        64..256 => std::thread::yield_now(),
        _ => std::thread::sleep(Duration::from_micros(50)),
    }
}

impl RawStriped {
    /// The stripe of this thread, and whether nobody else counts on it.
    #[inline]
    fn stripe(&self) -> (&AtomicU32, bool) {
        let stripe = STRIPE.with(|stripe| *stripe);
        // Below the length by construction, so the array has it.
        (&self.readers[stripe].0, stripe < OWN)
    }

    fn wait_for_readers(&self) {
        for stripe in &self.readers {
            let mut attempt = 0;
            // Acquire: what the readers read happened before what the writer will write.
            while stripe.0.load(Ordering::SeqCst) != 0 {
                relax(attempt);
                attempt = attempt.saturating_add(1);
            }
        }
    }
}

// SAFETY: `lock_exclusive` returns only while `writer` is set by this caller alone and every stripe was seen at zero after
// that; `lock_shared` returns only if `writer` was seen clear after its own stripe was raised. Both pairs of steps are
// sequentially consistent, so a reader and a writer are never in their sections at once, and `writer`'s exchange keeps
// writers apart. Guards are not `Send` and a thread's stripe never changes, so a reader lowers the stripe that it raised;
// the first `OWN` threads are alone on theirs.
unsafe impl RawRwLock for RawStriped {
    #[allow(clippy::declare_interior_mutable_const, reason = "the trait's way to make a lock")]
    const INIT: RawStriped =
        RawStriped { writer: AtomicBool::new(false), readers: [const { Stripe(AtomicU32::new(0)) }; STRIPES] };

    type GuardMarker = GuardNoSend;

    #[inline]
    fn lock_shared(&self) {
        let mut attempt = 0;
        while !self.try_lock_shared() {
            relax(attempt);
            attempt = attempt.saturating_add(1);
        }
    }

    #[inline]
    fn try_lock_shared(&self) -> bool {
        self.stripe().0.fetch_add(1, Ordering::SeqCst);
        if !self.writer.load(Ordering::SeqCst) {
            return true;
        }
        // SAFETY: raised above, by this thread.
        unsafe { self.unlock_shared() };
        false
    }

    #[inline]
    unsafe fn unlock_shared(&self) {
        match self.stripe() {
            // Only this thread writes here, so nothing gets lost between the two.
            (own, true) => own.store(own.load(Ordering::Relaxed).wrapping_sub(1), Ordering::Release),
            (common, false) => {
                common.fetch_sub(1, Ordering::Release);
            }
        }
    }

    #[inline]
    fn lock_exclusive(&self) {
        let mut attempt = 0;
        while self.writer.compare_exchange_weak(false, true, Ordering::SeqCst, Ordering::Relaxed).is_err() {
            relax(attempt);
            attempt = attempt.saturating_add(1);
        }
        self.wait_for_readers();
    }

    #[inline]
    fn try_lock_exclusive(&self) -> bool {
        if self.writer.compare_exchange(false, true, Ordering::SeqCst, Ordering::Relaxed).is_err() {
            return false;
        }
        if self.readers.iter().all(|stripe| stripe.0.load(Ordering::SeqCst) == 0) {
            return true;
        }
        self.writer.store(false, Ordering::Release);
        false
    }

    #[inline]
    unsafe fn unlock_exclusive(&self) {
        self.writer.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::Striped;
    use std::sync::Arc;

    #[test]
    fn write_beside_readers_on_many_threads_is_never_seen_half_done() {
        let pair = Arc::new(Striped::new((0u64, 0u64)));
        let threads: Vec<_> = (0..6)
            .map(|thread| {
                let pair = Arc::clone(&pair);
                std::thread::spawn(move || {
                    for _ in 0..20_000 {
                        if thread < 2 {
                            let mut pair = pair.write();
                            pair.0 += 1;
                            std::hint::spin_loop();
                            pair.1 += 1;
                        } else {
                            let pair = pair.read();
                            assert_eq!(pair.0, pair.1);
                        }
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().expect("no pair was seen half done");
        }
        assert_eq!(*pair.read(), (40_000, 40_000));
    }

    #[test]
    fn try_write_while_a_reader_is_in_fails_and_leaves_the_lock_open() {
        let lock = Striped::new(());
        let reader = lock.read();
        assert!(lock.try_write().is_none());
        assert!(lock.try_read().is_some());
        drop(reader);
        let writer = lock.try_write().expect("nobody is in");
        assert!(lock.try_read().is_none() && lock.try_write().is_none());
        drop(writer);
        assert!(lock.try_read().is_some());
    }
}
