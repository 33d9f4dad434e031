//! How far to read ahead.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Least bytes that a sequential reader's miss fetches.
const FIRST: u32 = 16 << 10;
/// Most.
const MOST: u32 = 128 << 10;

/// What an open file knows of how it is read. Races between threads cost a guess, nothing else.
#[derive(Debug)]
pub(crate) struct ReadAhead {
    /// Where the last read ended: one that begins there is sequential. A file that was never read begins at 0.
    next: AtomicU64,
    /// Bytes that the last miss fetched for being sequential; 0 behind a read elsewhere.
    window: AtomicU32,
}

impl Default for ReadAhead {
    fn default() -> Self {
        ReadAhead { next: AtomicU64::new(0), window: AtomicU32::new(0) }
    }
}

impl ReadAhead {
    /// Whether a read at `offset` goes on where the last one ended.
    #[inline]
    pub(crate) fn goes_on(&self, offset: u64) -> bool {
        self.next.load(Ordering::Relaxed) == offset
    }

    /// Notes where a read ended.
    #[inline]
    pub(crate) fn ended(&self, at: u64) {
        self.next.store(at, Ordering::Relaxed);
    }

    /// Bytes to fetch for a miss: 0 is what was asked for and no more.
    pub(crate) fn window(&self, sequential: bool) -> u64 {
        let window = self.window.load(Ordering::Relaxed);
        let next = if sequential { window.saturating_mul(2).clamp(FIRST, MOST) } else { 0 };
        self.window.store(next, Ordering::Relaxed);
        next.into()
    }
}

#[cfg(test)]
mod tests {
    use super::{FIRST, MOST, ReadAhead};

    #[test]
    fn window_grows_while_reads_go_on_and_ends_at_a_jump() {
        let ahead = ReadAhead::default();
        assert!(ahead.goes_on(0));
        let windows: Vec<u64> = (0..6).map(|_| ahead.window(true)).collect();
        assert_eq!((windows[0], windows[1], windows[5]), (FIRST.into(), u64::from(FIRST) * 2, MOST.into()));
        assert_eq!(ahead.window(false), 0);
        assert_eq!(ahead.window(true), u64::from(FIRST));
        ahead.ended(77);
        assert!(ahead.goes_on(77) && !ahead.goes_on(0));
    }
}
