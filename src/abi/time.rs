//! Points in time.

/// Seconds and nanoseconds since 1970-01-01 UTC, as `struct timespec`: before 1970 the seconds are negative and the
/// nanoseconds still count forward.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timespec {
    /// Whole seconds.
    pub secs: i64,
    /// 0 ..= 999,999,999.
    pub nanos: u32,
}

impl Timespec {
    /// The point `ns` nanoseconds after 1970.
    #[must_use]
    pub const fn from_nanos(ns: u64) -> Self {
        // The quotient is below 2^34 and the remainder below 10^9, so neither cast loses a bit.
        #[allow(clippy::cast_possible_truncation, reason = "remainder of a division by 10^9")]
        Timespec { secs: (ns / 1_000_000_000).cast_signed(), nanos: (ns % 1_000_000_000) as u32 }
    }

    /// Nanoseconds since 1970, saturating; `None` before 1970.
    #[must_use]
    pub fn to_nanos(self) -> Option<u64> {
        let secs = u64::try_from(self.secs).ok()?;
        Some(secs.saturating_mul(1_000_000_000).saturating_add(u64::from(self.nanos)))
    }

    /// Nanoseconds since 1970 in the range of `i64`, saturating at both ends.
    #[must_use]
    pub fn to_nanos_signed(self) -> i64 {
        // In 128 bits: the seconds alone may be out of range where the nanoseconds bring them back.
        let nanos = i128::from(self.secs) * 1_000_000_000 + i128::from(self.nanos);
        i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
    }
}

#[cfg(test)]
mod tests {
    use super::Timespec;

    #[test]
    fn to_nanos_before_1970_is_none_and_far_future_saturates() {
        assert_eq!(Timespec { secs: -1, nanos: 5 }.to_nanos(), None);
        assert_eq!(Timespec { secs: i64::MAX, nanos: 999_999_999 }.to_nanos(), Some(u64::MAX));
        assert_eq!(Timespec { secs: i64::MIN, nanos: 0 }.to_nanos_signed(), i64::MIN);
    }

    #[test]
    fn to_nanos_signed_at_the_ends_of_its_range_is_exact() {
        let first = Timespec { secs: -9_223_372_037, nanos: 145_224_192 };
        assert_eq!(first.to_nanos_signed(), i64::MIN);
        assert_eq!(Timespec { nanos: 145_224_193, ..first }.to_nanos_signed(), i64::MIN + 1);
        assert_eq!(Timespec { nanos: 145_224_191, ..first }.to_nanos_signed(), i64::MIN);
        let last = Timespec { secs: 9_223_372_036, nanos: 854_775_807 };
        assert_eq!(last.to_nanos_signed(), i64::MAX);
        assert_eq!(Timespec { nanos: 854_775_806, ..last }.to_nanos_signed(), i64::MAX - 1);
        assert_eq!(Timespec { nanos: 854_775_808, ..last }.to_nanos_signed(), i64::MAX);
    }

    #[test]
    fn from_nanos_of_the_largest_value_keeps_every_nanosecond() {
        assert_eq!(Timespec::from_nanos(u64::MAX).to_nanos(), Some(u64::MAX));
    }
}
