//! Waits for locks that are held across backend calls: they end with the call that waits.

use crate::abi::{Call, Error, Result};
use crate::sync::{RankedGuard, RankedMutex, monotonic};
use std::time::Duration;

/// How often a waiter looks whether its call has ended.
pub(super) const CALL_CHECK: Duration = Duration::from_millis(50);

/// Whether a call may wait, and go on doing so: [`Error::WouldWait`], `ECANCELED` or `ETIMEDOUT` when not.
pub(super) fn goes_on(call: &Call) -> Result<()> {
    if !call.may_wait {
        return Err(Error::WouldWait);
    }
    Ok(call.goes_on(monotonic)?)
}

/// Takes a lock: `ETIMEDOUT` and `ECANCELED` when the call ends before it is free, [`Error::WouldWait`] when it is not
/// free and the call may not wait.
pub(super) fn lock<'a, T, const RANK: u8>(call: &Call, mutex: &'a RankedMutex<T, RANK>) -> Result<RankedGuard<'a, T>> {
    attempts(call, |patience| mutex.try_lock_for(patience))
}

/// As [`lock`], for the second of two locks of one rank.
pub(super) fn lock_second<'a, T, const RANK: u8>(
    call: &Call,
    mutex: &'a RankedMutex<T, RANK>,
) -> Result<RankedGuard<'a, T>> {
    attempts(call, |patience| mutex.try_lock_second_for(patience))
}

fn attempts<G>(call: &Call, mut attempt: impl FnMut(Duration) -> Option<G>) -> Result<G> {
    if let Some(guard) = attempt(Duration::ZERO) {
        return Ok(guard);
    }
    loop {
        goes_on(call)?;
        if let Some(guard) = attempt(CALL_CHECK) {
            return Ok(guard);
        }
    }
}
