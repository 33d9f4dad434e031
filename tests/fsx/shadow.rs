//! What a file must hold: the oracle.
//!
//! A change that was answered with success is exact. One that was answered with an error may have been made, or not, or
//! in part: each byte that it would have changed may be what it was or what it would have become, until somebody sees
//! which; from then on it is that. No other byte may change. A size that an error left open is asked for at once, so
//! sizes are always exact.

#[derive(Clone, Debug, Default)]
pub(crate) struct Shadow {
    bytes: Vec<u8>,
    /// What may be there instead, where an error left it open.
    open: Vec<Instead>,
}

/// What a range may hold instead of what is known, byte by byte.
#[derive(Clone, Debug)]
struct Instead {
    at: usize,
    data: Vec<u8>,
}

impl Instead {
    fn end(&self) -> usize {
        self.at + self.data.len()
    }
}

/// A byte that is what it may not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) at: usize,
    pub(crate) is: u8,
    /// What it may be.
    pub(crate) allowed: Vec<u8>,
    /// How many bytes of the same read are wrong.
    pub(crate) count: usize,
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Wrong { at, is, allowed, count } = self;
        write!(f, "{count} wrong bytes, the first at {at}: {is:#04x}, which may be {allowed:02x?}")
    }
}

impl Shadow {
    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Notes a write that was done. It reaches at least one byte.
    pub(crate) fn write(&mut self, at: usize, data: &[u8]) {
        let end = at + data.len();
        self.grow(end);
        self.bytes[at..end].copy_from_slice(data);
        self.close(at, end);
    }

    /// Notes a length that was set.
    pub(crate) fn resize(&mut self, size: usize) {
        self.close(size, usize::MAX);
        self.bytes.truncate(size);
        self.grow(size);
    }

    fn grow(&mut self, size: usize) {
        // As a slice: without optimisation `Vec::resize` goes byte by byte.
        self.bytes.extend_from_slice(&vec![0; size.saturating_sub(self.bytes.len())]);
    }

    /// Notes a write that was answered with an error, and the size that the file has since.
    pub(crate) fn torn_write(&mut self, at: usize, data: &[u8], size: usize) -> Result<(), String> {
        let (old, end) = (self.size(), at + data.len());
        if size < old || size > old.max(end) {
            return Err(format!("a failed write of {at}..{end} left {size} bytes of {old}"));
        }
        self.resize(size);
        let reached = data.len().min(size.saturating_sub(at));
        self.may_be(at, data[..reached].to_vec());
        Ok(())
    }

    /// Notes a length whose setting was answered with an error, and the size that the file has since.
    pub(crate) fn torn_resize(&mut self, asked: usize, size: usize) -> Result<(), String> {
        let old = self.size();
        if size != old && size != asked {
            return Err(format!("a failed change of {old} bytes to {asked} left {size}"));
        }
        self.resize(size);
        // Cut and grown again, if it is as long as before.
        let cut = size.min(old).saturating_sub(asked);
        self.may_be(asked, vec![0; cut]);
        Ok(())
    }

    /// Compares what somebody saw, and settles what was open. Nothing behind the end may be seen.
    pub(crate) fn observe(&mut self, at: usize, seen: &[u8]) -> Result<(), Wrong> {
        let end = at + seen.len();
        let known = self.bytes.get(at..end.min(self.size())).unwrap_or_default();
        let is_open = self.open.iter().any(|open| open.at < end && at < open.end());
        if known == seen {
            // Settled on what was thought likely.
            if is_open {
                self.close(at, end);
            }
            return Ok(());
        }
        let mut wrong: Option<Wrong> = None;
        for (at, is) in (at..end).zip(seen) {
            if self.bytes.get(at) == Some(is) {
                continue;
            }
            let allowed = self.allowed(at);
            if allowed.contains(is) {
                self.bytes[at] = *is;
            } else if let Some(wrong) = wrong.as_mut() {
                wrong.count += 1;
            } else {
                wrong = Some(Wrong { at, is: *is, allowed, count: 1 });
            }
        }
        self.close(at, end);
        wrong.map_or(Ok(()), Err)
    }

    /// Compares a whole file.
    pub(crate) fn observe_whole(&mut self, seen: &[u8]) -> Result<(), String> {
        let shared = seen.len().min(self.size());
        self.observe(0, &seen[..shared]).map_err(|wrong| wrong.to_string())?;
        if seen.len() == self.size() { Ok(()) } else { Err(format!("{} bytes of {}", seen.len(), self.size())) }
    }

    fn allowed(&self, at: usize) -> Vec<u8> {
        let open = self.open.iter().filter(|open| open.at <= at);
        let instead = open.filter_map(|open| open.data.get(at - open.at));
        self.bytes.get(at).into_iter().chain(instead).copied().collect()
    }

    fn may_be(&mut self, at: usize, data: Vec<u8>) {
        if !data.is_empty() {
            self.open.push(Instead { at, data });
        }
    }

    /// Leaves nothing open between `from` and `to`.
    fn close(&mut self, from: usize, to: usize) {
        if self.open.is_empty() {
            return;
        }
        for mut open in std::mem::take(&mut self.open) {
            if open.end() > to {
                self.may_be(to.max(open.at), open.data[to.saturating_sub(open.at)..].to_vec());
            }
            open.data.truncate(from.saturating_sub(open.at));
            self.may_be(open.at, open.data);
        }
    }
}

#[test]
fn observe_of_a_byte_that_was_not_written_is_wrong() {
    let mut shadow = Shadow::default();
    shadow.write(2, b"ab");
    assert_eq!(shadow.observe(0, b"\0\0ab"), Ok(()));
    let wrong = Wrong { at: 1, is: b'x', allowed: vec![0], count: 2 };
    assert_eq!(shadow.observe(0, b"\0xay"), Err(wrong));
    assert!(shadow.observe(3, b"b\0").is_err(), "nothing is behind the end");
}

#[test]
fn observe_behind_a_failed_write_settles_each_byte_on_old_or_new() {
    let mut shadow = Shadow::default();
    shadow.write(0, b"aaaa");
    assert_eq!(shadow.torn_write(1, b"bbbb", 4), Ok(()));
    assert!(shadow.clone().observe(0, b"acba").is_err());
    assert_eq!(shadow.observe(0, b"abab"), Ok(()));
    assert!(shadow.observe(0, b"aaab").is_err(), "it was seen to be another");
    assert!(shadow.open.is_empty());
}

#[test]
fn write_into_the_middle_of_what_is_open_leaves_both_ends_open() {
    let mut shadow = Shadow::default();
    shadow.write(0, b"aaaaaa");
    assert_eq!(shadow.torn_write(0, b"bbbbbb", 6), Ok(()));
    assert_eq!(shadow.torn_write(1, b"cccc", 6), Ok(()));
    shadow.write(2, b"dd");
    for seen in [b"aaddaa", b"bbddbb", b"acddbb", b"bcddca"] {
        assert_eq!(shadow.clone().observe(0, seen), Ok(()), "{}", seen.escape_ascii());
    }
    for seen in [b"aabdaa", b"caddaa", b"aaddac"] {
        assert!(shadow.clone().observe(0, seen).is_err(), "{}", seen.escape_ascii());
    }
}

#[test]
fn torn_write_that_leaves_another_size_than_it_could_is_wrong() {
    let mut shadow = Shadow::default();
    shadow.write(0, b"aaaa");
    assert!(shadow.torn_write(1, b"b", 5).is_err());
    assert!(shadow.torn_write(4, b"bb", 3).is_err());
    assert_eq!(shadow.torn_write(6, b"bb", 7), Ok(()));
    assert_eq!(shadow.observe(0, b"aaaa\0\0b"), Ok(()));
}

#[test]
fn torn_resize_leaves_old_or_asked_and_may_have_cut() {
    let mut shadow = Shadow::default();
    shadow.write(0, b"aaaa");
    assert!(shadow.torn_resize(2, 3).is_err());
    assert_eq!(shadow.torn_resize(2, 4), Ok(()));
    assert!(shadow.clone().observe(0, b"a\0").is_err());
    assert_eq!(shadow.observe(0, b"aaa\0"), Ok(()));
    shadow.resize(1);
    shadow.write(2, b"c");
    assert_eq!(shadow.observe_whole(b"a\0c"), Ok(()));
    assert!(shadow.observe_whole(b"a\0").is_err());
}
