//! Look-ups on their way to the backend.

use super::dentry::DentryId;
use super::wait::CALL_CHECK;
use crate::abi::{Call, Errno, Error, Name, NameBuf, Result};
use crate::sync::{Rank, RankedMutex, expired};
use parking_lot::Condvar;
use smallvec::SmallVec;

#[derive(Debug, PartialEq, Eq)]
struct Flight {
    dir: DentryId,
    name: NameBuf,
}

/// Which names of which directories somebody is asking the backend about: a second look-up waits for the first one's
/// answer instead of asking too. Bounded by the number of threads.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    list: Flying,
    landed: Condvar,
}

type Flying = RankedMutex<SmallVec<[Flight; 2]>, { Rank::Flights as u8 }>;

impl Default for Flying {
    fn default() -> Self {
        RankedMutex::new(SmallVec::new())
    }
}

/// The right to ask about one name; dropping it wakes those who wait for the answer.
#[derive(Debug)]
pub(crate) struct Ticket<'a> {
    flights: &'a Flights,
    flight: Flight,
}

impl Flights {
    /// Claims the name, or waits until whoever claimed it is back: then `None`, and the cache is to be looked at again.
    pub(crate) fn board(&self, call: &Call, dir: DentryId, name: Name<'_>) -> Result<Option<Ticket<'_>>> {
        let flight = Flight { dir, name: name.to_buf() };
        let mut list = self.list.lock();
        if !list.contains(&flight) {
            list.push(Flight { dir, name: name.to_buf() });
            return Ok(Some(Ticket { flights: self, flight }));
        }
        if !call.may_wait {
            return Err(Error::WouldWait);
        }
        while list.contains(&flight) {
            if call.is_cancelled() {
                return Err(Errno::Canceled.into());
            }
            // Short waits, so that a cancelled call does not sit a long deadline out.
            self.landed.wait_for(list.as_inner(), CALL_CHECK);
            if expired(call.deadline) && list.contains(&flight) {
                return Err(Errno::Timedout.into());
            }
        }
        Ok(None)
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let mut list = self.flights.list.lock();
        if let Some(at) = list.iter().position(|flight| *flight == self.flight) {
            list.swap_remove(at);
        }
        drop(list);
        self.flights.landed.notify_all();
    }
}
