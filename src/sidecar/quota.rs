//! Counted things that clients have made, and how many there may be.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number of things, and its bound.
#[derive(Debug)]
pub(super) struct Quota {
    taken: AtomicUsize,
    most: usize,
}

/// One thing that counts until this is dropped.
#[derive(Debug)]
pub(super) struct Permit(Arc<Quota>);

impl Quota {
    pub(super) fn new(most: usize) -> Arc<Quota> {
        Arc::new(Quota { taken: AtomicUsize::new(0), most })
    }

    /// One more; `None` at the bound.
    pub(super) fn take(self: &Arc<Quota>) -> Option<Permit> {
        let more = |taken: usize| taken.checked_add(1).filter(|taken| *taken <= self.most);
        // Nothing else is told by the number.
        let taken = self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        taken.ok().map(|_| Permit(Arc::clone(self)))
    }

    /// How many there are.
    pub(super) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::Quota;

    #[test]
    fn take_at_the_bound_is_refused_until_one_is_given_back() {
        let quota = Quota::new(2);
        let (one, _two) = (quota.take().expect("room"), quota.take().expect("room"));
        assert!(quota.take().is_none() && quota.taken() == 2);
        drop(one);
        assert!(quota.take().is_some());
        assert_eq!(quota.taken(), 1);
    }
}
