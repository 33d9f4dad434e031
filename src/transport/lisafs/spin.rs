//! Looking again and again before one sleeps.
//!
//! To wake a thread on a processor that has nothing to do takes some microseconds, and more than ten where the processor
//! is a virtual one: much more than to answer most requests. So who waits for a peer looks for about as long first. One
//! look in vain says little, as some requests take longer (a listing among many stats); where they go on being in vain (the
//! peer has no processor because others have work too) ever more waits are begun without.

use std::sync::atomic::{AtomicU32, Ordering};

/// Looks before one sleeps: some 50 us on the machine on which it was measured, in which a file is made or renamed over a
/// disk's filesystem.
const LOOKS: u32 = 1000;

/// How often looks in vain, one behind the other, are counted: behind so many they cost one wait in 64.
const VAIN_MAX: u32 = 6;

/// Whether it pays to look. One thread at a time waits.
#[derive(Debug)]
pub(super) struct Spin {
    /// With one processor the peer comes to nothing while somebody looks.
    looks: u32,
    /// Waits that are still to be begun without.
    rests: AtomicU32,
    /// Waits in a row that looked in vain.
    vain: AtomicU32,
}

impl Spin {
    /// On a machine with so many processors.
    pub(super) fn new(processors: usize) -> Spin {
        let looks = if processors > 1 { LOOKS } else { 1 };
        Spin { looks, rests: AtomicU32::new(0), vain: AtomicU32::new(0) }
    }

    /// Whether what is waited for came while somebody looked for it.
    pub(super) fn finds<E>(&self, mut is_there: impl FnMut() -> Result<bool, E>) -> Result<bool, E> {
        let rests = self.rests.load(Ordering::Relaxed);
        if rests > 0 {
            self.rests.store(rests.saturating_sub(1), Ordering::Relaxed);
            return is_there();
        }
        let vain = self.vain.load(Ordering::Relaxed);
        for _ in 0..self.looks {
            if is_there()? {
                if vain > 0 {
                    self.vain.store(0, Ordering::Relaxed);
                }
                return Ok(true);
            }
            std::hint::spin_loop();
        }
        let vain = vain.saturating_add(1).min(VAIN_MAX);
        self.vain.store(vain, Ordering::Relaxed);
        self.rests.store(rests_behind(vain), Ordering::Relaxed);
        Ok(false)
    }
}

/// Waits without looking behind so many in vain: 0, 2, 6, up to 62.
fn rests_behind(vain: u32) -> u32 {
    1u32.checked_shl(vain).unwrap_or(u32::MAX).saturating_sub(2)
}

#[cfg(test)]
mod tests {
    use super::{LOOKS, Spin, VAIN_MAX, rests_behind};

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
    fn one_wait_in_vain_does_not_keep_the_next_from_looking() {
        let spin = Spin::new(2);
        for _ in 0..10 {
            assert_eq!(looks(&spin), LOOKS);
            assert_eq!(spin.finds(|| Ok::<_, ()>(true)), Ok(true));
        }
    }

    #[test]
    fn waits_that_go_on_in_vain_look_once_in_64() {
        let spin = Spin::new(2);
        for vain in 1..=VAIN_MAX + 3 {
            assert_eq!(looks(&spin), LOOKS);
            assert!((0..rests_behind(vain.min(VAIN_MAX))).all(|_| looks(&spin) == 1), "{vain}");
        }
        assert_eq!(rests_behind(VAIN_MAX), 62);
        // One that is not in vain begins anew.
        assert_eq!(looks(&spin), LOOKS);
        (0..62).for_each(|_| _ = looks(&spin));
        assert_eq!(spin.finds(|| Ok::<_, ()>(true)), Ok(true));
        assert_eq!((looks(&spin), looks(&spin)), (LOOKS, LOOKS));
    }

    #[test]
    fn with_one_processor_each_wait_looks_once() {
        let spin = Spin::new(1);
        assert!((0..100).all(|_| looks(&spin) == 1));
    }

    #[test]
    fn looks_that_find_it_go_on() {
        let spin = Spin::new(2);
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
