//! Times that 0.2 cannot name.

use crate::kit::*;
use wasip3::filesystem::types::NewTimestamp;

pub fn times_before_1970_are_kept() {
    make("file", b"");

    // ext4 keeps times from 1901 on.
    for time in [-1, -SECOND, -SECOND / 2, -SECOND - 1, -1_000_000_000 * SECOND, -1_000_000_000 * SECOND + 123_456_789]
    {
        set_times("file", time, time);
        assert_eq!((stat("file").accessed, stat("file").modified), (time, time));
    }
}

pub fn times_before_1970_are_set_through_a_descriptor() {
    let file = create("file");

    ok(file.set_times(Time::At(-5 * SECOND), Time::At(-SECOND / 4)));

    let stat = ok(file.stat());
    assert_eq!((stat.accessed, stat.modified), (-5 * SECOND, -SECOND / 4));
}

/// Whether such a time is refused, or cut to what the host can keep, it does no harm.
pub fn times_out_of_range_are_no_trap() {
    let file = create("file");
    let extreme = [i64::MIN, i64::MIN + 1, i64::MAX, i64::MAX - 1, 1 << 60, -(1 << 60)];

    for seconds in extreme {
        for nanoseconds in [0, 999_999_999] {
            let time = NewTimestamp::Timestamp(Instant { seconds, nanoseconds });
            if let Err(code) = block_on(file.0.set_times(time, time)) {
                refused(Err::<(), _>(Code::from(code)), &[Code::Overflow, Code::Invalid]);
            }
            ok(file.stat());
        }
    }
}

pub fn nanoseconds_of_a_second_and_more_are_no_trap() {
    let file = create("file");

    for (seconds, nanoseconds) in [(0, 1_000_000_000), (0, u32::MAX), (i64::MAX, u32::MAX), (i64::MIN, u32::MAX)] {
        let time = NewTimestamp::Timestamp(Instant { seconds, nanoseconds });
        if let Err(code) = block_on(file.0.set_times(time, time)) {
            refused(Err::<(), _>(Code::from(code)), &[Code::Overflow, Code::Invalid]);
        }
        // The kit checks that what comes back is a time.
        ok(file.stat());
    }
}
