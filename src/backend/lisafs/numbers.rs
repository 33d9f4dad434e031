//! The server's numbers of files, each with an owner that has it closed in the end.
//!
//! Dropping an owner sends nothing: the number waits in the connection's list for a call that may wait.

use crate::proto::lisafs::FdId;
use crate::sync::monotonic;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many numbers one message closes, as gVisor's client does.
pub(super) const BATCH: usize = 100;

/// How long a number may wait while others make calls.
const PATIENCE: Duration = Duration::from_secs(1);

/// A file of the server's that is to be closed when it is dropped.
#[derive(Debug)]
pub(super) struct Number {
    id: FdId,
    doomed: Arc<Doomed>,
}

impl Number {
    /// Takes the number over. The one that refers to nothing needs no closing.
    pub(super) fn new(id: FdId, doomed: &Arc<Doomed>) -> Number {
        Number { id, doomed: Arc::clone(doomed) }
    }

    pub(super) fn id(&self) -> FdId {
        self.id
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        if self.id != FdId::NONE {
            self.doomed.push(&[self.id]);
        }
    }
}

/// Numbers that nobody uses any more.
#[derive(Debug, Default)]
pub(super) struct Doomed(Mutex<List>);

#[derive(Debug, Default)]
struct List {
    ids: Vec<FdId>,
    /// When the list was last empty.
    since: Option<Instant>,
    urgent: bool,
    /// Whether the connection is over: the server has closed everything by itself.
    over: bool,
}

impl Doomed {
    pub(super) fn push(&self, ids: &[FdId]) {
        let mut list = self.0.lock();
        if list.over || ids.is_empty() {
            return;
        }
        list.since.get_or_insert_with(monotonic);
        list.ids.extend_from_slice(ids);
    }

    /// Has what is in the list, or comes next, closed by the next call that can: something holds room on the disk, or
    /// keeps others from running a program.
    pub(super) fn hurry(&self) {
        self.0.lock().urgent = true;
    }

    /// The next numbers to close in one message, if it is time for it.
    pub(super) fn due(&self) -> Option<Vec<FdId>> {
        let mut list = self.0.lock();
        let old = || list.since.is_some_and(|since| monotonic().saturating_duration_since(since) >= PATIENCE);
        if list.ids.is_empty() || !(list.ids.len() >= BATCH || list.urgent || old()) {
            return None;
        }
        let rest = list.ids.len().saturating_sub(BATCH);
        let batch = list.ids.split_off(rest);
        if list.ids.is_empty() {
            list.ids.shrink_to(BATCH);
            (list.since, list.urgent) = (None, false);
        }
        Some(batch)
    }

    /// Forgets everything, for good.
    pub(super) fn end(&self) {
        *self.0.lock() = List { over: true, ..List::default() };
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.lock().ids.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_of_few_numbers_waits_and_of_many_gives_a_batch() {
        let doomed = Arc::new(Doomed::default());
        drop((1..=99).map(|id| Number::new(FdId::new(id), &doomed)).collect::<Vec<_>>());
        drop(Number::new(FdId::NONE, &doomed));
        assert_eq!(doomed.due(), None);
        drop(Number::new(FdId::new(100), &doomed));
        drop(Number::new(FdId::new(101), &doomed));
        assert_eq!(doomed.due().expect("due").len(), BATCH);
        assert_eq!((doomed.due(), doomed.len()), (None, 1));
        doomed.hurry();
        assert_eq!(doomed.due().expect("due"), [FdId::new(1)]);
        assert_eq!(doomed.due(), None);
    }

    #[test]
    fn push_behind_the_end_keeps_nothing() {
        let doomed = Arc::new(Doomed::default());
        drop(Number::new(FdId::new(1), &doomed));
        doomed.end();
        drop(Number::new(FdId::new(2), &doomed));
        assert_eq!(doomed.len(), 0);
    }
}
