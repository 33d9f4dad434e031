//! What a listing must hold that goes on while names come and go.

use std::collections::BTreeSet;
use std::sync::OnceLock;

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
            if !self.seen.insert(name.clone()) && has_places_by_name() {
                return Err(format!("{name:?} is listed twice"));
            }
        }
        match self.always.iter().find(|name| end && !self.seen.contains(*name)) {
            Some(missed) if has_places_by_name() => Err(format!("{missed:?} was there all the time and is not listed")),
            _ => Ok(()),
        }
    }
}

/// Whether the place of a name in a listing is the name's, as on ext4. On others a name that is removed and made again is at
/// another place, and tmpfs begins anew where the last entry of all goes, for a native process too: there nothing is said of
/// listings in parts beside changes.
fn has_places_by_name() -> bool {
    const EXT4_MAGIC: u64 = 0xef53;
    static HAS: OnceLock<bool> = OnceLock::new();
    *HAS.get_or_init(|| {
        let told = rustix::fs::statfs(std::env::temp_dir()).expect("told");
        let has = u64::try_from(told.f_type) == Ok(EXT4_MAGIC);
        if !has {
            eprintln!(
                "SKIPPED: whether parts of a listing beside changes fit together, which ext4 alone is known to promise"
            );
        }
        has
    })
}
