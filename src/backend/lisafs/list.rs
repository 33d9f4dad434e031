//! Listing directories.
//!
//! The protocol lists an open directory from where it stands, and has no message that goes to a place in it. So a
//! listing that is stopped is kept for a while, with what the last answer had left, and whoever goes on behind its last
//! entry goes on in it. Somebody else's cookie is looked for from the start.

use super::LisaFs;
use super::cursors::{COOKIE_END, Cursor};
use super::node::LisaNode;
use super::numbers::Number;
use crate::abi::{Call, Dirent, Errno, Error, Result, Stat};
use crate::proto::lisafs::{FdId, Getdents64, ReadDirStat, Statx};
use std::cmp::Ordering;

/// What is asked of each entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum With {
    /// Its name.
    Names,
    /// Its attributes too, by a message of ours.
    Attributes,
}

/// The order of the cookies in a directory, but for that of its last entry, which may be a mark of the end.
#[derive(Debug, Default)]
struct Order {
    last: Option<u64>,
    /// From the one before to the last.
    step: Option<Ordering>,
    rises: bool,
    falls: bool,
}

impl Order {
    fn note(&mut self, cookie: u64) {
        self.rises |= self.step == Some(Ordering::Greater);
        self.falls |= self.step == Some(Ordering::Less);
        self.step = self.last.replace(cookie).map(|last| cookie.cmp(&last));
    }

    /// `Greater` of those that rise, also of so few that there is no telling; `Less` of those that fall; `None` of others.
    fn is(&self) -> Option<Ordering> {
        match (self.rises, self.falls) {
            (true, true) => None,
            (false, true) => Some(Ordering::Less),
            (_, false) => Some(Ordering::Greater),
        }
    }
}

/// Bytes of the host's own entries that one answer is asked for.
const COUNT: i32 = 64 * 1024;

impl LisaFs {
    /// Lists from behind `cookie` until the end, which answers true, or until `sink` refuses an entry.
    pub(super) fn list(
        &self,
        call: &Call,
        dir: &LisaNode,
        cookie: u64,
        with: With,
        sink: &mut dyn FnMut(Dirent<'_>, Option<Stat>) -> bool,
    ) -> Result<bool> {
        if !call.may_wait {
            return Err(Error::WouldWait);
        }
        let control = self.directory(dir)?;
        if cookie == COOKIE_END {
            return Ok(true);
        }
        let (kept, last) = if cookie == 0 {
            self.cursors.forget(dir.key);
            Default::default()
        } else {
            self.cursors.take(dir.key, cookie)
        };
        let mut cursor = match kept {
            Some(cursor) => cursor.again(),
            None => {
                let open = self.open_dir(call, control.id());
                let mut cursor = Cursor::new(open.or_else(|error| self.removed(call, error, control.id()))?);
                // What is passed over on the way needs no attributes.
                if cookie != 0 && !self.seek(call, &mut cursor, cookie, &last)? {
                    return Ok(true);
                }
                cursor
            }
        };
        loop {
            while let Some(entry) = cursor.entry() {
                if !sink(entry, cursor.stat()) {
                    if cursor.behind() != 0 {
                        self.cursors.keep(dir.key, cursor);
                    }
                    return Ok(false);
                }
                cursor.advance();
            }
            if !self.fetch(call, &mut cursor, with)? {
                return Ok(true);
            }
        }
    }

    /// A directory without a name cannot be opened with all servers, and is empty: a number that refers to nothing stands
    /// for it.
    fn removed(&self, call: &Call, error: Error, dir: FdId) -> Result<Number> {
        match self.instead_of_inval_in(call, error, dir) {
            gone if gone.is(Errno::Noent) => Ok(self.connection().own(FdId::NONE)),
            error => Err(error),
        }
    }

    /// Fetches the next entries; false at the end.
    fn fetch(&self, call: &Call, cursor: &mut Cursor, with: With) -> Result<bool> {
        let fd = cursor.open();
        if fd == FdId::NONE {
            return Ok(false);
        }
        loop {
            let asked = match with {
                With::Names => self.connection().ask(call, &Getdents64 { fd, count: COUNT }, |answer, _| {
                    cursor.take_in(answer).map(|()| !answer.is_empty())
                }),
                With::Attributes => self.connection().ask(call, &ReadDirStat { fd, count: COUNT }, |answer, _| {
                    // One that the server could not look at is listed like the others.
                    let told = |stat: &Statx| self.stat_told(stat).ok();
                    cursor.take_in_stats(answer, told).map(|()| !answer.is_empty())
                }),
            };
            let more = match asked {
                // So getdents(2) says that the directory was removed, and gVisor's server passes that on.
                Err(gone) if gone.is(Errno::Noent) => false,
                more => more?,
            };
            // An answer may have nothing but what is left out.
            if !more || cursor.entry().is_some() {
                return Ok(more);
            }
        }
    }

    /// Goes to the place behind `cookie`, which was given with the entry `last`; false when that is the end. A cookie
    /// names the place of the entry behind. Where both entries are gone there may be none with this cookie: then it goes
    /// on with the first that ends behind it, by the order that the directory has, unless that is the entry itself. Where
    /// there is no order it begins anew: an entry that is told twice does less harm than one that is left out.
    fn seek(&self, call: &Call, cursor: &mut Cursor, cookie: u64, last: &[u8]) -> Result<bool> {
        let mut order = Order::default();
        let is_it = |entry: &Dirent<'_>| {
            order.note(entry.cookie);
            entry.cookie == cookie
        };
        if self.find(call, cursor, is_it)? {
            cursor.advance();
            return Ok(true);
        }
        let rewound = Getdents64 { fd: cursor.open(), count: -COUNT };
        cursor.rewind();
        if cursor.open() == FdId::NONE {
            return Ok(false);
        }
        self.connection().ask(call, &rewound, |answer, _| cursor.take_in(answer))?;
        let mut before = None;
        let ends_behind = |entry: &Dirent<'_>| match order.is() {
            Some(Ordering::Greater) => entry.cookie > cookie,
            // Its last entry has a cookie above all: tmpfs since Linux 6.6 lists so.
            Some(_) => {
                entry.cookie < cookie || before.replace(entry.cookie).is_some_and(|before| entry.cookie > before)
            }
            None => true,
        };
        if !self.find(call, cursor, ends_behind)? {
            return Ok(false);
        }
        if cursor.entry().is_some_and(|entry| entry.name.as_bytes() == last) {
            cursor.advance();
        }
        Ok(true)
    }

    /// Goes on to the first entry for which `wanted` holds; false when there is none.
    fn find(&self, call: &Call, cursor: &mut Cursor, mut wanted: impl FnMut(&Dirent<'_>) -> bool) -> Result<bool> {
        loop {
            while let Some(entry) = cursor.entry() {
                if wanted(&entry) {
                    return Ok(true);
                }
                cursor.advance();
            }
            if !self.fetch(call, cursor, With::Names)? {
                return Ok(false);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Order;
    use std::cmp::Ordering::{Greater, Less};

    #[test]
    fn order_of_cookies_is_that_of_all_but_the_last() {
        for (cookies, order) in [
            (&[][..], Some(Greater)),
            (&[9], Some(Greater)),
            (&[9, 3], Some(Greater)),
            (&[1, 2, 2, 900], Some(Greater)),
            (&[1, 2, 0], Some(Greater)),
            (&[9, 8, 3, 900], Some(Less)),
            (&[9, 8, 3], Some(Less)),
            (&[9, 3, 4, 1], None),
        ] {
            let mut noted = Order::default();
            cookies.iter().for_each(|cookie| noted.note(*cookie));
            assert_eq!(noted.is(), order, "{cookies:?}");
        }
    }
}
