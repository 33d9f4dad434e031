//! Times that only 0.2 can name.

use crate::kit::*;
use wasip2::filesystem::types::NewTimestamp;

/// Whether such a time is refused, or cut to what the host can keep, it does no harm.
pub fn times_out_of_range_are_no_trap() {
    let file = create("file");
    let extreme = [(u64::MAX, 0), (u64::MAX, u32::MAX), (1 << 63, 0), (i64::MAX as u64, 999_999_999), (0, u32::MAX)];

    for (seconds, nanoseconds) in extreme {
        let time = NewTimestamp::Timestamp(Instant { seconds, nanoseconds });
        if let Err(code) = file.0.set_times(time, time) {
            refused(Err::<(), _>(Code::from(code)), &[Code::Overflow, Code::Invalid]);
        }
        // The kit checks that what comes back is a time.
        ok(file.stat());
    }
}
