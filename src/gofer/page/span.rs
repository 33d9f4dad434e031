//! Ranges of bytes in a page.

/// Bytes `start..end` of a page; empty when they are equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Span {
    /// No bytes.
    pub(super) const EMPTY: Span = Span { start: 0, end: 0 };

    pub(super) fn new(start: u32, end: u32) -> Span {
        Span { start, end }
    }

    #[inline]
    pub(super) fn is_empty(self) -> bool {
        self.start >= self.end
    }

    #[inline]
    pub(super) fn len(self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }

    /// Whether the two together have no gap. What is empty touches nothing.
    #[inline]
    pub(super) fn touches(self, other: Span) -> bool {
        !self.is_empty() && other.start <= self.end && self.start <= other.end
    }

    /// Whether every byte of `other` is in it.
    #[inline]
    pub(super) fn covers(self, other: Span) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// The smallest span with both; what is empty adds nothing.
    #[inline]
    pub(super) fn hull(self, other: Span) -> Span {
        match (self.is_empty(), other.is_empty()) {
            (true, _) => other,
            (_, true) => self,
            _ => Span { start: self.start.min(other.start), end: self.end.max(other.end) },
        }
    }

    /// What is left of it below `end`.
    pub(super) fn below(self, end: u32) -> Span {
        let cut = Span { start: self.start, end: self.end.min(end) };
        if cut.is_empty() { Span::EMPTY } else { cut }
    }

    /// Its bytes of `page`.
    #[inline]
    pub(super) fn of(self, page: &[u8]) -> &[u8] {
        page.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// Its bytes of `page`, to be changed.
    #[inline]
    pub(super) fn of_mut(self, page: &mut [u8]) -> &mut [u8] {
        page.get_mut(self.start as usize..self.end as usize).unwrap_or_default()
    }
}
