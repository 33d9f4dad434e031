//! Looking again and again before one sleeps.
//!
//! To wake a thread on a processor that has nothing to do takes some microseconds, and more than ten where the processor
//! is a virtual one: much more than to answer most requests. So who waits for a peer looks for about as long first. Where
//! that was in vain (the peer takes longer, or has no processor because others have work too) the next waits are begun
//! without.

use std::sync::atomic::{AtomicU32, Ordering};

/// Looks before one sleeps: some 15 us on the machine on which it was measured.
const LOOKS: u32 = 300;

/// Waits without, behind looks that were in vain: they cost one wait in so many.
const RESTS: u32 = 64;

/// Whether it pays to look.
#[derive(Debug, Default)]
pub(super) struct Spin {
    /// Waits that are still to be begun without.
    rests: AtomicU32,
}

impl Spin {
    /// Whether what is waited for came while somebody looked for it. One thread at a time waits.
    pub(super) fn finds<E>(&self, mut is_there: impl FnMut() -> Result<bool, E>) -> Result<bool, E> {
        let rests = self.rests.load(Ordering::Relaxed);
        if rests > 0 {
            self.rests.store(rests.saturating_sub(1), Ordering::Relaxed);
            return is_there();
        }
        for _ in 0..LOOKS {
            if is_there()? {
                return Ok(true);
            }
            std::hint::spin_loop();
        }
        self.rests.store(RESTS, Ordering::Relaxed);
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::{LOOKS, RESTS, Spin};

    /// How often one looks in vain.
    fn looks(spin: &Spin) -> u32 {
        let mut looks = 0;
        let found = spin.finds(|| {
            looks += 1;
            Ok::<_, ()>(false)
        });
        assert_eq!(found, Ok(false));
        looks
    }

    #[test]
    fn looks_in_vain_are_made_by_one_wait_in_many() {
        let spin = Spin::default();
        for _ in 0..3 {
            assert_eq!(looks(&spin), LOOKS);
            assert!((0..RESTS).all(|_| looks(&spin) == 1));
        }
    }

    #[test]
    fn looks_that_find_it_go_on() {
        let spin = Spin::default();
        for wanted in 1..LOOKS {
            let mut looks = 0;
            let found = spin.finds(|| {
                looks += 1;
                Ok::<_, ()>(looks == wanted)
            });
            assert_eq!((found, looks), (Ok(true), wanted));
        }
        assert_eq!(spin.finds(|| Err("nobody's turn")), Err("nobody's turn"));
    }
}
