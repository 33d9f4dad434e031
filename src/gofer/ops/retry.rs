//! What to do when somebody else was in the way.

use crate::abi::Call;
use crate::gofer::fs::GoferFs;
use crate::sync::pause;

impl GoferFs {
    /// Pauses before an operation is tried again that found something else than the cache had promised: a change by
    /// another thread is on its way from the backend into the cache, and that thread may have to be scheduled first.
    pub fn let_others_go_on(&self, call: &Call, attempt: usize) {
        pause(attempt, call.may_wait);
    }
}
