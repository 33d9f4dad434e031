//! What a listing must hold that goes on while names come and go.

use std::collections::BTreeSet;

/// A listing under way.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    /// Names that were there all the time.
    always: BTreeSet<String>,
    /// Names that were there at any time.
    ever: BTreeSet<String>,
    /// Names given out.
    seen: BTreeSet<String>,
}

impl Listing {
    /// One that begins while these names are there.
    pub(crate) fn new(now: BTreeSet<String>) -> Listing {
        Listing { always: now.clone(), ever: now, seen: BTreeSet::new() }
    }

    /// Notes which names are there now.
    pub(crate) fn note(&mut self, now: BTreeSet<String>) {
        self.always.retain(|name| now.contains(name));
        self.ever.extend(now);
    }

    /// Checks a part of the listing; what is wrong with it.
    pub(crate) fn check(&mut self, part: &[String], end: bool) -> Result<(), String> {
        for name in part {
            if !self.ever.contains(name) {
                return Err(format!("{name:?} is listed, but was never there"));
            }
            if !self.seen.insert(name.clone()) {
                return Err(format!("{name:?} is listed twice"));
            }
        }
        match self.always.iter().find(|name| end && !self.seen.contains(*name)) {
            Some(missed) => Err(format!("{missed:?} was there all the time and is not listed")),
            None => Ok(()),
        }
    }
}
